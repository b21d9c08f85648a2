"""Layers: values against NumPy, gradients against finite differences, in float64."""

import numpy as np
import pytest

import fastnn
from fastnn.registry import ACTIVATIONS


def numeric_gradient(f, x, h=2e-4):
    """Fourth-order central differences of a scalar function, element by element."""
    grad = np.empty_like(x)
    flat, out = x.reshape(-1), grad.reshape(-1)
    for i in range(x.size):
        keep = flat[i]
        values = []
        for k in (-2, -1, 1, 2):
            flat[i] = keep + k * h
            values.append(f())
        flat[i] = keep
        out[i] = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)
    return grad


class Cube(fastnn.Layer):
    """A user's layer with a parameter, in plain NumPy."""

    def __init__(self, width):
        self.scale = fastnn.Parameter((width,), fastnn.init.constant, np.float64)
        self.scale.data[...] = np.linspace(0.5, 1.5, width)

    def forward(self, x, *, training=False):
        self.x = x.copy()
        return self.scale.data * x**3

    def backward(self, dy):
        self.scale.grad[...] = (dy * self.x**3).sum(0)
        return dy * self.scale.data * 3 * self.x**2


F8 = np.float64
# Away from kinks: the differences' points stay on one side of them.
SMOOTH = {
    "linear": lambda: fastnn.Linear(5, 4, dtype=F8),
    "linear without bias": lambda: fastnn.Linear(5, 4, bias=False, dtype=F8),
    "softmax": lambda: fastnn.Sequential(fastnn.Linear(5, 4, dtype=F8), fastnn.Softmax()),
    "log_softmax": lambda: fastnn.Sequential(fastnn.Linear(5, 4, dtype=F8), fastnn.LogSoftmax()),
    "two layers": lambda: fastnn.Sequential(
        fastnn.Linear(5, 7, dtype=F8), fastnn.Tanh(), fastnn.Linear(7, 3, dtype=F8)
    ),
    "activation first": lambda: fastnn.Sequential(fastnn.GELU(), fastnn.Linear(5, 3, dtype=F8)),
    "two activations": lambda: fastnn.Sequential(
        fastnn.Linear(5, 4, dtype=F8), fastnn.SiLU(), fastnn.Tanh(), fastnn.Linear(4, 2, dtype=F8)
    ),
    "nested, flattened": lambda: fastnn.Sequential(
        fastnn.Sequential(fastnn.Linear(5, 4, dtype=F8), fastnn.GELU(), fastnn.Flatten()),
        fastnn.Linear(4, 2, dtype=F8),
    ),
    "user's layer": lambda: fastnn.Sequential(
        fastnn.Linear(5, 4, dtype=F8), fastnn.Tanh(), Cube(4), fastnn.Linear(4, 2, dtype=F8)
    ),
    "user's layer first": lambda: fastnn.Sequential(Cube(5), fastnn.Linear(5, 2, dtype=F8)),
    "user's layer last": lambda: fastnn.Sequential(fastnn.Linear(5, 3, dtype=F8), Cube(3)),
}
for _name in ACTIVATIONS:
    SMOOTH[f"linear, {_name}"] = lambda name=_name: fastnn.Linear(5, 4, activation=name, dtype=F8)
    SMOOTH[f"linear then {_name} layer, linear"] = lambda name=_name: fastnn.Sequential(
        fastnn.Linear(5, 4, dtype=F8),
        fastnn.layers.ACTIVATION_LAYERS[name](),
        fastnn.Linear(4, 3, dtype=F8),
    )


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients_equal_finite_differences(name, rng, threads):
    layer = SMOOTH[name]()
    x = rng.standard_normal((6, 5))
    w = rng.standard_normal(layer.forward(x).shape)
    for p in layer.parameters():
        p.data[...] = 0.5 * rng.standard_normal(p.shape)

    def objective():
        return float((layer.forward(x) * w).sum())

    objective()
    dx = layer.backward(w)
    grads = [p.grad.copy() for p in layer.parameters()]
    assert np.allclose(dx, numeric_gradient(objective, x), rtol=1e-7, atol=1e-8)
    for p, grad in zip(layer.parameters(), grads, strict=True):
        assert np.allclose(grad, numeric_gradient(objective, p.data), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("rows", [1, 15, 16, 17, 300])
@pytest.mark.parametrize(("k", "n"), [(1, 1), (3, 17), (64, 100), (300, 64)])
def test_linear_equals_numpy(rows, k, n, dtype, threads, rng):
    layer = fastnn.Linear(k, n, activation="tanh", dtype=dtype)
    layer.bias.data[...] = rng.standard_normal(n)
    x, dy = (rng.standard_normal((rows, c)).astype(dtype) for c in (k, n))
    w, b = layer.weight.data.astype("f8"), layer.bias.data.astype("f8")
    y = np.tanh(x.astype("f8") @ w.T + b)
    dz = dy * (1 - y * y)
    scale = np.sqrt(k * rows) * 20 * np.finfo(dtype).eps
    assert np.allclose(layer.forward(x), y, rtol=scale, atol=scale)
    assert np.allclose(layer.backward(dy), dz @ w, rtol=scale, atol=n * scale)
    assert np.allclose(layer.weight.grad, dz.T @ x, rtol=scale, atol=scale * rows)
    assert np.allclose(layer.bias.grad, dz.sum(0), rtol=scale, atol=scale * rows)
    assert np.allclose(layer.predict(x), y, rtol=scale, atol=scale)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_layer_is_fused_into_the_linear_before_it(name, rng):
    fused = fastnn.Linear(9, 7, activation=name)
    apart = fastnn.Sequential(fastnn.Linear(9, 7), fastnn.layers.ACTIVATION_LAYERS[name]())
    apart.load_state_dict({f"0.{k}": v for k, v in fused.state_dict().items()})
    x, dy = (rng.standard_normal((8, c)).astype("f4") for c in (9, 7))
    assert np.array_equal(fused.forward(x), apart.forward(x))
    assert np.array_equal(fused.backward(dy), apart.backward(dy))
    graph = fastnn.graph.Graph((9,), np.float32)
    apart.lower(graph, graph.input)
    graph.settle()
    assert len(graph.nodes) == 1


def test_predict_goes_through_batches_of_any_number_of_rows(rng):
    model = fastnn.Sequential(fastnn.Linear(4, 3), fastnn.Sigmoid())
    x = rng.standard_normal((1000, 4)).astype("f4")
    whole = model.forward(x)
    assert np.allclose(model.predict(x), whole, rtol=1e-6, atol=1e-7)
    assert np.allclose(model.predict(x[::-1]), whole[::-1], rtol=1e-6, atol=1e-7)
    assert np.allclose(model.predict(x[:, ::-1][:, ::-1]), whole, rtol=1e-6, atol=1e-7)
    assert model.predict(x[:0]).shape == (0, 3)
    assert model.forward(x[:0]).shape == (0, 3)


def test_pixels_are_scaled(rng):
    model = fastnn.Sequential(fastnn.Flatten(), fastnn.Linear(6, 2))
    pixels = rng.integers(0, 256, (5, 2, 3), dtype=np.uint8)
    floats = (pixels / 255).astype("f4")
    assert np.allclose(model.predict(pixels), model.predict(floats), atol=1e-6)


class Square(fastnn.Layer):
    def forward(self, x, *, training=False):
        return x * x


@pytest.mark.parametrize(
    "model",
    [
        lambda: fastnn.Sequential(fastnn.Linear(6, 3), fastnn.Tanh()),
        lambda: fastnn.Sequential(Square(), fastnn.Linear(6, 3)),  # reads its input from Python
        lambda: fastnn.Sequential(fastnn.Linear(6, 6), fastnn.Flatten()),
        fastnn.Flatten,  # the output is the input
        fastnn.ReLU,
    ],
)
def test_every_kind_of_input_is_predicted_in_turn(model, rng):
    """What the engine accepts by itself and what it refuses, one after the other."""
    model = model()
    pixels = rng.integers(0, 256, (9, 6), dtype=np.uint8)
    x = (pixels / 255).astype("f4")
    misaligned = np.empty(x.nbytes + 1, np.uint8)[1:].view("f4").reshape(x.shape)
    misaligned[...] = x
    expected = model.forward(x)
    for kind in (x, pixels, x, misaligned, x.copy("F"), x[:4], pixels[::-1], x[::2], x):
        rows = np.arange(9)[: len(kind)] if len(kind) != 5 else np.arange(0, 9, 2)
        rows = rows[::-1] if kind.strides[0] < 0 else rows
        y = model.predict(kind)
        assert y.dtype == np.float32
        assert np.allclose(y, expected[rows], atol=1e-6)
        assert not np.shares_memory(y, kind)
    big = np.tile(x, (100, 1))
    assert np.allclose(model.predict(big), np.tile(expected, (100, 1)), atol=1e-6)
    read_only = x.copy()
    read_only.flags.writeable = False
    assert np.allclose(model.predict(read_only), expected, atol=1e-6)


def test_predictions_follow_parameters_that_move(rng):
    model = fastnn.Sequential(fastnn.Linear(6, 3), fastnn.Tanh())
    x = rng.standard_normal((1, 6)).astype("f4")
    before = model.predict(x)
    fastnn.parameter.FlatParameters.of(model)  # moves them into one vector
    assert np.array_equal(model.predict(x), before)
    model.layers[0].bias.data[...] = 1
    assert not np.array_equal(model.predict(x), before)


def test_dropout_in_training_only_and_scaled(rng):
    layer = fastnn.Dropout(0.25)
    x = np.ones((200, 500), np.float32)
    assert np.array_equal(layer.forward(x), x)
    y = layer.forward(x, training=True)
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs(y.mean() - 1) < 5 * np.sqrt(0.25 / 0.75 / y.size)
    # Backward has the same noise, the next forward another.
    assert np.array_equal(layer.backward(x), y)
    assert not np.array_equal(layer.forward(x, training=True), y)


def test_dropout_noise_does_not_depend_on_threads():
    def run(threads):
        fastnn.set_num_threads(threads)
        return fastnn.Dropout(0.5).forward(np.ones((300, 1000), np.float32), training=True)

    before = fastnn.get_num_threads()
    one, two, five = run(1), run(2), run(5)
    fastnn.set_num_threads(before)
    assert np.array_equal(one, two)
    assert np.array_equal(one, five)


def test_initial_values_suit_the_activation_and_the_seed():
    wide = (400, 300)
    relu = fastnn.Sequential(fastnn.Linear(*wide), fastnn.ReLU())
    tanh = fastnn.Sequential(fastnn.Linear(*wide), fastnn.Tanh())
    assert np.isclose(relu[0].weight.data.std(), np.sqrt(2 / 400), rtol=0.02)
    assert np.isclose(tanh[0].weight.data.std(), np.sqrt(2 / 700), rtol=0.02)
    assert not relu[0].bias.data.any()
    same = fastnn.Sequential(fastnn.Linear(*wide), fastnn.ReLU())
    other = fastnn.Sequential(fastnn.Linear(*wide), fastnn.ReLU(), seed=1)
    assert np.array_equal(relu[0].weight.data, same[0].weight.data)
    assert not np.array_equal(relu[0].weight.data, other[0].weight.data)
    twice = fastnn.Sequential(fastnn.Linear(5, 5), fastnn.Linear(5, 5))
    assert not np.array_equal(twice[0].weight.data, twice[1].weight.data)
    asked = fastnn.Sequential(fastnn.Linear(*wide, init="xavier_normal"), fastnn.ReLU())
    assert np.isclose(asked[0].weight.data.std(), np.sqrt(2 / 700), rtol=0.02)


def test_state_dict_has_pytorchs_keys_and_shapes():
    model = fastnn.Sequential(fastnn.Linear(4, 3), fastnn.ReLU(), fastnn.Linear(3, 2, bias=False))
    shapes = {k: v.shape for k, v in model.state_dict().items()}
    assert shapes == {"0.weight": (3, 4), "0.bias": (3,), "2.weight": (2, 3)}


def test_load_state_dict_changes_nothing_when_it_fails():
    model = fastnn.Sequential(fastnn.Linear(4, 3))
    before = model.state_dict()
    new = {"0.weight": np.zeros((3, 4), "f4"), "0.bias": np.zeros(4, "f4")}
    with pytest.raises(ValueError, match=r"0\.bias.*expected shape \(3,\), got \(4,\)"):
        model.load_state_dict(new)
    with pytest.raises(KeyError, match=r"missing 0\.bias"):
        model.load_state_dict({"0.weight": new["0.weight"]})
    with pytest.raises(TypeError, match="expected float32, got float64"):
        model.load_state_dict({"0.weight": new["0.weight"], "0.bias": np.zeros(3)})
    assert all(np.array_equal(before[k], v) for k, v in model.state_dict().items())


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: fastnn.Linear(0, 1), ValueError, "in_features: expected at least 1, got 0"),
        (lambda: fastnn.Linear(1.5, 1), TypeError, "in_features: expected a whole number"),
        (lambda: fastnn.Linear(1, 1, activation="rleu"), ValueError, "activation: expected one"),
        (lambda: fastnn.Linear(1, 1, dtype="int8"), TypeError, "dtype: expected float32"),
        (lambda: fastnn.Dropout(1.0), ValueError, r"p: expected a number in \[0, 1\), got 1"),
        (lambda: fastnn.Sequential(), ValueError, "layers: expected at least one"),
        (lambda: fastnn.Sequential(3), TypeError, r"layers\[0\]: expected a Layer, got int"),
        (lambda: fastnn.ELU(beta=1), TypeError, "unexpected keyword argument 'beta'"),
        (lambda: fastnn.Tanh().backward(np.ones(3)), RuntimeError, "expected a forward"),
    ],
)
def test_construction_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.ones((2, 3)), TypeError, "x: expected float32 .*, got float64"),
        (np.ones((2, 4), "f4"), ValueError, r"expected samples of shape \(3,\), got \(4,\)"),
        (np.ones((2, 3, 1), "f4"), ValueError, "put a Flatten before it"),
        ([[1, 2, 3]], TypeError, "x: expected a NumPy array, got list"),
        (np.float32(1), TypeError, "x: expected a NumPy array"),
    ],
)
def test_forward_errors(x, error, message):
    with pytest.raises(error, match=message):
        fastnn.Sequential(fastnn.Linear(3, 2)).forward(x)


