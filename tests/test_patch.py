"""Other projects' modules and classes give way to fastnn's, and come back."""

import importlib
import os
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import pytest

import fastnn
from fastnn.compat.nielsen import network, network2
from fastnn.patch import _projects

FACES = {
    "common": "fastnn.compat.scratch",
    "nielsen": "fastnn.compat.nielsen",
    "sklearn": "fastnn.sklearn",
    "thinc": "fastnn.thinc",
}


@pytest.fixture(autouse=True)
def unpatched():
    fastnn.unpatch()
    before = dict(sys.modules)
    yield
    fastnn.unpatch()
    for name in ("network", "network2", "common"):
        assert sys.modules.get(name) is before.get(name)


def module(name, monkeypatch, **names):
    made = types.ModuleType(name)
    vars(made).update(names)
    monkeypatch.setitem(sys.modules, name, made)
    return made


@pytest.fixture
def scikit(monkeypatch):
    """Fake ones, face and all: (the original's public and private module, a user's, the face)."""
    a, b = type("MLPClassifier", (), {}), type("MLPRegressor", (), {})
    own = {"MLPClassifier": type("Faster", (a,), {}), "MLPRegressor": type("Faster", (b,), {})}
    module("sklearn", monkeypatch)
    private = module("sklearn.neural_network._mlp", monkeypatch, MLPClassifier=a, MLPRegressor=b)
    public = module("sklearn.neural_network", monkeypatch, MLPClassifier=a, MLPRegressor=b)
    user = module("a_notebook", monkeypatch, Net=a, same=a, MLPRegressor="another", nets=[a])
    face = module("fastnn.sklearn", monkeypatch, **own)
    module("fastnn.sklearn._original", monkeypatch, MLPClassifier=a)
    return public, private, user, face


@pytest.fixture
def thinc(monkeypatch):
    calls = []
    face = module("fastnn.thinc", monkeypatch)
    face.install = lambda: calls.append("install")
    face.uninstall = lambda: calls.append("uninstall")
    return calls


def contents(modules):
    return [dict(vars(m)) for m in modules]


# -- modules -------------------------------------------------------------------------------------


def test_modules_take_a_name_and_leave_it():
    assert "network" not in sys.modules
    fastnn.patch("nielsen")
    fastnn.patch("nielsen")
    import network as first
    import network2 as second

    assert first is network
    assert second is network2
    fastnn.unpatch("nielsen")
    assert not {"network", "network2"} & sys.modules.keys()
    fastnn.unpatch("nielsen")
    fastnn.unpatch()


def test_what_was_imported_before_comes_back(monkeypatch):
    theirs = module("network", monkeypatch)
    with fastnn.patch("nielsen"):
        assert sys.modules["network"] is network
    assert sys.modules["network"] is theirs
    assert "network2" not in sys.modules


def test_a_package_of_modules(monkeypatch):
    names = _projects.PROJECTS["common"].args[0]
    assert names.keys() == {
        "common", "common.functions", "common.layers", "common.optimizer", "common.trainer",
        "common.gradient", "common.util", "common.multi_layer_net",
        "common.multi_layer_net_extend",
    }  # fmt: skip
    for name in names.values():
        parent, _, last = name.rpartition(".")
        made = module(name, monkeypatch, marks=name)
        if name != FACES["common"]:
            monkeypatch.setattr(sys.modules[parent], last, made, raising=False)
    with fastnn.patch("common"):
        import common.multi_layer_net_extend as net
        from common import layers
        from common.functions import marks

        assert marks == "fastnn.compat.scratch.functions"
        assert layers.marks == "fastnn.compat.scratch.layers"
        assert net.marks == "fastnn.compat.scratch.multi_layer_net_extend"
    assert not any(name.partition(".")[0] == "common" for name in sys.modules)


def test_the_scratch_face_has_every_module():
    pytest.importorskip("fastnn.compat.scratch")
    with fastnn.patch("common"):
        for name in _projects.PROJECTS["common"].args[0]:
            assert importlib.import_module(name).__name__.startswith("fastnn.compat.scratch")


# -- classes -------------------------------------------------------------------------------------


def test_classes_are_replaced_wherever_modules_have_them(scikit):
    public, private, user, face = scikit
    before = contents(scikit)
    old = public.MLPClassifier
    fastnn.patch("sklearn")
    for m in (public, private):
        assert m.MLPClassifier is face.MLPClassifier
        assert m.MLPRegressor is face.MLPRegressor
    assert user.Net is user.same is face.MLPClassifier
    assert user.MLPRegressor == "another"
    assert user.nets == [old]
    assert sys.modules["fastnn.sklearn._original"].MLPClassifier is old
    fastnn.patch("sklearn")
    fastnn.unpatch()
    assert contents(scikit) == before


