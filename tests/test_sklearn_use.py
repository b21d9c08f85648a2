"""How people use scikit-learn's perceptrons, with fastnn's."""

import copy
import gc
import pickle
import subprocess
import sys
import weakref

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from peers import peer

pytest.importorskip("sklearn", minversion="1.7")

from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits, make_multilabel_classification
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier as Original
from sklearn.neural_network import MLPRegressor as OriginalRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastnn
from fastnn.sklearn import MLPClassifier, MLPRegressor
from fastnn.sklearn._original import check_version

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    return x[:600] / 16, y[:600]


@pytest.fixture
def fitted(digits):
    return MLPClassifier((12, 8), max_iter=5, random_state=0).fit(*digits)


def probabilities(estimator, x):
    """By the formula, from the attributes."""
    for coef, intercept in zip(estimator.coefs_[:-1], estimator.intercepts_[:-1], strict=True):
        x = np.maximum(x @ coef + intercept, 0)
    z = x @ estimator.coefs_[-1] + estimator.intercepts_[-1]
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def check(estimator, x):
    assert_allclose(estimator.predict_proba(x), probabilities(estimator, x), rtol=1e-10, atol=1e-14)
    assert_allclose(estimator.predict_proba(x[:1]), probabilities(estimator, x[:1]), rtol=1e-10)


def test_it_is_scikit_learns_class(fitted):
    assert isinstance(fitted, Original)
    assert isinstance(MLPRegressor(), OriginalRegressor)
    theirs, ours = Original().get_params(), MLPClassifier().get_params()
    assert list(theirs.items()) == [(k, v) for k, v in ours.items() if k in theirs]
    assert repr(MLPClassifier(alpha=1)) == "MLPClassifier(alpha=1)"


def test_coefficients_may_be_changed_in_place(fitted, digits):
    x, _ = digits
    check(fitted, x)
    fitted.coefs_[0][:, 3] = 0
    fitted.intercepts_[1] += 0.5
    fitted.coefs_[2] *= 2
    check(fitted, x)


def test_coefficients_may_be_replaced(fitted, digits):
    x, y = digits
    fitted.coefs_[0] = np.ones((64, 12)) / 64  # in C order, as people write them
    check(fitted, x)
    fitted.coefs_[0][:, 1] = -1
    check(fitted, x)
    fitted.coefs_ = [np.asfortranarray(c / 2) for c in fitted.coefs_]
    held = fitted.coefs_[1]
    check(fitted, x)
    held[:] = 0.1
    check(fitted, x)
    fitted.partial_fit(x, y)
    assert_array_equal(held, 0.1)  # training goes on in memory of its own
    check(fitted, x)


def test_other_shapes_may_be_put_in(fitted, digits):
    x, _ = digits
    rng = np.random.default_rng(0)
    fitted.coefs_[0], fitted.coefs_[1] = rng.random((64, 5)), rng.random((5, 8))
    fitted.intercepts_[0] = rng.random(5)
    check(fitted, x)


def test_arrays_that_were_held_stay_as_they_were(fitted, digits):
    held = fitted.coefs_[0]
    before = held.copy()
    fitted.fit(*digits)
    assert held is not fitted.coefs_[0]
    assert_array_equal(held, before)


@pytest.mark.parametrize(
    "again",
    [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy, copy.copy],
    ids=["pickle", "deepcopy", "copy"],
)
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_copies_go_on_to_the_same_bits(digits, again, batch_norm, solver):
    x, y = digits
    first = MLPClassifier(
        (12,), solver=solver, max_iter=3, random_state=0, batch_norm=batch_norm
    ).fit(x, y)
    expected = first.predict_proba(x)
    second = again(first)
    assert_array_equal(second.predict_proba(x), expected)
    second.partial_fit(x, y)
    if again is not copy.copy:  # whose lists are the same
        assert_array_equal(first.predict_proba(x), expected)
        first.partial_fit(x, y)
    assert_array_equal(second.coefs_[0], first.coefs_[0])
    assert_array_equal(second.predict_proba(x), first.predict_proba(x))