def test_a_users_layer_that_returns_nonsense_is_an_error():
    class Wrong(fastnn.Layer):
        def forward(self, x, *, training=False):
            return x[:, :1]

    class Empty(fastnn.Layer):
        pass

    class Raising(fastnn.Layer):
        def forward(self, x, *, training=False):
            raise OverflowError("mine")

    x = np.ones((4, 3), np.float32)
    with pytest.raises(ValueError, match=r"Wrong.forward: expected to return shape \(4, 2\)"):
        fastnn.Sequential(fastnn.Linear(3, 2), Wrong()).forward(x)
    with pytest.raises(NotImplementedError, match="Empty: expected a method forward or lower"):
        fastnn.Sequential(fastnn.Linear(3, 2), Empty()).forward(x)
    with pytest.raises(OverflowError, match="mine"):
        fastnn.Sequential(fastnn.Linear(3, 2), Raising()).forward(x)


def test_samples_change_shape_between_layers_of_any_kind(rng):
    """A view of the input as the output, before a user's layer, and as what is evaluated."""
    x = rng.standard_normal((4, 2, 3)).astype("f4")
    flat = fastnn.Flatten()
    assert np.array_equal(flat.forward(x), x.reshape(4, 6))
    assert np.array_equal(flat.backward(x.reshape(4, 6)), x)
    assert np.array_equal(flat.predict(x), x.reshape(4, 6))

    class Sum(fastnn.Layer):
        def output_shape(self, shape):
            return (1,)

        def forward(self, x, *, training=False):
            assert x.shape[1:] == (6,)
            return x.sum(1, keepdims=True)

        def backward(self, dy):
            return np.repeat(dy, 6, 1)

    model = fastnn.Sequential(fastnn.Flatten(), Sum())
    assert np.allclose(model.forward(x)[:, 0], x.sum((1, 2)), atol=1e-6)
    assert model.backward(np.ones((4, 1), np.float32)).shape == x.shape
    trainer = fastnn.Trainer(fastnn.Sequential(fastnn.Tanh(), fastnn.Flatten()), "mse", "sgd")
    assert trainer.evaluate(x, np.zeros((4, 6), np.float32))["loss"] > 0
