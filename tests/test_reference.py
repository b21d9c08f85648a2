"""The reference against what it is not: finite differences, PyTorch, SciPy, scikit-learn."""

import inspect

import numpy as np
import pytest
from peers import peer

from fastnn import reference
from fastnn.registry import ACTIVATIONS

ROWS = ("softmax", "log_softmax")
LOSSES = ("mse", "l1", "huber", "hinge", "squared_hinge", "binary_cross_entropy_with_logits")


def saved_name(name):
    """What a backward formula calls its second argument: "x" or "y"."""
    formula = getattr(reference, f"{name}_backward").__wrapped__
    return list(inspect.signature(formula).parameters)[1]


def saved_of(name, x, **params):
    return x if saved_name(name) == "x" else getattr(reference, name)(x, **params)


def differences(f, x, h=1e-3):
    """The derivative of f, elementwise, by fourth-order central differences."""
    return (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h)


def gradient(f, x, h=1e-3):
    """The gradient of the number f(x), element after element."""
    slopes = np.empty_like(x)
    for index in np.ndindex(x.shape):
        unit = np.zeros_like(x)
        unit[index] = 1
        slopes[index] = differences(lambda t, unit=unit: f(x + t * unit), 0.0, h)
    return slopes


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_backward_takes_what_the_registry_says(name):
    assert saved_name(name) == ACTIVATIONS[name].saves


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("default", [True, False])
def test_activation_gradient(name, default, rng):
    params = {key: v if default else v * 1.25 for key, v in ACTIVATIONS[name].params.items()}
    x = rng.uniform(-8, 8, 500)
    x = x[np.abs(4 * x - np.round(4 * x)) > 0.05]  # the kinks lie at multiples of a quarter
    grad = rng.standard_normal(x.shape)
    dx = getattr(reference, f"{name}_backward")(grad, saved_of(name, x, **params), **params)
    numeric = differences(lambda x: getattr(reference, name)(x, **params), x)
    np.testing.assert_allclose(dx, grad * numeric, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", ROWS)
def test_row_gradient(name, rng):
    x, grad = rng.standard_normal((2, 3, 4))
    dx = getattr(reference, f"{name}_backward")(grad, getattr(reference, name)(x))
    numeric = gradient(lambda x: (getattr(reference, name)(x) * grad).sum(), x)
    np.testing.assert_allclose(dx, numeric, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_bias_activation_gradient(name, rng):
    x, grad = rng.uniform(0.3, 0.7, (2, 3, 4))  # no activation has a kink in (0.3, 0.95)
    bias = rng.uniform(0.0, 0.2, 4)
    y = reference.bias_activation(x, bias, name)
    saved = x + bias if saved_name(name) == "x" else y
    dx, dbias = reference.bias_activation_backward(grad, saved, name)

    def objective(x, bias):
        return (reference.bias_activation(x, bias, name) * grad).sum()

    np.testing.assert_allclose(dx, gradient(lambda x: objective(x, bias), x), 1e-8, 1e-11)
    np.testing.assert_allclose(dbias, gradient(lambda b: objective(x, b), bias), 1e-8, 1e-11)


def loss_arguments(name, rng, shape=(4, 3)):
    """pred and target, a good way off every kink."""
    if "hinge" in name:
        target = np.where(rng.random(shape) < 0.5, -1.0, 1.0)
        return target * (1 + rng.choice([-1, 1], shape) * rng.uniform(0.1, 2, shape)), target
    target = rng.uniform(0, 1, shape)
    return target + rng.choice([-1, 1], shape) * rng.choice([0.5, 2.0], shape), target


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("weighted", [False, True])
def test_loss_gradient(name, weighted, rng):
    pred, target = loss_arguments(name, rng)
    weight = rng.uniform(0, 2, 4) if weighted else None
    loss = getattr(reference, name)
    value, grad = loss(pred, target, sample_weight=weight)
    assert type(value) is float
    numeric = gradient(lambda p: loss(p, target, sample_weight=weight)[0], pred)
    np.testing.assert_allclose(grad, numeric, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("labels", ["integers", "probabilities", "not normalised"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_gradient(labels, smoothing, rng):
    logits = rng.standard_normal((4, 3))
    target = np.array([2, 0, 1, 1]) if labels == "integers" else rng.uniform(0, 1, (4, 3))
    if labels == "probabilities":
        target /= target.sum(axis=1, keepdims=True)
    options = {"sample_weight": rng.uniform(0, 2, 4), "label_smoothing": smoothing}
    _, grad = reference.softmax_cross_entropy(logits, target, **options)
    numeric = gradient(lambda x: reference.softmax_cross_entropy(x, target, **options)[0], logits)
    np.testing.assert_allclose(grad, numeric, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("name", [*LOSSES, "softmax_cross_entropy"])
def test_rows_of_weight_zero_count_for_nothing(name):
    loss = getattr(reference, name)
    pred, target = np.array([[0.5, 2.0], [np.nan, np.inf]]), np.array([[1.0, 0.0], [1.0, 0.0]])
    value, grad = loss(pred, target, sample_weight=np.array([0.3, 0.0]))
    alone, alone_grad = loss(pred[:1], target[:1])
    assert value == alone
    np.testing.assert_array_equal(grad, [alone_grad[0], [0, 0]])
    value, grad = loss(pred, target, sample_weight=np.zeros(2))
    assert value == 0.0
    np.testing.assert_array_equal(grad, np.zeros((2, 2)))
    value, grad = loss(pred[:0], target[:0])
    assert value == 0.0
    assert grad.shape == (0, 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("name", [*ACTIVATIONS, *ROWS])
def test_dtype_shape_and_out(name, dtype, rng):
    forward, backward = getattr(reference, name), getattr(reference, f"{name}_backward")
    for shape in [(), (5,), (2, 3)][name in ROWS :]:
        x = np.asarray(rng.standard_normal(shape), dtype)
        y = forward(x)
        assert isinstance(y, np.ndarray)
        assert (y.shape, y.dtype) == (shape, dtype)
        dx = backward(grad=y, saved=saved_of(name, x))
        assert (dx.shape, dx.dtype) == (shape, dtype)
        out = np.full(shape, np.nan, dtype)
        assert forward(x, out=out) is out
        np.testing.assert_array_equal(out, y)
        with pytest.raises((TypeError, ValueError)):
            forward(x, out=np.empty((*shape, 2), np.float16))


@pytest.mark.parametrize("name", [*ACTIVATIONS, *ROWS])
def test_extremes_stay_finite_and_nan_stays_nan(name):
    x = np.array([-1e300, -1e4, -750.0, 750.0, 1e4, 1e300])
    y = getattr(reference, name)(x)
    assert np.isfinite(y).all()
    dx = getattr(reference, f"{name}_backward")(np.ones_like(x), saved_of(name, x))
    assert np.isfinite(dx).all()
    assert np.isnan(getattr(reference, name)(np.array([np.nan]))).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_long_double_refines_double(name):
    """The formulas hold their precision: float64 and long double agree to rounding."""
    x = np.linspace(-12, 12, 1201)
    wide = x.astype(np.longdouble)
    y = getattr(reference, name)(x)
    # The tails are exponentials of down to -142, which an error of half an ulp there turns into
    # 1.5e-14; the argument is a sum of products with a few such errors.
    np.testing.assert_allclose(y, getattr(reference, name)(wide), rtol=2e-13, atol=0)
    # A gradient may cross zero by cancellation, hence the absolute part.
    saved = saved_of(name, wide)
    dx = getattr(reference, f"{name}_backward")(np.ones_like(x), saved.astype(x.dtype))
    wide_dx = getattr(reference, f"{name}_backward")(
        np.ones_like(wide), saved.astype(x.dtype).astype(wide.dtype)
    )
    np.testing.assert_allclose(dx, wide_dx, rtol=2e-13, atol=1e-15)


# SciPy and scikit-learn


def test_against_scipy(rng):
    special = peer("scipy.special")
    x = rng.standard_normal((50, 20)) * 20
    for name, theirs in {
        "sigmoid": special.expit(x),
        "log_sigmoid": special.log_expit(x),
        "gelu": x * special.ndtr(x),
        "softmax": special.softmax(x, axis=-1),
        "log_softmax": special.log_softmax(x, axis=-1),
        "softplus": -special.log_expit(-x),
    }.items():
        # SciPy's gelu passes over the subnormals.
        np.testing.assert_allclose(getattr(reference, name)(x), theirs, rtol=1e-12, atol=1e-307)


def test_against_scikit_learn(rng):
    metrics = peer("sklearn.metrics")
    pred, target = rng.standard_normal((2, 40, 3))
    weight = rng.uniform(0, 2, 40)
    labels = rng.integers(0, 3, 40)
    signs = np.where(rng.random(40) < 0.5, -1.0, 1.0)
    probabilities = reference.softmax(pred)
    for ours, theirs in [
        (
            reference.mse(pred, target, sample_weight=weight),
            metrics.mean_squared_error(target, pred, sample_weight=weight),
        ),
        (
            reference.l1(pred, target, sample_weight=weight),
            metrics.mean_absolute_error(target, pred, sample_weight=weight),
        ),
        (
            reference.hinge(pred[:, 0], signs, sample_weight=weight),
            metrics.hinge_loss(signs, pred[:, 0], sample_weight=weight),
        ),
        (
            reference.softmax_cross_entropy(pred, labels, sample_weight=weight),
            metrics.log_loss(labels, probabilities, sample_weight=weight),
        ),
        (
            reference.binary_cross_entropy_with_logits(pred[:, 0], (signs + 1) / 2),
            metrics.log_loss(signs, reference.sigmoid(pred[:, 0])),
        ),
    ]:
        assert ours[0] == pytest.approx(theirs, rel=1e-12)


# PyTorch


@pytest.fixture
def torch():
    """PyTorch, with what it keeps in its default dtype (NAdam's product of momenta) in double."""
    module = peer("torch")
    module.set_default_dtype(module.float64)
    yield module
    module.set_default_dtype(module.float32)


TORCH_NAMES = {
    "gelu_tanh": "gelu",
    "log_sigmoid": "logsigmoid",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
}


@pytest.mark.parametrize("name", [*ACTIVATIONS, *ROWS])
def test_activations_against_pytorch(name, torch, rng):
    options = {
        "gelu_tanh": {"approximate": "tanh"},
        "threshold": {"threshold": 0, "value": 0},
        **{row: {"dim": -1} for row in ROWS},
    }
    if name in ("identity", "step"):
        pytest.skip("PyTorch has no such function")
    x = np.append(rng.uniform(-8, 8, 999), [-6.0, -3, -1, 0, 1, 3, 6]).reshape(2, -1)[:, :-1]
    grad = rng.standard_normal(x.shape)
    tensor = torch.tensor(x, requires_grad=True)
    y = getattr(torch.nn.functional, TORCH_NAMES.get(name, name))(tensor, **options.get(name, {}))
    y.backward(torch.tensor(grad))
    np.testing.assert_allclose(
        getattr(reference, name)(x), y.detach().numpy(), rtol=1e-12, atol=1e-14
    )
    dx = getattr(reference, f"{name}_backward")(grad, saved_of(name, x))
    # PyTorch's hardsigmoid multiplies by a sixth that was rounded to float32.
    tolerance = 1e-7 if name == "hardsigmoid" else 1e-12
    np.testing.assert_allclose(dx, tensor.grad.numpy(), rtol=tolerance, atol=1e-14)


@pytest.mark.parametrize("name", ["mse", "l1", "huber", "binary_cross_entropy_with_logits"])
def test_losses_against_pytorch(name, torch, rng):
    pred, target = loss_arguments(name, rng)
    tensor = torch.tensor(pred, requires_grad=True)
    peer = getattr(torch.nn.functional, {"mse": "mse_loss", "l1": "l1_loss"}.get(name, name), None)
    peer = peer or torch.nn.functional.huber_loss
    value = peer(tensor, torch.tensor(target))
    value.backward()
    loss, grad = getattr(reference, name)(pred, target)
    assert loss == pytest.approx(value.item(), rel=1e-14)
    np.testing.assert_allclose(grad, tensor.grad.numpy(), rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("integers", [True, False])
def test_cross_entropy_against_pytorch(integers, torch, rng):
    logits = rng.standard_normal((6, 4)) * 5
    labels = rng.integers(0, 4, 6) if integers else rng.uniform(0, 1, (6, 4))
    tensor = torch.tensor(logits, requires_grad=True)
    value = torch.nn.functional.cross_entropy(tensor, torch.tensor(labels), label_smoothing=0.1)
    value.backward()
    loss, grad = reference.softmax_cross_entropy(logits, labels, label_smoothing=0.1)
    assert loss == pytest.approx(value.item(), rel=1e-13)
    np.testing.assert_allclose(grad, tensor.grad.numpy(), rtol=1e-12, atol=1e-15)


def run_sgd(param, grad, state, step, **options):
    reference.sgd_update(param, grad, state[0], **options)


def run_adagrad(param, grad, state, step, **options):
    reference.adagrad_update(param, grad, state[0], **options)


def run_rmsprop(param, grad, state, step, **options):
    reference.rmsprop_update(param, grad, state[0], state[1], **options)


def run_adam(param, grad, state, step, **options):
    reference.adam_update(param, grad, *state, step=step, **options)


def run_adadelta(param, grad, state, step, **options):
    reference.adadelta_update(param, grad, *state[:2], **options)


def run_other(name):
    def run(param, grad, state, step, *, decoupled_weight_decay=False, **options):
        if decoupled_weight_decay:
            options["decoupled"] = True
        update = getattr(reference, f"{name.lower()}_update")
        update(param, grad, *state[:2], step=step, **options)

    return run, name


OPTIMIZERS = [
    (run_sgd, "SGD", {"lr": 0.05}),
    (run_sgd, "SGD", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01}),
    (run_sgd, "SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    (run_adagrad, "Adagrad", {"lr": 0.1, "weight_decay": 0.01}),
    (run_rmsprop, "RMSprop", {"lr": 0.01, "alpha": 0.9, "weight_decay": 0.01}),
    (run_rmsprop, "RMSprop", {"lr": 0.001, "momentum": 0.9, "eps": 1e-6}),
    (run_adam, "Adam", {"lr": 0.01, "betas": (0.8, 0.99), "weight_decay": 0.01}),
    (run_adam, "AdamW", {"lr": 0.01, "weight_decay": 0.1}),
    (run_adam, "Adam", {"lr": 0.01, "betas": (0.8, 0.9), "amsgrad": True}),
    (run_adadelta, "Adadelta", {"lr": 0.5, "weight_decay": 0.01}),
    (*run_other("Rprop"), {"lr": 0.01, "step_sizes": (1e-6, 0.1)}),
    (*run_other("Adamax"), {"lr": 0.01, "weight_decay": 0.01}),
    (*run_other("NAdam"), {"lr": 0.01, "weight_decay": 0.01, "momentum_decay": 0.01}),
    (*run_other("NAdam"), {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    (*run_other("RAdam"), {"lr": 0.01, "weight_decay": 0.01}),
    (*run_other("RAdam"), {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
]


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-12)])
@pytest.mark.parametrize(("run", "name", "options"), OPTIMIZERS)
def test_a_thousand_steps_against_pytorch(run, name, options, dtype, tolerance, torch, rng):
    param = rng.standard_normal(20).astype(dtype)
    curvature = rng.uniform(0.1, 2, 20).astype(dtype)
    state = np.zeros((3, 20), dtype)
    peer = torch.tensor(param.copy(), requires_grad=True)
    optimizer = getattr(torch.optim, name)([peer], **options)
    ours = {**options, "decoupled": True} if name == "AdamW" else options
    for step in range(1, 1001):
        # One gradient for both, with noise so that the steps don't die away.
        grad = curvature * param + rng.standard_normal(20).astype(dtype)
        peer.grad = torch.tensor(grad)
        optimizer.step()
        run(param, grad, state, step, **ours)
    np.testing.assert_allclose(param, peer.detach().numpy(), rtol=0, atol=tolerance)


def test_rmsprop_nesterov():
    """Two steps by hand; PyTorch has no such thing."""
    param, average, buffer = np.array([1.0]), np.zeros(1), np.zeros(1)
    options = {"lr": 0.1, "alpha": 0.75, "eps": 0.0, "momentum": 0.5, "nesterov": True}
    reference.rmsprop_update(param, np.array([2.0]), average, buffer, **options)
    # average 1, step 2, buffer 2: 1 - 0.1 (2 + 0.5 * 2)
    np.testing.assert_allclose([param[0], average[0], buffer[0]], [0.7, 1.0, 2.0], rtol=1e-15)
    reference.rmsprop_update(param, np.array([1.0]), average, buffer, **options)
    # average 1, step 1, buffer 2: 0.7 - 0.1 (1 + 0.5 * 2)
    np.testing.assert_allclose([param[0], average[0], buffer[0]], [0.5, 1.0, 2.0], rtol=1e-15)