def test_clones_are_not_fitted(fitted, digits):
    again = clone(fitted)
    assert again.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        again.predict(digits[0])


def test_pipelines_and_searches(digits):
    x, y = digits
    pipeline = make_pipeline(StandardScaler(), MLPClassifier((10,), max_iter=4, random_state=0))
    grid = {"mlpclassifier__alpha": [1e-4, 1e5], "mlpclassifier__dropout": [0, 0.1]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(x, y)
    assert search.best_params_["mlpclassifier__alpha"] == 1e-4


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_joblib(digits, backend):
    joblib = pytest.importorskip("joblib")
    x, y = digits
    model = MLPClassifier((10,), max_iter=4, random_state=0)
    alone = cross_val_score(model, x, y, cv=3)
    with joblib.parallel_backend(backend, n_jobs=2):
        assert_array_equal(cross_val_score(model, x, y, cv=3), alone)


def test_predictions_of_many_threads_at_once(fitted, digits):
    joblib = pytest.importorskip("joblib")
    x, _ = digits
    expected = fitted.predict_proba(x)
    again = pickle.loads(pickle.dumps(fitted))  # so that all of them begin with nothing compiled
    found = joblib.Parallel(n_jobs=4, prefer="threads")(
        joblib.delayed(again.predict_proba)(x) for _ in range(16)
    )
    for each in found:
        assert_array_equal(each, expected)


def test_memory_mapped_coefficients(fitted, digits):
    joblib = pytest.importorskip("joblib")
    x, _ = digits
    expected = fitted.predict_proba(x)
    found = joblib.Parallel(n_jobs=2, max_nbytes=100)(
        joblib.delayed(fitted.predict_proba)(part) for part in (x[:300], x[300:])
    )
    assert_array_equal(np.concatenate(found), expected)


def test_ensembles(digits):
    x, y = digits
    model = BaggingClassifier(MLPClassifier((30,), max_iter=20), 3, random_state=0).fit(x, y)
    assert model.score(x, y) > 0.8


def test_any_number_of_threads_gives_the_same_bits(digits):
    before = fastnn.get_num_threads()
    curves = []
    for n in (1, 2, 5):
        model = MLPClassifier((50,), max_iter=3, random_state=0, n_threads=n).fit(*digits)
        curves.append((model.loss_curve_, model.coefs_[0].tolist()))
        assert fastnn.get_num_threads() == before
    assert curves[0] == curves[1] == curves[2]


def test_threads_are_given_back_after_errors(digits):
    before = fastnn.get_num_threads()
    with pytest.raises(ValueError, match="inconsistent"):
        MLPClassifier(n_threads=before + 1).fit(digits[0], digits[1][:-1])
    assert fastnn.get_num_threads() == before


def test_data_of_other_types(fitted, digits):
    x, _ = digits
    expected = fitted.predict_proba(x)
    for other in (x.tolist(), np.asfortranarray(x), sparse.csr_array(x), sparse.csc_matrix(x)):
        assert_array_equal(fitted.predict_proba(other), expected)
    single = x.astype(np.float32)
    assert_array_equal(fitted.predict_proba(single), fitted.predict_proba(single.astype(float)))


def test_float64_predicted_by_a_net_of_float32(digits):
    x, y = digits
    model = MLPClassifier((12,), max_iter=3, random_state=0).fit(x.astype(np.float32), y)
    assert model.predict_proba(x.astype(np.float32)).dtype == np.float32
    found = model.predict_proba(x)
    assert found.dtype == np.float64
    assert_allclose(found, probabilities(model, x), rtol=1e-12)


def test_data_frames_and_their_names(digits):
    pandas = peer("pandas")
    x, y = digits
    frame = pandas.DataFrame(x, columns=[f"pixel {i}" for i in range(64)])
    model = MLPClassifier((8,), max_iter=2, random_state=0).fit(frame, pandas.Series(y))
    assert model.feature_names_in_[1] == "pixel 1"
    expected = model.predict_proba(frame)
    with pytest.warns(UserWarning, match="valid feature names"):
        assert_array_equal(model.predict_proba(x), expected)


def test_batches_without_weight_change_nothing(digits):
    x, y = digits
    weight = np.zeros(600)
    weight[:200] = 1  # scikit-learn divides by the zero of the others
    parameters = {"shuffle": False, "solver": "sgd", "momentum": 0, "max_iter": 1, "alpha": 0}
    some = MLPClassifier((9,), random_state=0, **parameters).fit(x, y, weight)
    alone = MLPClassifier((9,), random_state=0, **parameters).fit(x[:200], y[:200])
    assert_array_equal(some.coefs_[0], alone.coefs_[0])


# -- partial_fit ---------------------------------------------------------------------------------


def test_partial_fit_takes_batches_without_some_of_the_classes(digits):
    x, y = digits
    for warm_start in (False, True):
        model = MLPClassifier((12,), warm_start=warm_start, random_state=0)
        model.partial_fit(x[y < 3], y[y < 3], classes=np.arange(10))
        model.partial_fit(x[y == 7], y[y == 7])
        assert model.warm_start is warm_start
        assert model.predict_proba(x).shape == (600, 10)
        with pytest.raises(ValueError, match="classes not in"):
            model.partial_fit(x, y + 1)


def test_partial_fit_of_labels_is_a_fit_of_one_epoch():
    x, y = make_multilabel_classification(80, 6, n_classes=3, random_state=0)
    parameters = {"hidden_layer_sizes": (9,), "random_state": 0, "shuffle": False}
    parts = MLPClassifier(**parameters)
    for _ in range(4):
        parts.partial_fit(x, y, classes=np.arange(3))
    whole = MLPClassifier(**parameters, max_iter=4).fit(x, y)
    assert_array_equal(parts.coefs_[0], whole.coefs_[0])
    assert parts.loss_curve_ == whole.loss_curve_


def test_settings_may_change_between_partial_fits(digits):
    x, y = digits
    steady = MLPClassifier((9,), random_state=0).fit(x, y)
    changed = copy.deepcopy(steady).set_params(alpha=50.0)
    for model in (steady, changed):
        for _ in range(5):
            model.partial_fit(x, y)
    assert np.abs(changed.coefs_[0]).sum() < np.abs(steady.coefs_[0]).sum()


# -- versions of scikit-learn --------------------------------------------------------------------


class _Moved:
    def _fit(self, X, y, weight): ...


def test_a_scikit_learn_that_is_too_old_or_too_new_is_named():
    with pytest.raises(ImportError, match=r"1\.7 or newer, got 1\.6\.1: pip install"):
        check_version("1.6.1", {})
    with pytest.raises(ImportError, match=r"2\.0.*_Moved\._fit with arguments \(X y\), got one"):
        check_version("2.0", {_Moved: {"_fit": "X y"}})
    with pytest.raises(ImportError, match=r"_Moved\._init with arguments \(\), got none"):
        check_version("2.0", {_Moved: {"_init": ""}})
    check_version("1.10.dev0", {_Moved: {"_fit": "X y weight"}})


def test_without_scikit_learn_the_import_says_what_to_install():
    code = "import sys; sys.modules['sklearn'] = None\nimport fastnn\nimport fastnn.sklearn"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "ImportError: fastnn.sklearn needs scikit-learn 1.7 or newer: pip install" in done.stderr


def test_fastnn_alone_imports_no_scikit_learn():
    code = "import sys, fastnn; sys.exit('sklearn' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_nothing_keeps_an_estimator_alive(digits):
    gc.disable()  # reference counts alone
    try:
        model = MLPClassifier((9,), max_iter=2, early_stopping=True).fit(*digits)
        model.predict(digits[0])
        gone = weakref.ref(model)
        held = weakref.ref(model._net)
        del model
        assert gone() is None
        assert held() is None
    finally:
        gc.enable()