def test_odd_modules_do_no_harm(scikit, monkeypatch):
    class Odd:
        __slots__ = ()

        def __getattr__(self, name):
            raise RuntimeError("don't look")

    class Lazy(types.ModuleType):
        def __getattr__(self, name):
            raise AssertionError("imports something large")

    lazy = Lazy("lazy")
    monkeypatch.setitem(sys.modules, "nothing", None)
    monkeypatch.setitem(sys.modules, "a_slot", types.SimpleNamespace(a=1))
    monkeypatch.setitem(sys.modules, "lazy", lazy)
    monkeypatch.setitem(sys.modules, "odd", Odd())
    with fastnn.patch("sklearn"):
        assert scikit[0].MLPClassifier is scikit[3].MLPClassifier


def test_the_sklearn_face():
    pytest.importorskip("sklearn.neural_network")
    face = pytest.importorskip("fastnn.sklearn")
    import sklearn.neural_network as theirs

    old = theirs.MLPClassifier
    with fastnn.patch("sklearn"):
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        assert MLPClassifier is face.MLPClassifier
        assert MLPRegressor is face.MLPRegressor
        assert issubclass(MLPClassifier, old)
    assert theirs.MLPClassifier is old


# -- a face that installs itself -----------------------------------------------------------------


def test_a_face_installs_itself_once(thinc):
    fastnn.patch("thinc")
    fastnn.patch("thinc")
    assert thinc == ["install"]
    fastnn.unpatch()
    assert thinc == ["install", "uninstall"]


def test_the_thinc_face():
    pytest.importorskip("thinc")
    pytest.importorskip("fastnn.thinc")
    from thinc.api import get_current_ops

    before = get_current_ops()
    with fastnn.patch("thinc"):
        assert get_current_ops().name == "fastnn"
    assert get_current_ops().name == before.name


# -- several, and errors -------------------------------------------------------------------------


def test_some_or_all_go_back(scikit, thinc):
    fastnn.patch("sklearn", "nielsen", "thinc")
    fastnn.unpatch("thinc", "sklearn")
    assert thinc == ["install", "uninstall"]
    assert scikit[0].MLPClassifier is not scikit[3].MLPClassifier
    assert "network" in sys.modules
    fastnn.unpatch()
    assert "network" not in sys.modules


def test_a_context_takes_back_its_own_alone(thinc):
    fastnn.patch("nielsen")
    with fastnn.patch("nielsen", "thinc") as patched:
        assert repr(patched) == "<fastnn in place of thinc>"
    assert thinc == ["install", "uninstall"]
    assert "network" in sys.modules
    with fastnn.patch("thinc"):
        fastnn.unpatch()
        fastnn.patch("thinc")  # another's by now
    assert thinc == ["install", "uninstall"] * 2 + ["install"]
    with pytest.raises(KeyError), fastnn.patch("nielsen"):
        raise KeyError
    assert "network" not in sys.modules


@pytest.mark.parametrize("function", [fastnn.patch, fastnn.unpatch])
def test_unknown_names_are_told_what_there_is(function):
    with pytest.raises(ValueError, match="common, nielsen, sklearn, thinc, got 'skleran'"):
        function("nielsen", "skleran")
    assert "network" not in sys.modules
    with pytest.raises(ValueError, match="got none"):
        fastnn.patch()


def test_nothing_is_changed_where_a_project_is_missing(scikit, thinc, monkeypatch):
    before = contents(scikit)
    monkeypatch.setitem(sys.modules, "fastnn.thinc", None)
    with pytest.raises(ImportError, match="thinc"):
        fastnn.patch("nielsen", "sklearn", "thinc")
    assert contents(scikit) == before
    assert "network" not in sys.modules
    fastnn.patch("nielsen")
    with pytest.raises(ImportError, match="thinc"):
        fastnn.patch("nielsen", "thinc")
    assert "network" in sys.modules


def test_a_face_without_its_classes_changes_nothing(scikit):
    del scikit[3].MLPRegressor
    before = contents(scikit)
    with pytest.raises(AttributeError):
        fastnn.patch("sklearn")
    assert contents(scikit) == before


# -- the command line ----------------------------------------------------------------------------


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
        (["nielsen"], "expected a script, -m or -c after 'nielsen'"),
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
