"""Branches: against finite differences, NumPy and PyTorch, and what else holds for every layer."""

import numpy as np
import pytest
from peers import peer
from test_layers import Cube, numeric_gradient
from test_training import weights

import fastnn
import fastnn.reference

F8 = np.float64


def linear(a, b, **options):
    return fastnn.Linear(a, b, dtype=F8, **options)


def two(a, b, c):
    return fastnn.Sequential(linear(a, b), fastnn.Tanh(), linear(b, c))


class Twice(fastnn.Layer):
    """A user's layer that changes the gradient it is given, and reads its input."""

    def forward(self, x, *, training=False):
        return 2 * x

    def backward(self, dy):
        dy *= 2
        return dy


# Each takes samples of 6 numbers.
NETS = {
    "residual": lambda: fastnn.Residual(two(6, 5, 6)),
    "residual, fused activation": lambda: fastnn.Residual(two(6, 5, 6), activation="tanh"),
    "residual, activation of x": lambda: fastnn.Residual(two(6, 5, 6), activation="gelu"),
    "residual, activation after it": lambda: fastnn.Sequential(
        fastnn.Residual(two(6, 5, 6)), fastnn.GELU(), linear(6, 3)
    ),
    "residual around an activation": lambda: fastnn.Sequential(
        linear(6, 6), fastnn.Residual(fastnn.Tanh())
    ),
    "residual around nothing": lambda: fastnn.Sequential(
        linear(6, 6), fastnn.Residual(fastnn.Identity())
    ),
    "projection": lambda: fastnn.Residual(two(6, 5, 4), linear(6, 4)),
    "body ends in an activation": lambda: fastnn.Residual(linear(6, 6, activation="sigmoid")),
    "body ends in a view": lambda: fastnn.Residual(
        fastnn.Sequential(linear(6, 6, activation="tanh"), fastnn.Reshape((2, 3)), fastnn.Flatten())
    ),
    "shortcut is a view": lambda: fastnn.Residual(
        fastnn.Sequential(two(6, 5, 6), fastnn.Reshape((3, 2))), fastnn.Reshape((3, 2))
    ),
    "a user's layer": lambda: fastnn.Sequential(
        linear(6, 6),
        fastnn.Residual(Twice()),
        fastnn.Tanh(),
        fastnn.Residual(Cube(6)),
        linear(6, 2),
    ),
    "in a row": lambda: fastnn.Sequential(
        linear(6, 7, activation="tanh"),
        fastnn.Residual(two(7, 5, 7), activation="tanh"),
        fastnn.Residual(two(7, 3, 7)),
        fastnn.Residual(linear(7, 7)),
        linear(7, 2),
    ),
    "nested": lambda: fastnn.Residual(
        fastnn.Sequential(
            linear(6, 6),
            fastnn.Residual(fastnn.Add(linear(6, 6), fastnn.Identity())),
            fastnn.Tanh(),
        )
    ),
    "three readers": lambda: fastnn.Add(two(6, 5, 6), fastnn.Identity(), fastnn.Sigmoid()),
    "the same twice": lambda: fastnn.Sequential(
        linear(6, 6), fastnn.Add(fastnn.Identity(), fastnn.Identity()), fastnn.Tanh()
    ),
    "five readers, activation": lambda: fastnn.Sequential(
        fastnn.Add(
            linear(6, 4), linear(6, 4, activation="tanh"), two(6, 3, 4), linear(6, 4), linear(6, 4)
        ),
        fastnn.SiLU(),
    ),
    "concat": lambda: fastnn.Sequential(
        linear(6, 6),
        fastnn.Concat(linear(6, 2), linear(6, 3, activation="tanh"), fastnn.Identity()),
        linear(11, 2),
    ),
    "concat, last axis": lambda: fastnn.Sequential(
        fastnn.Reshape((2, 3)),
        fastnn.Concat(linear(3, 4, activation="gelu"), linear(3, 1), axis=-1),
    ),
    "concat, middle axis": lambda: fastnn.Sequential(
        fastnn.Reshape((1, 2, 3)),
        fastnn.Concat(linear(3, 5), fastnn.Sequential(linear(3, 5), fastnn.Tanh()), axis=1),
    ),
    "dense": lambda: fastnn.Sequential(
        fastnn.Concat(fastnn.Identity(), linear(6, 2, activation="tanh")),
        fastnn.Concat(fastnn.Identity(), linear(8, 2, activation="tanh")),
        linear(10, 2),
    ),
    "concat of residuals": lambda: fastnn.Concat(
        fastnn.Residual(two(6, 5, 6)), fastnn.Residual(linear(6, 6, activation="sigmoid"))
    ),
    "residual of a concat": lambda: fastnn.Residual(fastnn.Concat(linear(6, 2), linear(6, 4))),
}  # fmt: skip
every_net = pytest.mark.parametrize("name", NETS)


