"""Losses of fastnn's perceptrons that scikit-learn's don't have."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

pytest.importorskip("sklearn", minversion="1.7")

from perceptrons import classifier, forward, regressor, same, some_digits, some_values

import fastnn
from fastnn import reference

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

digits = pytest.fixture(scope="module", name="digits")(some_digits)
values = pytest.fixture(scope="module", name="values")(some_values)


def softmax_cross_entropy(y_true, y_pred, sample_weight=None):
    w = np.ones(len(y_pred)) if sample_weight is None else sample_weight
    e = np.exp(y_pred - y_pred.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    w = w / w.sum()
    return -(w * np.log((p * y_true).sum(axis=1))).sum(), (p - y_true) * w[:, None]


def half_squares(y_true, y_pred, sample_weight=None):
    w = np.ones(len(y_pred)) if sample_weight is None else sample_weight
    w = (w / w.sum())[:, None]
    # scikit-learn tells the mean over outputs and follows the sum.
    return (w * (y_pred - y_true) ** 2).sum() / 2 / y_pred.shape[1], w * (y_pred - y_true)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_function_is_a_loss(digits, values, weighted, shuffle, solver):
    weight = np.random.RandomState(0).rand(500) if weighted else None
    parameters = {"shuffle": shuffle, "solver": solver}
    a = classifier(loss=softmax_cross_entropy, **parameters).fit(*digits, weight)
    b = classifier(**parameters).fit(*digits, weight)
    same(a, b, rtol=1e-7, atol=1e-8)
    assert_allclose(a.loss_, b.loss_, rtol=1e-9)
    assert_allclose(a.predict_proba(digits[0]), b.predict_proba(digits[0]), rtol=1e-6)
    weight = None if weight is None else weight[:90]
    a = regressor(half_squares, **parameters).fit(*values, weight)
    b = regressor(**parameters).fit(*values, weight)
    same(a, b, rtol=1e-7, atol=1e-8)
    assert_allclose(a.loss_, b.loss_, rtol=1e-9)


def test_what_a_function_gets_wrong_is_raised(values):
    with pytest.raises(ValueError, match=r"loss: expected a gradient of shape \(90, 2\), got"):
        regressor(lambda t, p: (0.0, p[:, 0])).fit(*values)
    with pytest.raises(ZeroDivisionError):
        regressor(lambda t, p: 1 / 0).fit(*values)


@pytest.mark.parametrize("name", ["mse", "l1", "huber"])
def test_losses_of_regressors_by_name(values, name):
    x, y = values
    model = regressor(name, max_iter=1, batch_size=90, alpha=0, learning_rate_init=1e-12).fit(x, y)
    expected, _ = getattr(reference, name)(model.predict(x), y)
    assert_allclose(model.loss_, expected, rtol=1e-9)
    model = regressor(name, max_iter=200, learning_rate_init=0.02).fit(x, y)
    assert model.score(x, y) > 0.9


def of_reference(name):
    """A loss of `fastnn.reference`, of targets 0 and 1, as a function of NumPy's."""
    sign = "hinge" in name

    def loss(y_true, y_pred):
        return getattr(reference, name)(y_pred, np.where(y_true, 1.0, -1.0) if sign else y_true)

    return loss


def kinds(digits):
    x, y = digits
    names = np.array([f"class {i}" for i in range(10)])
    yield "binary", x[y < 2], names[y[y < 2]]
    yield "multiclass", x, names[y]
    yield "multilabel", x, np.column_stack([y < 4, y % 2, y > 6]).astype(int)


@pytest.mark.parametrize("kind", [0, 1, 2])
@pytest.mark.parametrize("name", ["mse", "l1", "huber", "hinge", "squared_hinge"])
def test_losses_of_classifiers_by_name(digits, kind, name):
    kind, x, y = list(kinds(digits))[kind]
    model = classifier(loss=name, max_iter=40).fit(x, y)
    same(model, classifier(loss=of_reference(name), max_iter=40).fit(x, y), rtol=1e-7, atol=1e-9)
    assert model.out_activation_ == "identity"
    assert not hasattr(model, "predict_proba")
    with pytest.raises(AttributeError):
        model.predict_log_proba(x)
    outputs, threshold = forward(model, x, ["relu"]), 0 if "hinge" in name else 0.5
    if kind == "multiclass":
        expected = model.classes_[outputs.argmax(axis=1)]
    else:
        expected = (outputs > threshold).astype(int)
        expected = expected if kind == "multilabel" else model.classes_[expected[:, 0]]
    assert_array_equal(model.predict(x), expected)


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_binary_cross_entropy_is_the_mean_over_outputs(digits, kind):
    kind, x, y = list(kinds(digits))[kind]
    model = classifier(loss="bce_with_logits").fit(x, y)
    function = of_reference("binary_cross_entropy_with_logits")
    same(model, classifier(loss=function).fit(x, y), rtol=1e-7, atol=1e-9)
    assert model.out_activation_ == "logistic"
    expected = reference.sigmoid(forward(model, x, ["relu"]))
    if kind == "binary":
        expected = np.hstack([1 - expected, expected])
    assert_allclose(model.predict_proba(x), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("classes", [2, 10])
def test_label_smoothing(digits, classes):
    x, y = digits
    x, y = x[y < classes], y[y < classes]
    loss = fastnn.CrossEntropyLoss(label_smoothing=0.2)
    model = classifier(loss=loss, max_iter=400, alpha=0, learning_rate_init=0.02, tol=0).fit(x, y)
    # At the minimum probabilities are the smoothed targets.
    right = model.predict_proba(x)[range(len(y)), y]
    assert_allclose(np.median(right), 1 - 0.2 + 0.2 / classes, atol=0.02)
