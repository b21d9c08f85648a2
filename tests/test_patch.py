"""Other projects' modules and classes give way to fastnn's, and come back."""

import importlib
import pickle
import sys
import types

import pytest
from peers import peer

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
    peer("sklearn.neural_network")
    import sklearn.neural_network as theirs

    import fastnn.sklearn as face

    old = theirs.MLPClassifier
    with fastnn.patch("sklearn"):
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        assert MLPClassifier is face.MLPClassifier
        assert MLPRegressor is face.MLPRegressor
        assert issubclass(MLPClassifier, old)
    assert theirs.MLPClassifier is old


def test_pickles_of_scikit_learn_stay_its_own():
    peer("sklearn.neural_network")
    import sklearn.neural_network as theirs

    x, y = [[0.0, 1.0], [1.0, 0.0]] * 5, [0, 1] * 5
    existing = theirs.MLPClassifier(4, solver="lbfgs", max_iter=5, tol=10.0).fit(x, y)
    stored = pickle.dumps(existing)
    with fastnn.patch("sklearn"):
        for again in (pickle.loads(stored), pickle.loads(pickle.dumps(existing))):
            assert type(again) is type(existing)
            assert again.predict_proba(x).tolist() == existing.predict_proba(x).tolist()
        ours = theirs.MLPClassifier(4, solver="lbfgs", max_iter=5, tol=10.0).fit(x, y)
        assert type(pickle.loads(pickle.dumps(ours))) is theirs.MLPClassifier
    again = pickle.loads(pickle.dumps(ours))
    assert type(again) is type(ours) is not theirs.MLPClassifier


# -- a face that installs itself -----------------------------------------------------------------


def test_a_face_installs_itself_once(thinc):
    fastnn.patch("thinc")
    fastnn.patch("thinc")
    assert thinc == ["install"]
    fastnn.unpatch()
    assert thinc == ["install", "uninstall"]


def test_the_thinc_face():
    peer("thinc")
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


@pytest.mark.parametrize("function", [fastnn.patch, fastnn.unpatch])
@pytest.mark.parametrize("name", [["nielsen"], None, network], ids=["list", "None", "module"])
def test_names_are_strings(function, name):
    with pytest.raises(TypeError, match=r"^names: expected strings, got "):
        function("nielsen", name)
    assert "network" not in sys.modules


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