def formula(layer, x):
    """What a net of branches does, in NumPy."""
    match layer:
        case fastnn.Sequential():
            for inner in layer:
                x = formula(inner, x)
            return x
        case fastnn.Residual():
            y = formula(layer.body, x) + (formula(layer.shortcut, x) if layer.shortcut else x)
            return getattr(fastnn.reference, layer.activation)(y) if layer.activation else y
        case fastnn.Add():
            return sum(formula(branch, x) for branch in layer.children().values())
        case fastnn.Concat():
            axis = layer.axis if layer.axis < 0 else layer.axis + 1
            return np.concatenate([formula(b, x) for b in layer.children().values()], axis)
        case fastnn.Linear():
            y = x @ layer.weight.data.T + layer.bias.data
            return getattr(fastnn.reference, layer.activation)(y) if layer.activation else y
        case fastnn.layers.Activation():
            return getattr(fastnn.reference, layer.name)(x)
        case fastnn.Flatten() | fastnn.Reshape():
            return x.reshape(len(x), *layer.output_shape(x.shape[1:]))
    return layer.forward(x)  # a user's, in NumPy itself


@every_net
def test_values_equal_the_formula(name, rng, threads):
    net, x = NETS[name](), rng.standard_normal((5, 6))
    expected = formula(net, x)
    for y in (net.forward(x), net.predict(x), net.forward(x, training=True)):
        np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-13)
    assert net.output_shape((6,)) == expected.shape[1:]


@every_net
def test_gradients_equal_finite_differences(name, rng, threads):
    net = NETS[name]()
    x = rng.standard_normal((4, 6))
    w = rng.standard_normal(net.forward(x).shape)

    def objective():
        return float((net.forward(x) * w).sum())

    objective()
    dx = net.backward(w)
    grads = [p.grad.copy() for p in net.parameters()]
    np.testing.assert_allclose(dx, numeric_gradient(objective, x), rtol=1e-6, atol=1e-8)
    for p, grad in zip(net.parameters(), grads, strict=True):
        expected = numeric_gradient(objective, p.data)
        np.testing.assert_allclose(grad, expected, rtol=1e-6, atol=1e-8)


TRAINED = [name for name in NETS if NETS[name]().parameters()]


