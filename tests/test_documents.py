"""The documents: what they promise runs, what they name exists, and what exists they name."""

import doctest
import importlib
import inspect
import pkgutil
import re
import shlex
import tomllib
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from peers import REQUIRED
from test_structure import PACKAGE, ROOMS, own

import fastnn
from fastnn import data, functional, init, inspection, io, layers, metrics, schedules
from fastnn.cli import main
from fastnn.losses import LOSSES
from fastnn.optim import OPTIMIZERS

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md"))]

checkout = pytest.mark.checkout


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def named_paths(text: str) -> set[str]:
    """What stands in backticks and looks like a file or a folder."""
    return set(re.findall(r"`([\w.][\w./-]*(?:\.(?:py|pyx|pxd|pxi|md|toml|yaml)|/))`", text))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# -- what runs -----------------------------------------------------------------------------------


@checkout
def test_the_readmes_python_runs(folder, capsys):
    # As one session, from top to bottom.
    names = {"__name__": "readme"}
    for block in blocks(read("README.md"), "python"):
        exec(compile(block, "README.md", "exec"), names)
    assert names["result"]["accuracy"] > 0.97
    assert names["scaled"].predict(names["x"]).shape == (len(names["x"]), 10)
    np.testing.assert_allclose(names["z"].sum(axis=1), 1, rtol=1e-5)
    assert "accuracy" in capsys.readouterr().out


@checkout
def test_the_readmes_commands_run(folder, capsys):
    rows = [f"{i % 7},{i % 3},{'ab'[i % 7 > 3]}" for i in range(200)]
    (folder / "flowers.csv").write_text("\n".join(["length,width,species", *rows, ""]))
    targets = set(re.findall(r"^(\w+):", read("Makefile"), re.MULTILINE))
    lines = "".join(blocks(read("README.md"), "sh")).splitlines()
    for command, *arguments in map(shlex.split, lines):
        match command:
            case "fastnn":
                assert main(arguments) == 0, capsys.readouterr().err
            case "make":
                assert set(arguments) <= targets
            case _:
                assert [command, *arguments] == ["pip", "install", "."]
    assert "accuracy" in capsys.readouterr().out
    assert (folder / "predictions.csv").read_text().count("\n") == 361


MODULES = [
    module.name
    for module in pkgutil.walk_packages(fastnn.__path__, "fastnn.")
    if not module.name.endswith(".__main__")
    and not module.name.startswith(("fastnn._kernels", "fastnn._cpu", "fastnn._engine"))
]


@pytest.mark.parametrize("name", ["fastnn", *MODULES])
def test_examples_run(name, folder):
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        if REQUIRED or error.name is None or error.name.startswith("fastnn"):
            raise
        pytest.skip(f"needs {error.name}")
    results = doctest.testmod(module)
    assert results.failed == 0


# -- what is complete ----------------------------------------------------------------------------

PUBLIC = {
    name: getattr(module, name)
    for module in (fastnn, data, functional, init, inspection, io, layers, metrics, schedules)
    for name in getattr(module, "__all__", own(module))
    if not name.startswith("_")
}


def _family(value) -> tuple:
    # The first class below object that a class comes from: the others are used like it.
    return value.__mro__[-2] if inspect.isclass(value) else value


@checkout
def test_all_that_is_public_is_in_an_example():
    finder = doctest.DocTestFinder(exclude_empty=True)
    text = "".join(blocks(read("README.md"), "python"))
    for name, value in PUBLIC.items():
        if inspect.isclass(value) or inspect.isfunction(value):
            for test in finder.find(value, name, module=False):
                text += "".join(example.source for example in test.examples)
    shown = {name for name in PUBLIC if re.search(rf"\b{name}\b", text)}
    families = {_family(PUBLIC[name]) for name in shown if inspect.isclass(PUBLIC[name])}
    missing = [
        name
        for name, value in PUBLIC.items()
        if name not in shown
        and (
            inspect.isfunction(value)
            or (inspect.isclass(value) and _family(value) not in {*families, BaseException})
        )
    ]
    assert missing == []


def _in_the_box() -> list[str]:
    classes = [*LOSSES.values(), *OPTIMIZERS.values()]
    classes += [v for v in vars(layers).values() if inspect.isclass(v)]
    return sorted(
        {cls.__name__ for cls in classes if cls is not layers.Activation}
        | {name for name in schedules.__all__ if name not in ("Schedule", "as_schedule")}
        | init.INITIALISERS.keys()
    )


@checkout
@pytest.mark.parametrize("name", _in_the_box())
def test_the_readme_names_what_is_in_the_box(name):
    assert f"`{name}`" in read("README.md")


@checkout
def test_the_map_is_that_of_the_house():
    text = read("CONTRIBUTING.md").partition("## The map")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\w+) \| (`.*?`) \|", text, re.MULTILINE)
    shown = {room: re.findall(r"`(\w+)(?:/|\.pyx?)`", files) for room, files in rows}
    assert list(shown) == list(ROOMS)
    for room, names in ROOMS.items():
        there = [n for n in names.split() if (PACKAGE / n).is_dir() or [*PACKAGE.glob(f"{n}.py*")]]
        assert shown[room] == there


# -- what exists ---------------------------------------------------------------------------------


@checkout
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_resolve(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", link):
            target, _, anchor = link.partition("#")
            target = (page.parent / unquote(target)) if target else page
            assert target.exists(), link
            assert not anchor or anchor in _anchors(target), link


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@checkout
@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/design.md"])
def test_named_files_exist(page):
    for path in named_paths(read(page)):
        assert (ROOT / path).exists() or (ROOT / "src" / "fastnn" / path).exists(), path


@checkout
def test_named_tests_exist():
    tests = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("tests/*.py"))
    for name in re.findall(r"`(test_\w+)`", read("CONTRIBUTING.md")):
        assert f"def {name}(" in tests


@checkout
def test_named_make_targets_exist():
    makefile = read("Makefile")
    for target in re.findall(r"`make (\w+)`", read("CONTRIBUTING.md") + read("README.md")):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@checkout
def test_the_changelog_has_this_version():
    versions = re.findall(
        r"^## \[(.+?)\] - (unreleased|\d{4}-\d\d-\d\d)$", read("CHANGELOG.md"), re.M
    )
    assert versions[0][0] == fastnn.__version__
    kinds = set(re.findall(r"^### (.+)$", read("CHANGELOG.md"), re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@checkout
def test_hooks_run_the_linters_of_make():
    hooks = set(re.findall(r"^ +- id: (\S+)$", read(".pre-commit-config.yaml"), re.MULTILINE))
    dev = tomllib.loads(read("pyproject.toml"))["project"]["optional-dependencies"]["dev"]
    tools = {"ruff", "cython-lint", "codespell"}
    assert hooks == {*tools, "ruff-format"}
    assert tools <= {re.match(r"[\w-]+", requirement)[0] for requirement in dev}
    assert all(tool in read("Makefile") for tool in tools)
