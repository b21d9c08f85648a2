"""The house: who imports whom, that nothing is missing from a list, and that files stay small."""

import ast
import graphlib
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import fastnn
from fastnn import functional, layers, reference
from fastnn.registry import ACTIVATIONS

PACKAGE = Path(fastnn.__file__).parent
ROOT = PACKAGE.parents[1]

# From the top, where nothing of fastnn is imported, to the bottom. A module imports only from
# rooms above its own and from its own. A package is named once, for all in it.
ROOMS = {
    "ground": "_version _cpu _kernels _kernels_v3 _kernels_v4",
    "dispatch": "_dispatch",
    "engine": "_engine _native",
    "machine": "_threads _config",
    "settings": "_settings registry _check",
    "arrays": "reference functional",
    "graph": "init parameter graph passes",
    "layers": "layers",
    "learning": "losses optim program",
    "schedules": "_schedule _plateau schedules",
    "measures": "_counts metrics scoring",
    "training": "_ahead _plots history progress callbacks trainer",
    "data": "data",
    "files": "io",
    "inspection": "inspection",
    "patch": "patch",
    "public": "__init__",
    "faces": "_arguments _commands _fitting _standardize _terminal cli __main__ "
    "sklearn thinc compat distributed",
}
FLOOR = {name: floor for floor, names in enumerate(ROOMS.values()) for name in names.split()}

# Lists of short entries that have nothing to do with each other, in one order: cutting one in
# two would make it harder to find things. Nothing else may outgrow the limit.
LONG_LISTS = {"_kernels.pyx", "_leaf.pxd", "kernels/activations.pxi"}
LINES = 400


def _name(path: Path) -> str:
    """``graph``, ``layers.base``, ``layers``, ``__init__``."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and parts[1:] else parts)


SOURCES = {_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
KERNELS = ["_kernels", "_kernels_v3", "_kernels_v4"]
EXTENSIONS = {"_cpu", "_engine", *KERNELS}


def imports(path: Path) -> set[str]:
    """The modules of fastnn that a file imports, at whatever depth, or names in a string."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                found |= {f"{alias.name}." for alias in names}
            case ast.ImportFrom(module=str(module), names=names, level=0):
                found |= {f"{module}.{alias.name}" for alias in names}
            case ast.ImportFrom():
                raise AssertionError(f"{path}:{node.lineno}: a relative import")
            case ast.Constant(value=str(text)) if text.startswith("fastnn._") and " " not in text:
                found.add(text)
    found = {name.removeprefix("fastnn.") for name in found if name.split(".")[0] == "fastnn"}
    known = SOURCES.keys() | EXTENSIONS
    # What isn't a module is a name in one: in graph's `Call`, in the package's `__version__`.
    return {n if n in known else n.rpartition(".")[0] or "__init__" for n in found}


GRAPH = {name: imports(path) for name, path in SOURCES.items()}


def floor(name: str) -> int:
    return FLOOR.get(name.split(".")[0], 0)  # the first test tells of a module without a room


def test_every_module_has_a_room():
    assert {name.split(".")[0] for name in SOURCES} <= FLOOR.keys()


@pytest.mark.parametrize("name", SOURCES)
def test_imports_run_downward(name):
    assert not {other for other in GRAPH[name] if floor(other) > floor(name)}


@pytest.mark.parametrize("name", SOURCES)
def test_only_a_face_imports_a_face_and_only_the_dispatcher_imports_kernels(name):
    faces = {other for other in GRAPH[name] if floor(other) == len(ROOMS) - 1}
    assert not faces or floor(name) == len(ROOMS) - 1
    kernels = {other for other in GRAPH[name] if other.startswith("_kernels")}
    assert kernels == (set(KERNELS) if name == "_dispatch" else set())


@pytest.mark.checkout
@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.pyx")), ids=lambda path: path.stem)
def test_extensions_know_declarations_only(path):
    found = re.findall(r"^ *(?:from|c?import) +fastnn\b.*", path.read_text(encoding="utf-8"), re.M)
    allowed = "from fastnn._leaf cimport"
    assert [line for line in found if not line.startswith(allowed)] == []
    assert bool(found) == (path.stem in ("_engine", "_kernels"))


def test_nothing_goes_round():
    graphlib.TopologicalSorter(GRAPH).prepare()  # raises CycleError, with the cycle


def test_the_walk_finds_imports_of_every_kind(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        "import fastnn\nimport numpy\nfrom fastnn import graph, Linear\n"
        "from fastnn.layers.base import Layer\n"
        "def f():\n    from fastnn.registry import ACTIVATIONS\n"
        "    importlib.import_module('fastnn._kernels_v3')\n"
    )
    expected = {"__init__", "graph", "layers.base", "registry", "_kernels_v3"}
    assert imports(path) == expected
    path.write_text("from . import graph\n")
    with pytest.raises(AssertionError, match="relative"):
        imports(path)


# -- lists that must be complete -----------------------------------------------------------------


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_is_everywhere(name):
    for function in (name, f"{name}_backward"):
        assert function in functional.__all__
        assert callable(getattr(reference, function))
    layer = layers.ACTIVATION_LAYERS[name]
    assert layer.__name__ in layers.__all__
    assert getattr(fastnn, layer.__name__) is layer


@pytest.mark.checkout
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_has_its_errors_in_the_documentation(name):
    text = (ROOT / "docs" / "numerics.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| `?{name}`? \|", text, re.MULTILINE)


PUBLIC = [
    importlib.import_module(module.name)
    for module in pkgutil.walk_packages(fastnn.__path__, "fastnn.")
    if not any(part.startswith("_") for part in module.name.split("."))
    and floor(module.name.removeprefix("fastnn.")) < FLOOR["__init__"]
]


def own(module) -> dict:
    """The public classes and functions that a module, or what is in a package, defines."""
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and f"{value.__module__}.".startswith(f"{module.__name__}.")
    }


@pytest.mark.parametrize("module", [fastnn, *PUBLIC], ids=lambda module: module.__name__)
def test_all_is_complete_and_sorted(module):
    if not hasattr(module, "__all__"):
        assert module is not fastnn
        assert not hasattr(module, "__path__")
        return
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        getattr(module, name)
    assert own(module).keys() <= set(module.__all__)
    # Where it is written out; in isort's order: constants, classes, the rest.
    if (names := _written_out(SOURCES[module.__name__.partition(".")[2] or "__init__"])) is None:
        return
    assert names == sorted(names, key=lambda n: (not n.isupper(), not n[0].isupper(), n))


def _written_out(path: Path) -> list[str] | None:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List(elts=elements)):
                return [e.value for e in elements if isinstance(e, ast.Constant)]
    return None


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)
def test_public_names_are_documented(module):
    assert module.__doc__
    if module.__name__.startswith(reference.__name__):
        assert "Here the code is the documentation" in reference.__doc__
        return
    undocumented = [name for name, value in own(module).items() if not value.__doc__]
    assert undocumented == []


@pytest.mark.checkout
@pytest.mark.parametrize(
    "path",
    [p for kind in ("py", "pyx", "pxi", "pxd") for p in sorted(PACKAGE.rglob(f"*.{kind}"))],
    ids=lambda path: path.relative_to(PACKAGE).as_posix(),
)
def test_files_stay_small(path):
    with path.open(encoding="utf-8") as file:
        long = sum(1 for _ in file) > LINES
    assert long == (path.relative_to(PACKAGE).as_posix() in LONG_LISTS)