@pytest.mark.parametrize("optimizer", [fastnn.SGD(0.001), fastnn.Adam(0.01, clip_norm=0.1)])
@pytest.mark.parametrize("name", TRAINED)
def test_training_equals_a_loop_of_ones_own(name, optimizer, rng):
    """The program, whose input has no gradient and whose updates are fused, against steps."""
    x = rng.standard_normal((50, 6))
    trained, stepped = NETS[name](), NETS[name]()
    stepped.load_state_dict(trained.state_dict())
    y = rng.standard_normal((50, *trained.output_shape((6,))))
    loss = fastnn.MSELoss()
    for _ in range(2):
        for first in range(0, 50, 16):
            part = slice(first, first + 16)
            _, grad = loss(stepped.forward(x[part], training=True), y[part])
            stepped.backward(grad)
            optimizer.step(stepped)
    fastnn.Trainer(trained, loss, optimizer).fit(
        x, y, epochs=2, batch_size=16, shuffle=False, progress=False
    )
    np.testing.assert_allclose(weights(trained), weights(stepped), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("batch_size", [150, 7, 1])
def test_same_bits_for_any_number_of_threads(variant, dtype, batch_size):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((160, 300)).astype(dtype), rng.integers(0, 10, 160)

    def run(threads):
        fastnn.set_num_threads(threads)

        def layer(a, b, **options):
            return fastnn.Linear(a, b, dtype=dtype, **options)

        model = fastnn.Sequential(
            fastnn.Residual(layer(300, 300, activation="tanh"), activation="relu"),
            fastnn.Concat(layer(300, 70), fastnn.Identity(), fastnn.Dropout(0.2)),
            fastnn.Add(layer(670, 40), layer(670, 40, activation="gelu"), layer(670, 40)),
            fastnn.ReLU(),
            layer(40, 10),
        )
        fastnn.Trainer(model, "cross_entropy", fastnn.Adam()).fit(
            x[: 8 * batch_size], y[: 8 * batch_size], epochs=2, batch_size=batch_size,
            progress=False,
        )  # fmt: skip
        return weights(model)

    before = fastnn.get_num_threads()
    runs = [run(n) for n in (1, 2, 3, 8)]
    fastnn.set_num_threads(before)
    assert np.isfinite(runs[0]).all()
    for other in runs[1:]:
        assert np.array_equal(runs[0], other)


@pytest.mark.parametrize("name", [n for n in NETS if "user" not in n])
def test_files_bring_back_the_net(name, rng, tmp_path):
    net, x = NETS[name](), rng.standard_normal((3, 6))
    if not net.parameters():
        x = x.astype("f4")
    fastnn.save(net, tmp_path / "net.safetensors")
    again = fastnn.load(tmp_path / "net.safetensors")
    assert repr(again) == repr(net)
    assert np.array_equal(again.predict(x), net.predict(x))
    assert list(again.state_dict()) == list(net.state_dict())


def test_branches_of_indices(rng):
    """Two tables for the same words, side by side and added."""
    words = rng.integers(0, 7, (4, 3))
    for make in (fastnn.Add, lambda *b: fastnn.Concat(*b, axis=-1)):
        net = make(fastnn.Embedding(7, 5), fastnn.Embedding(7, 5))
        one, other = (p.data[words] for p in net.parameters())
        expected = one + other if make is fastnn.Add else np.concatenate([one, other], -1)
        assert np.array_equal(net.predict(words), expected)
        net.forward(words)
        net.backward(np.ones_like(expected))
        for p in net.parameters():
            assert np.array_equal(p.grad[:, 0], np.bincount(words.ravel(), minlength=7))
        with pytest.raises(ValueError, match="7"):
            net.predict(words + 7)


def test_what_a_net_tells_about_itself():
    block = fastnn.Residual(
        fastnn.Sequential(fastnn.Linear(6, 4), fastnn.ReLU(), fastnn.Linear(4, 6)),
        activation="relu",
    )
    net = fastnn.Sequential(block, fastnn.Concat(fastnn.Linear(6, 2), fastnn.Identity()))
    assert list(net.state_dict()) == [
        "0.body.0.weight", "0.body.0.bias", "0.body.2.weight", "0.body.2.bias",
        "1.0.weight", "1.0.bias",
    ]  # fmt: skip
    assert net.input_shape() == (6,)
    assert net.output_shape((6,)) == (8,)
    assert net.summary().splitlines()[-1].split() == ["total", "72"]
    assert repr(block).endswith("Linear(4, 6)), activation='relu')")
    image = fastnn.Sequential(fastnn.Unflatten(1, (1, 28, -1)), fastnn.Flatten())
    assert image[:1].output_shape((784,)) == (1, 28, 28)
    assert fastnn.Unflatten(-1, (2, 2)).output_shape((5, 4)) == (5, 2, 2)


def test_initial_values_suit_the_activation_and_differ_between_branches():
    def std(net):
        return float(net.parameters()[0].data.std())

    wide = (400, 400)
    glorot, he = np.sqrt(1 / 400), np.sqrt(2 / 400)
    assert np.isclose(std(fastnn.Residual(fastnn.Linear(*wide))), glorot, rtol=0.02)
    block = fastnn.Residual(fastnn.Linear(*wide), activation="relu")
    assert np.isclose(std(block), he, rtol=0.02)
    net = fastnn.Sequential(fastnn.Residual(fastnn.Linear(*wide)), fastnn.ReLU())
    assert np.isclose(std(net), he, rtol=0.02)
    net = fastnn.Add(*(fastnn.Sequential(fastnn.Linear(3, 3)) for _ in range(2)))
    first, _, second, _ = net.parameters()
    assert not np.array_equal(first.data, second.data)


def test_a_slice_of_a_sequential_shares_its_layers(rng):
    x = rng.standard_normal((4, 6)).astype("f4")
    net = fastnn.Sequential(fastnn.Linear(6, 5), fastnn.ReLU(), fastnn.Linear(5, 3), seed=7)
    whole = fastnn.Sequential(fastnn.Linear(6, 5), fastnn.ReLU(), fastnn.Linear(5, 3), seed=7)
    body = net[:2]  # before any value is drawn
    assert isinstance(body, fastnn.Sequential)
    assert body[0] is net[0]
    assert np.array_equal(net[-1:].predict(body.predict(x)), whole.predict(x))
    assert list(net[2:].state_dict()) == ["0.weight", "0.bias"]
    body[0].bias.data[...] = 1
    assert (net[0].bias.data == 1).all()
    with pytest.raises(ValueError, match="layers: expected at least one of 3, got none"):
        net[3:]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: fastnn.Residual(None), TypeError, "body: expected a Layer, got NoneType"),
        (lambda: fastnn.Residual(3), TypeError, "body: expected a Layer, got int"),
        (lambda: fastnn.Residual(fastnn.ReLU(), 3), TypeError, "shortcut: expected a Layer"),
        (
            lambda: fastnn.Residual(fastnn.ReLU(), activation="rleu"),
            ValueError,
            "activation: expected one of",
        ),
        (lambda: fastnn.Add(fastnn.ReLU()), ValueError, "branches: expected at least two, got 1"),
        (lambda: fastnn.Concat(), ValueError, "branches: expected at least two, got 0"),
        (lambda: fastnn.Add(fastnn.ReLU(), None), TypeError, "branches: .* None; Identity"),
        (lambda: fastnn.Add(*[fastnn.ReLU()] * 2), ValueError, "expected different layers"),
        (
            lambda: fastnn.Concat(fastnn.ReLU(), fastnn.Tanh(), axis=0.5),
            TypeError,
            "axis: expected a whole number",
        ),
        (lambda: fastnn.Reshape((2, 0)), ValueError, "shape: expected lengths of at least 1"),
        (lambda: fastnn.Reshape((-1, -1)), ValueError, "shape: .* at most one -1"),
        (lambda: fastnn.Unflatten(0, (2, 3)), ValueError, "dim: .* got 0, the batch"),
    ],
)
def test_construction_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            lambda: fastnn.Residual(fastnn.Linear(6, 5)),
            r"Residual: expected a body that gives \(6,\), the shape of the input as it is, "
            r"got \(5,\)",
        ),
        (
            lambda: fastnn.Residual(fastnn.Linear(6, 5), fastnn.Linear(6, 4)),
            r"gives \(4,\), the shape of the input through the shortcut, got \(5,\)",
        ),
        (
            lambda: fastnn.Add(fastnn.Linear(6, 5), fastnn.Tanh()),
            r"Add: expected branches of one output shape, got \(5,\), \(6,\)",
        ),
        (
            lambda: fastnn.Concat(fastnn.ReLU(), fastnn.Tanh(), axis=1),
            r"Concat: expected branches with an axis 1, got \(6,\)",
        ),
        (
            lambda: fastnn.Concat(fastnn.Reshape((2, 3)), fastnn.Reshape((3, 2))),
            r"differ in axis 0 alone, got \(2, 3\), \(3, 2\)",
        ),
        (lambda: fastnn.Concat(fastnn.ReLU(), fastnn.Reshape((2, 3))), r"got \(6,\), \(2, 3\)"),
        (lambda: fastnn.Reshape((2, 2)), r"Reshape: expected 6 elements, those of \(6,\)"),
        (lambda: fastnn.Reshape((4, -1)), r"Reshape: expected 6 elements, .* got \(4, -1\)"),
        (lambda: fastnn.Unflatten(2, (2, 3)), r"Unflatten: expected samples with an axis 2"),
    ],
)
def test_shape_errors(layer, message):
    with pytest.raises(ValueError, match=message):
        layer().forward(np.ones((2, 6), np.float32))


