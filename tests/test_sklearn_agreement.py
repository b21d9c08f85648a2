"""fastnn's perceptrons beside scikit-learn's: the same seed, the same course of training."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

pytest.importorskip("sklearn", minversion="1.7")

from scipy import sparse
from sklearn import neural_network
from sklearn.datasets import load_digits, make_classification, make_multilabel_classification

from fastnn import sklearn as face

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# Both compute the same formulas in the same order of steps; sums within a product are added in
# another order, which grows over tens of epochs. Measured: at most 2e-12.
EXACT = {"rtol": 1e-9, "atol": 1e-10}
# float32: its rounding, 6e-8, grows as above, and scikit-learn keeps some of it in float64.
SINGLE = {"rtol": 2e-3, "atol": 2e-4}


def task(name, dtype=np.float64):
    rng = np.random.RandomState(3)
    if name == "multilabel":
        x, y = make_multilabel_classification(120, 7, n_classes=4, random_state=0)
        return (x / x.std(axis=0)).astype(dtype), y
    if name in ("binary", "multiclass"):
        classes = 2 if name == "binary" else 4
        x, y = make_classification(
            130, 8, n_informative=5, n_classes=classes, random_state=1, flip_y=0.1
        )
        return x.astype(dtype), np.array([2, 3, 5, 7])[y]
    x = rng.randn(110, 6)
    y = np.column_stack([np.sin(x[:, 0]) + x[:, 1], x[:, 2] * x[:, 3]])
    if name == "regression":
        y = y[:, 0]
    return x.astype(dtype), (np.exp(y) if name == "poisson" else y).astype(dtype)


def pair(name, **parameters):
    """The same estimator of both projects."""
    kind = "Classifier" if name in ("binary", "multiclass", "multilabel") else "Regressor"
    if name == "poisson":
        parameters["loss"] = "poisson"
    parameters = {"random_state": 5, "hidden_layer_sizes": (9, 6), "max_iter": 30} | parameters
    return [getattr(p, f"MLP{kind}")(**parameters) for p in (neural_network, face)]


def agree(theirs, ours, x, tolerance=EXACT):
    for name in ("loss_curve_", "validation_scores_", "loss_", "best_loss_"):
        expected = getattr(theirs, name, None)
        if expected is None:
            assert getattr(ours, name, None) is None
        else:
            assert_allclose(getattr(ours, name), expected, **tolerance)
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(ours, name) == getattr(theirs, name)
    for expected, found in zip(
        theirs.coefs_ + theirs.intercepts_, ours.coefs_ + ours.intercepts_, strict=True
    ):
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape
        assert_allclose(found, expected, **tolerance)
    if hasattr(theirs, "predict_proba"):
        expected, found = theirs.predict_proba(x), ours.predict_proba(x)
        assert_allclose(found, expected, **tolerance)
        assert_allclose(ours.predict_log_proba(x), np.log(expected), rtol=1e-2, atol=1e-3)
        assert_array_equal(ours.predict(x), theirs.predict(x))
        assert ours.predict(x).dtype == theirs.predict(x).dtype
    else:
        expected, found = theirs.predict(x), ours.predict(x)
        assert_allclose(found, expected, **tolerance)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape


TASKS = ("binary", "multiclass", "multilabel", "regression", "outputs", "poisson")
OPTIONS = {
    "defaults": {},
    "batches": {"batch_size": 17, "alpha": 0.3},
    "in order": {"shuffle": False, "batch_size": 32},
    "adam": {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3, "learning_rate_init": 0.01},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.01},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False, "momentum": 0.7, "batch_size": 20},
    "plain": {"solver": "sgd", "momentum": 0, "alpha": 0.1},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.2, "alpha": 1},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.05, "n_iter_no_change": 2},
    "early": {"early_stopping": True, "n_iter_no_change": 3, "learning_rate_init": 0.01},
    "no layer": {"hidden_layer_sizes": ()},
    "one layer": {"hidden_layer_sizes": 5, "tol": 0.01, "n_iter_no_change": 1},
}


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("options", OPTIONS)
def test_training_is_the_same(name, options):
    x, y = task(name)
    theirs, ours = pair(name, **OPTIONS[options])
    agree(theirs.fit(x, y), ours.fit(x, y), x)


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_activations_are_the_same(name, activation, solver):
    x, y = task(name)
    theirs, ours = pair(name, activation=activation, solver=solver, max_iter=12)
    agree(theirs.fit(x, y), ours.fit(x, y), x)


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_float32_is_the_same_up_to_its_rounding(name, solver):
    x, y = task(name, np.float32)
    theirs, ours = pair(name, solver=solver, max_iter=10)
    agree(theirs.fit(x, y), ours.fit(x, y), x, SINGLE)


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lbfgs_takes_the_same_path(name, weighted, dtype):
    x, y = task(name, dtype)
    weight = np.random.RandomState(0).rand(len(x)) if weighted else None
    theirs, ours = pair(name, solver="lbfgs", activation="tanh", max_iter=8, alpha=0.5)
    # Line searches magnify rounding. In float32 scikit-learn rounds the gradient's parts to it.
    close = {"rtol": 1e-6, "atol": 1e-7} if dtype == np.float64 else SINGLE
    agree(theirs.fit(x, y, weight), ours.fit(x, y, weight), x, close)


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_sample_weights_are_the_same(name, early_stopping):
    x, y = task(name)
    weight = np.random.RandomState(0).randint(0, 4, len(x)) / 2
    theirs, ours = pair(name, early_stopping=early_stopping, batch_size=40, alpha=0.1)
    agree(theirs.fit(x, y, weight), ours.fit(x, y, weight), x)


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("kind", ["csr_matrix", "csc_array"])
def test_sparse_data(name, solver, kind, monkeypatch):
    monkeypatch.setattr(face._network, "DENSE_ELEMENTS", 300)  # some batches at a time
    x, y = task(name)
    x[x < 0.3] = 0
    x = getattr(sparse, kind)(x)
    theirs, ours = pair(name, solver=solver, max_iter=8, batch_size=16)
    tolerance = {"rtol": 1e-6, "atol": 1e-7} if solver == "lbfgs" else EXACT
    agree(theirs.fit(x, y), ours.fit(x, y), x, tolerance)


@pytest.mark.parametrize("name", ["binary", "multiclass"])
def test_labels_may_be_strings(name):
    x, y = task(name)
    y = np.array([f"class {label}" for label in y], dtype=object)
    theirs, ours = pair(name, max_iter=3)
    agree(theirs.fit(x, y), ours.fit(x, y), x)


def test_losses_are_capped_where_probabilities_are_clipped():
    x, y = load_digits(return_X_y=True)
    for dtype in (np.float64, np.float32):
        theirs, ours = pair("multiclass", max_iter=4, learning_rate_init=0.3)
        # Far from minimum, and large: logits differ by hundreds. Any rounding grows fast here.
        theirs.fit(100 * x.astype(dtype), y)
        ours.fit(100 * x.astype(dtype), y)
        assert theirs.loss_curve_[0] > 5
        assert_allclose(ours.loss_curve_[0], theirs.loss_curve_[0], rtol=1e-3)


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_partial_fit_goes_on(name, solver):
    x, y = task(name)
    theirs, ours = pair(name, solver=solver, batch_size=10, alpha=0.1)
    classes = {}
    if name in ("binary", "multiclass"):
        classes = {"classes": np.unique(y)}
    elif name == "multilabel":
        classes = {"classes": np.arange(y.shape[1])}
    for part in (slice(0, 50), slice(50, 60), slice(40, None)):
        for estimator in (theirs, ours):
            estimator.partial_fit(x[part], y[part], **classes)
    agree(theirs, ours, x)


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_warm_starts_go_on(name, solver):
    x, y = task(name)
    theirs, ours = pair(name, solver=solver, warm_start=True, max_iter=5)
    for estimator in (theirs, ours):
        estimator.fit(x, y)
        estimator.fit(x, y)
    agree(theirs, ours, x)
    for estimator in (theirs, ours):
        estimator.partial_fit(x, y)
    agree(theirs, ours, x)


@pytest.mark.parametrize(
    "parameters",
    [
        {"early_stopping": True, "tol": 1.0, "n_iter_no_change": 2},
        {"tol": 1.0, "n_iter_no_change": 2},
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 1.0, "n_iter_no_change": 2},
        {"max_iter": 3},
    ],
)
def test_what_is_printed_and_warned_of(parameters, capsys):
    x, y = task("multiclass")
    printed, warned = [], []
    for estimator in pair("multiclass", verbose=True, **parameters):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            estimator.fit(x, y)
        printed.append(capsys.readouterr().out)
        warned.append([(w.category, str(w.message)) for w in caught])
    assert printed[0] == printed[1] != ""
    assert warned[0] == warned[1]


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("fit", lambda x, y: (x, y[:-1])),
        ("fit", lambda x, y: (np.where(x == x[3, 3], np.nan, x), y)),
        ("fit", lambda x, y: (x[:, 0], y)),
        ("fit", lambda x, y: (x, y, np.ones(3))),
        ("predict", lambda x, y: (x[:, :3],)),
        ("predict", lambda x, y: (x[0],)),
        ("predict_proba", lambda x, y: (np.where(x == x[3, 3], np.inf, x),)),
        ("predict", lambda x, y: (x[:0],)),
        ("partial_fit", lambda x, y: (x, np.full(len(y), 9))),
    ],
)
def test_errors_are_the_same(method, arguments):
    x, y = task("multiclass")
    said = []
    for estimator in pair("multiclass", max_iter=2):
        if method != "fit":
            estimator.fit(x, y)
        with pytest.raises((ValueError, TypeError)) as error:
            getattr(estimator, method)(*arguments(x, y))
        said.append((type(error.value), str(error.value)))
    assert said[0] == said[1]


@pytest.mark.parametrize(
    "parameters",
    [{"alpha": -1}, {"solver": "rprop"}, {"hidden_layer_sizes": (3, 0)}, {"momentum": 2}],
)
def test_parameters_are_checked_alike(parameters):
    x, y = task("regression")
    said = []
    for estimator in pair("regression", **parameters):
        with pytest.raises(ValueError) as error:  # noqa: PT011 - compared below
            estimator.fit(x, y)
        said.append(str(error.value))
    assert said[0] == said[1]


def test_batches_larger_than_the_data_are_warned_of():
    x, y = task("regression")
    theirs, ours = pair("regression", batch_size=1000, max_iter=2)
    for estimator in (theirs, ours):
        with pytest.warns(UserWarning, match="larger than"):
            estimator.fit(x, y)
    agree(theirs, ours, x)
