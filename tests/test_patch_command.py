"""``python -m fastnn.patch`` beside ``python``: scripts, modules and code see and say the same."""

import os
import py_compile
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import fastnn
from fastnn.patch import _projects


def run(*arguments, folder, python=(), **options):
    source = str(Path(fastnn.__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": source}
    return subprocess.run(
        [sys.executable, *python, *arguments], cwd=folder, env=environment, text=True,
        capture_output=True, timeout=120, **options,
    )  # fmt: skip


def patched(*arguments, **options):
    return run("-m", "fastnn.patch", *arguments, **options)


SHOW = """
import sys, os
print(sys.argv, sys.path[0], __name__, sys.modules["__main__"].__dict__ is globals())
print(globals().get("__file__"), len(sys.path))
"""


@pytest.fixture
def scripts(tmp_path):
    """A folder with a script in another, which has a module of its own beside it."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "beside.py").write_text("name = 'beside'\n")
    (tmp_path / "inner" / "show.py").write_text(SHOW + "import beside\n")
    (tmp_path / "module.py").write_text(SHOW)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "__main__.py").write_text(SHOW)
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as file:
        file.writestr("__main__.py", SHOW)
    return tmp_path


@pytest.mark.parametrize(
    "rest",
    [
        ["inner/show.py", "a", "-b", "--help", "sklearn"],
        ["-m", "module", "-c", "b"],
        ["-c", SHOW, "x", "-m"],
        ["folder", "a"],
        ["app.zip", "a"],
    ],
    ids=["script", "module", "code", "folder", "zip"],
)
@pytest.mark.parametrize("python", [[], ["-P"]], ids=["", "safe path"])
def test_scripts_see_what_python_shows_them(rest, python, scripts):
    if python and (rest[0] == "-m" or "show" in rest[0]):
        pytest.skip("they find no module of their own then")
    plain = run(*rest, folder=scripts, python=python)
    ours = run("-m", "fastnn.patch", "nielsen", *rest, folder=scripts, python=python)
    assert (plain.returncode, plain.stderr) == (ours.returncode, ours.stderr) == (0, "")
    assert ours.stdout == plain.stdout


def test_scripts_get_fastnns(scripts):
    path = scripts / "train.py"
    path.write_text(
        "import network, network2, sys\nprint(network.Network, network2.load)\n"
        "import pickle\nclass Own: pass\npickle.loads(pickle.dumps(Own()))\n"
    )
    # A module of that name beside the script gives way.
    (scripts / "network.py").write_text("raise AssertionError\n")
    done = patched("nielsen", "train.py", folder=scripts)
    assert (done.returncode, done.stderr) == (0, "")
    assert "fastnn.compat.nielsen.network.Network" in done.stdout


@pytest.mark.parametrize(
    "code",
    [
        "import sys; sys.exit(7)",
        "raise SystemExit('the end')",
        "def f():\n    1 / 0\nf()",
        "this is no Python",
        "raise KeyboardInterrupt",
        "import sys\nsys.excepthook = lambda *e: print('hook', e[0])\n1 / 0",
        "import atexit\natexit.register(lambda: print(value))\nvalue = 5",
    ],
)
def test_the_end_is_the_scripts(code, scripts):
    (scripts / "end.py").write_text(code + "\n")
    plain = run("end.py", folder=scripts)
    ours = patched("nielsen", "end.py", folder=scripts)
    assert ours.returncode == plain.returncode
    assert (ours.stdout, ours.stderr) == (plain.stdout, plain.stderr)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected a name first (common, nielsen, sklearn, thinc), got nothing"),
        (["skleran", "inner/show.py"], "got 'skleran'"),
        (["inner/show.py"], "expected a name first"),
        (["nielsen"], "expected a script, -, -m or -c after 'nielsen'"),
        (["nielsen", "-m"], "expected a module after -m"),
        (["nielsen", "-c"], "expected code after -c"),
        (["nielsen", "--quiet", "show.py"], "got '--quiet'"),
        (["nielsen", "show.py"], "got 'show.py': no such file"),
        (["nielsen", "inner"], "expected a __main__.py in 'inner', found none"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage(arguments, message, scripts):
    done = patched(*arguments, folder=scripts)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.startswith("usage: python -m fastnn.patch NAME... (SCRIPT")
    assert done.stdout == ""


def test_help(scripts):
    done = patched("--help", folder=scripts)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(name in done.stdout for name in _projects.PROJECTS)


def test_a_missing_project_ends_before_the_script(scripts):
    (scripts / "thinc.py").write_text("raise ImportError('thinc is broken')\n")
    (scripts / "spacy.py").write_text("")
    done = patched("thinc", "-c", "print('ran')", folder=scripts)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "thinc" in done.stderr
    assert "Traceback" not in done.stderr


WHOLE = """
import __main__, atexit, sys
class Own: pass
assert __main__ is sys.modules[__name__] and vars(__main__) is globals()
# After the end, too: what is pickled then, or run by threads, is looked for there.
atexit.register(lambda: print(sys.modules["__main__"].Own))
print(type(__builtins__), __package__, __spec__ and __spec__.name, sys.argv)
"""


@pytest.mark.parametrize(
    "rest",
    [["whole.py"], ["-m", "whole", "a"], ["-m", "package"], ["package"], ["-m", "package.whole"]],
    ids=" ".join,
)
def test_the_main_module_is_one_until_the_end(rest, tmp_path):
    (tmp_path / "package").mkdir()
    for name in ("whole.py", "package/__init__.py", "package/__main__.py", "package/whole.py"):
        (tmp_path / name).write_text("" if "init" in name else WHOLE)
    plain, ours = run(*rest, folder=tmp_path), patched("nielsen", *rest, folder=tmp_path)
    assert (plain.returncode, plain.stderr) == (ours.returncode, ours.stderr) == (0, "")
    assert ours.stdout == plain.stdout


@pytest.mark.parametrize("rest", [["-"], ["-", "a", "-b"]], ids=" ".join)
def test_standard_input(rest, scripts):
    plain = run(*rest, folder=scripts, input=SHOW)
    ours = patched("nielsen", *rest, folder=scripts, input=SHOW)
    assert (plain.returncode, plain.stderr) == (ours.returncode, ours.stderr) == (0, "")
    assert ours.stdout == plain.stdout
    assert "ZeroDivisionError" in patched("nielsen", "-", folder=scripts, input="1 / 0").stderr


def test_compiled_scripts(scripts):
    compiled = py_compile.compile(str(scripts / "inner" / "show.py"), str(scripts / "show.pyc"))
    (scripts / "beside.py").write_text("")
    plain, ours = run(compiled, folder=scripts), patched("nielsen", compiled, folder=scripts)
    assert (ours.returncode, ours.stderr) == (0, "")
    assert ours.stdout == plain.stdout


def test_paths_are_not_made_shorter(scripts):
    # Through a link, `..` leads to the parent of the folder that it points to.
    (scripts / "inner" / "deep").mkdir()
    (scripts / "link").symlink_to(scripts / "inner" / "deep")
    (scripts / "show.py").write_text("raise AssertionError('the wrong one')")
    plain = run("link/../show.py", folder=scripts)
    ours = patched("nielsen", "link/../show.py", folder=scripts)
    assert (ours.returncode, ours.stderr) == (0, "")
    assert ours.stdout == plain.stdout


@pytest.mark.parametrize(
    "name", ["absent", "absent.too", "module.absent", "sys", "math", "empty", "", ".module"]
)
def test_modules_that_do_not_run(name, scripts):
    (scripts / "empty").mkdir()
    done = patched("nielsen", "-m", name, folder=scripts)
    message = f"expected a module that runs, found none named {name!r}\n"
    assert done.returncode == run("-m", name, folder=scripts).returncode == 1
    assert done.stderr == f"python -m fastnn.patch: error: {message}"


def test_what_a_package_lacks_is_its_own_error(scripts):
    (scripts / "package").mkdir()
    (scripts / "package" / "__init__.py").write_text("import absent\n")
    done = patched("nielsen", "-m", "package", folder=scripts)
    assert done.returncode == 1
    assert done.stderr.endswith("ModuleNotFoundError: No module named 'absent'\n")


def test_an_interactive_session_goes_on_in_silence(scripts):
    done = patched("nielsen", "-c", "value = 6", folder=scripts, python=["-i"], input="value * 7\n")
    assert done.returncode == 0
    assert done.stdout == "42\n"
    assert "SystemExit" not in done.stderr