# -- PyTorch -------------------------------------------------------------------------------------


def test_equals_pytorch(dtype, rng):
    torch = peer("torch")
    nn, kind = torch.nn, getattr(torch, str(dtype))

    class Block(nn.Module):
        def __init__(self, body, shortcut=None):
            super().__init__()
            self.body = body
            self.shortcut = shortcut or nn.Identity()

        def forward(self, x):
            return torch.relu(self.body(x) + self.shortcut(x))

    class Beside(nn.ModuleList):
        def forward(self, x):
            return torch.cat([branch(x) for branch in self], 1)

    def theirs_linear(a, b):
        return nn.Linear(a, b, dtype=kind)

    def ours_linear(a, b):
        return fastnn.Linear(a, b, dtype=dtype)

    def net(block, beside, sequential, linear, relu, tanh, identity):
        return sequential(
            linear(12, 20),
            block(sequential(linear(20, 9), relu(), linear(9, 20))),
            block(sequential(linear(20, 9), tanh()), linear(20, 9)),
            beside(linear(9, 4), sequential(linear(9, 3), tanh()), identity()),
            linear(16, 5),
        )

    theirs = net(
        Block, lambda *b: Beside(b), nn.Sequential, theirs_linear, nn.ReLU, nn.Tanh, nn.Identity
    )
    ours = net(
        lambda *b: fastnn.Residual(*b, activation="relu"), fastnn.Concat, fastnn.Sequential,
        ours_linear, fastnn.ReLU, fastnn.Tanh, fastnn.Identity,
    )  # fmt: skip
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    x = rng.standard_normal((33, 12)).astype(dtype)
    y = rng.integers(0, 5, 33)
    given = torch.from_numpy(x).requires_grad_()
    their_out = theirs(given)
    torch.nn.functional.cross_entropy(their_out, torch.from_numpy(y)).backward()
    out = ours.forward(x)
    dx = ours.backward(fastnn.CrossEntropyLoss()(out, y)[1])
    near = {"rtol": 1e-10, "atol": 1e-12} if dtype == F8 else {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(out, their_out.detach().numpy(), **near)
    np.testing.assert_allclose(dx, given.grad.numpy(), **near)
    for key, p in theirs.named_parameters():
        np.testing.assert_allclose(ours.named_parameters()[key].grad, p.grad.numpy(), **near)
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in ours.state_dict().items()})


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (fastnn.Linear(4, 3), (4,)),
        (fastnn.Conv2d(2, 3, 3), (2, 5, 5)),
        (fastnn.BatchNorm2d(2), (2, 5, 5)),
        (fastnn.LayerNorm(4), (4,)),
        (fastnn.MaxPool2d(2), (2, 4, 4)),
        (fastnn.AvgPool2d(2), (2, 4, 4)),
        (fastnn.Maxout(4, 3), (4,)),
        (fastnn.GLU(), (4,)),
        (fastnn.RReLU(), (4,)),
        (fastnn.Dropout(), (4,)),
        (fastnn.LSTM(4, 3), (5, 4)),
        (fastnn.GRU(4, 3, bidirectional=True, output="last"), (5, 4)),
        (fastnn.Softmax(), (4,)),
    ],
    ids=lambda value: None if isinstance(value, tuple) else type(value).__name__,
)
def test_sums_share_their_gradient_with_what_leaves_it_alone(layer, shape, rng):
    x = rng.normal(size=(3, *shape)).astype(np.float32)
    dy = rng.normal(size=layer.forward(x, training=True).shape).astype(np.float32)
    layer.backward(dy)
    value = layer._last.y
    assert not value.producer.alters
    np.testing.assert_array_equal(value.grad_rows(3), dy)
