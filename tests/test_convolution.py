"""Conv2d: against the formula, finite differences and PyTorch, in every geometry."""

import itertools
import tracemalloc

import numpy as np
import pytest
from peers import peer
from test_layers import numeric_gradient

import fastnn
from fastnn import graph, reference
from fastnn.layers import ACTIVATION_LAYERS, LENET5_CONNECTIONS

# (in, out, height, width), kernel, and other than the defaults
GEOMETRIES = {
    "one pixel": ((1, 1, 1, 1), 1, {}),
    "LeNet-5's first": ((1, 6, 28, 28), 5, {"padding": 2}),
    "LeNet-5's second": ((6, 16, 14, 14), 5, {}),
    "narrow": ((5, 7, 40, 3), 3, {}),
    "short": ((5, 7, 3, 50), 3, {}),
    "odd sizes": ((3, 8, 13, 29), (2, 5), {"padding": (1, 0)}),
    "strides with a remainder": ((3, 8, 20, 24), 3, {"stride": (2, 3), "padding": 1}),
    "stride larger than the kernel": ((3, 5, 17, 18), 2, {"stride": 4}),
    "one by one, strided": ((6, 10, 9, 8), 1, {"stride": 2}),
    "one by one": ((6, 10, 9, 8), 1, {}),
    "one by one, with a border": ((3, 4, 5, 6), 1, {"padding": (1, 2)}),
    "dilated": ((4, 6, 19, 17), 3, {"dilation": (2, 3), "padding": 2}),
    "dilated and strided": ((2, 5, 23, 25), (3, 4), {"dilation": (3, 2), "stride": (2, 3)}),
    "stride and dilation alike": ((2, 5, 23, 25), 3, {"dilation": 2, "stride": 2}),
    "groups": ((6, 9, 11, 12), 3, {"groups": 3, "padding": 1}),
    "a kernel for each channel": ((8, 8, 12, 20), 3, {"groups": 8, "padding": 1}),
    "two for each": ((4, 8, 9, 33), 5, {"groups": 4, "stride": 2}),
    "groups of one by one": ((6, 4, 7, 5), 1, {"groups": 2}),
    "kernel as large as the image": ((3, 7, 6, 5), (6, 5), {}),
    "and larger, with a border": ((3, 7, 4, 3), (6, 5), {"padding": 1}),
    "all of the border": ((2, 3, 4, 4), 3, {"padding": 5}),
    "same": ((3, 5, 9, 14), (3, 5), {"padding": "same"}),
    "same, even and dilated": ((3, 5, 9, 14), (2, 4), {"padding": "same", "dilation": (1, 3)}),
    "valid": ((3, 5, 9, 14), 3, {"padding": "valid"}),
    "many taps": ((70, 9, 9, 8), 3, {"padding": 1}),  # more than are unfolded at once
    "a large kernel": ((2, 3, 30, 31), (24, 25), {"padding": 1}),
    "many maps": ((3, 70, 8, 40), 3, {}),
    "few pixels": ((20, 40, 4, 4), 3, {"padding": 1}),
    "wide": ((2, 3, 5, 700), 3, {"padding": 1}),
}


def make(name, dtype, **options):
    (channels, maps, *size), kernel, given = GEOMETRIES[name]
    layer = fastnn.Conv2d(channels, maps, kernel, **given, dtype=dtype, **options)
    layer.weight.rng = np.random.default_rng(3)
    if layer.bias is not None:
        layer.bias.data[...] = np.linspace(-1, 1, maps)
    formula = {k: v for k, v in given.items() if v != "valid"}
    return layer, (channels, *size), formula


def arrays(layer, shape, rows, dtype, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, *shape)).astype(dtype)
    return x, rng.standard_normal((rows, *layer.output_shape(shape))).astype(dtype)


def near(actual, expected, dtype, terms):
    """Equal but for the rounding of sums of so many terms, each about one. Partial sums are about
    sqrt(n) then, and each is rounded: eps terms / 3 is an error's standard deviation."""
    atol = 2 * np.finfo(dtype).eps * terms
    np.testing.assert_allclose(actual, expected, rtol=0, atol=atol)


def gradients(layer, x, dy):
    """y and all gradients."""
    y = layer.forward(x)
    return y, layer.backward(dy), *(p.grad.copy() for p in layer.parameters())


# -- values ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 3, 18])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_equals_the_formula(name, rows, dtype, variant, threads):
    layer, shape, options = make(name, dtype)
    x, dy = arrays(layer, shape, rows, dtype)
    x8, dy8, w, b = (a.astype("f8") for a in (x, dy, layer.weight.data, layer.bias.data))
    y = reference.conv2d(x8, w, b, **options)
    dx, dw, db = reference.conv2d_backward(dy8, x8, w, **options)
    got = gradients(layer, x, dy)
    pixels = rows * np.prod(y.shape[2:])
    terms = (np.prod(w.shape[1:]), np.prod(w.shape[2:]) * len(w), pixels, pixels)
    for actual, expected, count in zip(got, (y, dx, dw, db), terms, strict=True):
        assert actual.dtype == dtype
        near(actual, expected, dtype, count + 9)
    near(layer.predict(x), y, dtype, terms[0] + 9)


@pytest.mark.parametrize("name", ["odd sizes", "strides with a remainder", "groups", "same"])
def test_formula_equals_finite_differences(name):
    layer, shape, options = make(name, "float64")
    x, dy = arrays(layer, shape, 2, "float64")
    w, b = layer.weight.data, layer.bias.data

    def objective():
        return float((reference.conv2d(x, w, b, **options) * dy).sum())

    got = reference.conv2d_backward(dy, x, w, **options)
    for gradient, array in zip(got, (x, w, b), strict=True):
        near = {"rtol": 1e-7, "atol": 1e-7}
        np.testing.assert_allclose(gradient, numeric_gradient(objective, array), **near)


@pytest.mark.filterwarnings("ignore:Using padding='same'")  # PyTorch copies the image then
@pytest.mark.parametrize("name", GEOMETRIES)
def test_equals_pytorch(name, dtype, threads):
    torch = peer("torch")
    (channels, maps, *size), kernel, options = GEOMETRIES[name]
    kind = getattr(torch, str(dtype))
    theirs = torch.nn.Conv2d(channels, maps, kernel, **options, dtype=kind)
    ours = fastnn.Conv2d(channels, maps, kernel, **options, dtype=dtype)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    x, dy = arrays(ours, (channels, *size), 5, dtype)
    given = torch.from_numpy(x).requires_grad_()
    y = theirs(given)
    y.backward(torch.from_numpy(dy))
    expected = (y, given.grad, theirs.weight.grad, theirs.bias.grad)
    tolerance = 1e-5 if dtype == np.float32 else 1e-10
    for actual, tensor in zip(gradients(ours, x, dy), expected, strict=True):
        value = tensor.detach().numpy()
        scale = tolerance * max(1, np.abs(value).max())
        np.testing.assert_allclose(actual, value, rtol=tolerance, atol=scale)
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in ours.state_dict().items()})


def test_without_a_bias(rng):
    layer, shape, _ = make("odd sizes", "float64", bias=False)
    other, *_ = make("odd sizes", "float64")
    other.load_state_dict({**layer.state_dict(), "bias": np.zeros(8)})
    assert list(layer.state_dict()) == ["weight"]
    x, dy = arrays(layer, shape, 4, "float64")
    for a, b in zip(gradients(layer, x, dy), gradients(other, x, dy), strict=False):
        assert np.array_equal(a, b)


def test_what_is_not_finite_spoils_what_meets_it_and_no_more(dtype):
    layer, shape, _ = make("LeNet-5's second", dtype)
    x, dy = arrays(layer, shape, 3, dtype)
    fine = gradients(layer, x, dy)
    x[1, 2, 7, 8] = np.nan
    y = layer.forward(x)
    met = np.zeros(y.shape, bool)
    met[1, :, 3:8, 4:9] = True
    assert np.array_equal(np.isnan(y), met)
    assert np.array_equal(y[~met], fine[0][~met])
    dy[2, 5, 0, 9] = np.inf
    dx = layer.backward(dy)
    met = np.zeros(dx.shape, bool)
    met[2, :, 0:5, 9:14] = True
    assert np.array_equal(np.isfinite(dx), ~met)


# -- connections -------------------------------------------------------------------------------


def test_lenets_table_is_that_of_the_paper():
    # LeCun et al. 1998: the first six maps read three neighbours, the next six four, the next
    # three two pairs, the last all; 1,516 parameters in all.
    reads = [np.flatnonzero(row).tolist() for row in LENET5_CONNECTIONS]
    ring = [[sorted((i + j) % 6 for j in range(n)) for i in range(6)] for n in (3, 4)]
    assert reads[:6] == ring[0]
    assert reads[6:12] == ring[1]
    pairs = [sorted({i, i + 1, i + 3, (i + 4) % 6}) for i in range(3)]
    assert reads[12:15] == pairs
    assert reads[15] == list(range(6))
    layer = fastnn.Conv2d(6, 16, 5, connections=LENET5_CONNECTIONS)
    assert np.count_nonzero(layer.weight.data) + layer.bias.size == 1516


@pytest.mark.parametrize(
    "optimizer",
    [fastnn.SGD(0.1, momentum=0.9, weight_decay=0.1), fastnn.Adam(l1=0.01, clip_norm=1.0)],
    ids=["sgd", "adam"],
)
def test_what_is_not_connected_is_zero_and_stays_so(optimizer, dtype):
    layer, shape, _ = make("LeNet-5's second", dtype, connections=LENET5_CONNECTIONS)
    dense, *_ = make("LeNet-5's second", dtype)
    dense.load_state_dict(layer.state_dict())
    apart = ~np.broadcast_to(LENET5_CONNECTIONS[:, :, None, None], layer.weight.shape)
    assert not layer.weight.data[apart].any()
    assert layer.weight.data[~apart].all()
    x, dy = arrays(layer, shape, 6, dtype)
    got, expected = gradients(layer, x, dy), list(gradients(dense, x, dy))
    assert expected[2][apart].all()
    expected[2][apart] = 0
    for a, b in zip(got, expected, strict=True):
        assert np.array_equal(a, b)
    model = fastnn.Sequential(
        layer, fastnn.Tanh(), fastnn.Flatten(), fastnn.Linear(1600, 3, dtype=dtype)
    )
    before = layer.weight.data.copy()
    fastnn.Trainer(model, "cross_entropy", optimizer).fit(
        x, np.arange(6) % 3, epochs=3, batch_size=4, progress=False
    )
    assert not layer.weight.data[apart].any()
    assert (layer.weight.data != before)[~apart].all()


def test_loaded_weights_must_be_zero_where_nothing_is_connected():
    layer = fastnn.Conv2d(2, 2, 3, connections=np.eye(2, dtype=bool))
    state = {"weight": np.ones((2, 2, 3, 3), "f4"), "bias": np.ones(2, "f4")}
    before = layer.state_dict()
    with pytest.raises(ValueError, match="state\\['weight'\\]: expected zeros where nothing"):
        layer.load_state_dict(state)
    assert all(np.array_equal(before[k], v) for k, v in layer.state_dict().items())
    state["weight"][[0, 1], [1, 0]] = 0
    layer.load_state_dict(state)
    assert layer.weight.data.sum() == 18


# -- in a model --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ACTIVATION_LAYERS)
def test_an_activation_is_fused_and_the_bits_stay(name, rng):
    fused = fastnn.Conv2d(3, 6, 3, padding=1, activation=name)
    apart = fastnn.Sequential(fastnn.Conv2d(3, 6, 3, padding=1), ACTIVATION_LAYERS[name]())
    plain = fastnn.Conv2d(3, 6, 3, padding=1)
    for layer, prefix in ((apart, "0."), (plain, "")):
        layer.load_state_dict({prefix + k: v for k, v in fused.state_dict().items()})
    x, dy = arrays(fused, (3, 9, 21), 4, "float32")
    got = gradients(fused, x, dy)
    for a, b in zip(got, gradients(apart, x, dy), strict=True):
        assert np.array_equal(a, b)
    values = graph.Graph((3, 9, 21), np.float32)
    apart.lower(values, values.input)
    values.settle()
    assert len(values.nodes) == 1
    activation = ACTIVATION_LAYERS[name]()
    assert np.array_equal(got[0], activation.forward(plain.forward(x)))
    for a, b in zip(got[1:], gradients(plain, x, activation.backward(dy))[1:], strict=True):
        assert np.array_equal(a, b)


def net(dtype, activation=fastnn.Tanh):
    return fastnn.Sequential(
        fastnn.Conv2d(2, 5, 3, padding=1, dtype=dtype),
        activation(),
        fastnn.Conv2d(5, 4, (2, 3), stride=2, groups=1, dtype=dtype),
        activation(),
        fastnn.Conv2d(4, 3, (5, 4), dtype=dtype),
        activation(),
        fastnn.Flatten(),
        fastnn.Linear(3, 2, dtype=dtype),
    )


@pytest.mark.parametrize("activation", [fastnn.Tanh, fastnn.GELU, fastnn.Softplus])
def test_gradients_of_a_net_equal_finite_differences(activation, threads):
    model, rng = net("float64", activation), np.random.default_rng(1)
    x, dy = rng.standard_normal((3, 2, 10, 9)), rng.standard_normal((3, 2))

    def objective():
        return float((model.forward(x) * dy).sum())

    got = gradients(model, x, dy)[1:]
    for gradient, array in zip(got, (x, *(p.data for p in model.parameters())), strict=True):
        expected = numeric_gradient(objective, array)
        np.testing.assert_allclose(gradient, expected, rtol=1e-7, atol=1e-8)


def test_gradients_in_a_residual_branch_equal_finite_differences(threads):
    rng, options = np.random.default_rng(1), {"padding": 1, "dtype": "float64"}
    model = fastnn.Sequential(
        fastnn.Conv2d(2, 3, 3, **options),
        fastnn.GELU(),
        fastnn.Residual(
            fastnn.Sequential(
                fastnn.Conv2d(3, 4, 3, **options), fastnn.Tanh(), fastnn.Conv2d(4, 3, 3, **options)
            )
        ),
        fastnn.Tanh(),
    )
    x, dy = rng.standard_normal((2, 2, 6, 5)), rng.standard_normal((2, 3, 6, 5))

    def objective():
        return float((model.forward(x) * dy).sum())

    got = gradients(model, x, dy)[1:]
    for gradient, array in zip(got, (x, *(p.data for p in model.parameters())), strict=True):
        expected = numeric_gradient(objective, array)
        np.testing.assert_allclose(gradient, expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("frozen", ["0.weight", "0.bias", "2.weight", "2.bias"])
def test_what_is_frozen_stays_and_the_rest_learns(frozen, rng):
    model = net("float64")
    model.named_parameters()[frozen].requires_grad = False
    before = model.state_dict()
    x, y = rng.standard_normal((6, 2, 10, 9)), rng.integers(0, 2, 6)
    fastnn.Trainer(model, "cross_entropy", "adam").fit(x, y, epochs=1, progress=False)
    for name, values in model.state_dict().items():
        assert np.array_equal(values, before[name]) == (name == frozen)


@pytest.mark.parametrize("batch_size", [1, 7, 16])
@pytest.mark.parametrize("kind", ["sgd", "adam", "late"])
def test_training_equals_a_loop_of_ones_own(kind, batch_size):
    # The last batch is shorter.
    make_optimizer = {
        "sgd": lambda: fastnn.SGD(0.1),
        "adam": lambda: fastnn.Adam(0.01),
        "late": lambda: fastnn.Adam(0.01, clip_norm=0.1, l2=0.01),
    }[kind]
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((17, 2, 10, 9)), rng.integers(0, 2, 17)
    trained, by_hand = net("float64"), net("float64")
    fastnn.Trainer(trained, "cross_entropy", make_optimizer()).fit(
        x, y, epochs=2, batch_size=batch_size, shuffle=False, progress=False
    )
    optimizer = make_optimizer()
    for _ in range(2):
        for first in range(0, 17, batch_size):
            part = slice(first, first + batch_size)
            _, grad = fastnn.CrossEntropyLoss()(by_hand.forward(x[part], training=True), y[part])
            by_hand.backward(grad)
            optimizer.step(by_hand)
    for p, q in zip(trained.parameters(), by_hand.parameters(), strict=True):
        np.testing.assert_allclose(p.data, q.data, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(trained.predict(x), by_hand.forward(x), rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize(
    "name", ["LeNet-5's first", "strides with a remainder", "groups", "few pixels", "one by one"]
)
def test_same_bits_for_any_number_of_threads(name, variant, dtype):
    def run(threads):
        fastnn.set_num_threads(threads)
        layer, shape, _ = make(name, dtype, activation="tanh")
        return gradients(layer, *arrays(layer, shape, 90, dtype))

    before = fastnn.get_num_threads()
    runs = [run(n) for n in (1, 2, 3, 8)]
    fastnn.set_num_threads(before)
    for other in runs[1:]:
        for a, b in zip(runs[0], other, strict=True):
            assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("name", ["LeNet-5's first", "dilated and strided", "groups"])
def test_a_sample_is_the_same_bits_in_any_company(name, dtype):
    layer, shape, _ = make(name, dtype)
    x, dy = arrays(layer, shape, 9, dtype)
    y, dx, *_ = gradients(layer, x, dy)
    for i in range(9):
        alone = gradients(layer, x[i : i + 1], dy[i : i + 1])
        assert np.array_equal(alone[0][0], y[i])
        assert np.array_equal(alone[1][0], dx[i])


def test_batches_without_rows(dtype):
    layer, shape, _ = make("odd sizes", dtype)
    x, dy = arrays(layer, shape, 0, dtype)
    y, dx, dw, db = gradients(layer, x, dy)
    assert y.shape == dy.shape
    assert dx.shape == x.shape
    assert not dw.any()
    assert not db.any()


def test_no_unfolded_image_in_memory():
    # 25 times the image, 64 times: 160 MB.
    layer = fastnn.Conv2d(16, 8, 5, padding=2)
    x, dy = arrays(layer, (16, 40, 40), 64, "float32")
    tracemalloc.start()
    layer.forward(x)
    layer.backward(dy)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The pass has its own x and y and their gradients, and hands out copies of y and dx.
    assert peak < 3 * (x.nbytes + dy.nbytes) + 4e6


def test_saved_and_loaded(tmp_path):
    table = np.random.default_rng(0).random((4, 2)) < 0.5
    model = fastnn.Sequential(
        fastnn.Conv2d(1, 2, (3, 2), padding="same", activation="relu"),
        fastnn.Conv2d(2, 4, 3, stride=(1, 2), dilation=2, connections=table, init="he_uniform"),
        fastnn.Conv2d(4, 4, 1, padding=1, groups=2, bias=False),
    )
    x = np.random.default_rng(1).standard_normal((3, 1, 9, 11)).astype("f4")
    fastnn.save(model, tmp_path / "model")
    again = fastnn.load(tmp_path / "model")
    assert repr(again) == repr(model)
    assert np.array_equal(again[1].connections, table)
    assert np.array_equal(again.predict(x), model.predict(x))


def test_state_dict_summary_and_representation():
    layer = fastnn.Conv2d(4, 6, (3, 2), stride=2, padding=(1, 0), groups=2, bias=False)
    assert {k: v.shape for k, v in layer.state_dict().items()} == {"weight": (6, 2, 3, 2)}
    assert repr(layer) == "Conv2d(4, 6, (3, 2), stride=2, padding=(1, 0), groups=2, bias=False)"
    assert repr(fastnn.Conv2d(1, 6, 5, padding="same")) == "Conv2d(1, 6, 5, padding='same')"
    model = fastnn.Sequential(fastnn.Conv2d(1, 6, 5, padding=2), fastnn.Tanh())
    assert "(6, 28, 28)" in model.summary((1, 28, 28))
    assert "156" in model.summary()


def test_initial_values_suit_the_receptive_field():
    shape = (64, 32, 3, 3)
    relu = fastnn.Sequential(fastnn.Conv2d(32, 64, 3), fastnn.ReLU())
    tanh = fastnn.Conv2d(32, 64, 3, activation="tanh")
    asked = fastnn.Conv2d(32, 64, 3, init="lecun_normal")
    fan_in, fan_out = fastnn.init.fans(shape)
    assert fan_in == 32 * 9
    assert np.isclose(relu[0].weight.data.std(), np.sqrt(2 / fan_in), rtol=0.02)
    assert np.isclose(tanh.weight.data.std(), np.sqrt(2 / (fan_in + fan_out)), rtol=0.02)
    assert np.isclose(asked.weight.data.std(), np.sqrt(1 / fan_in), rtol=0.02)


# -- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((0, 1, 3), {}, ValueError, "in_channels: expected at least 1, got 0"),
        ((1, 1.5, 3), {}, TypeError, "out_channels: expected a whole number"),
        ((1, 1, 0), {}, ValueError, "kernel_size: expected at least 1, got 0"),
        ((1, 1, (3, 3, 3)), {}, ValueError, "kernel_size: expected a whole number or two"),
        ((1, 1, (3, 0)), {}, ValueError, r"kernel_size\[1\]: expected at least 1, got 0"),
        ((1, 1, 3), {"stride": 0}, ValueError, "stride: expected at least 1, got 0"),
        ((1, 1, 3), {"padding": -1}, ValueError, "padding: expected at least 0, got -1"),
        ((1, 1, 3), {"padding": "full"}, ValueError, "padding: expected whole numbers, 'same' or"),
        ((1, 1, 3), {"padding": "same", "stride": 2}, ValueError, "stride: expected 1 with pad"),
        ((1, 1, 3), {"dilation": True}, TypeError, "dilation: expected a whole number"),
        ((4, 6, 3), {"groups": 3}, ValueError, "in_channels: expected a multiple of 3 groups, got"),
        ((6, 4, 3), {"groups": 3}, ValueError, "out_channels: expected a multiple of 3 groups"),
        ((2, 3, 3), {"connections": np.ones((3, 2))}, TypeError, "connections: expected bool, got"),
        ((2, 3, 3), {"connections": [[True] * 3] * 2}, ValueError, r"expected shape \(3, 2\), got"),
        (
            (2, 2, 3),
            {"connections": np.eye(2, dtype=bool), "groups": 2},
            ValueError,
            "groups: expected 1 with connections, got 2",
        ),
        ((1, 1, 3), {"activation": "rleu"}, ValueError, "activation: expected one of"),
        ((1, 1, 3), {"dtype": "int8"}, TypeError, "dtype: expected float32"),
    ],
)
def test_construction_errors(arguments, options, error, message):
    with pytest.raises(error, match=message):
        fastnn.Conv2d(*arguments, **options)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((5,), r"expected samples of shape \(1, height, width\), got \(5,\)"),
        ((28, 28), r"got \(28, 28\); one channel has an axis too: x\[:, None\]"),
        ((2, 28, 28), r"expected samples of shape \(1, height, width\), got \(2, 28, 28\)"),
        ((1, 0, 28), r"got \(1, 0, 28\)"),
        ((1, 28, 28, 1), r"got \(1, 28, 28, 1\)"),
        ((1, 2, 28), "expected images of at least 5x3, which the kernel covers, got 2x28"),
        ((1, 28, 2), "expected images of at least 5x3, which the kernel covers, got 28x2"),
    ],
)
def test_shape_errors(shape, message):
    layer = fastnn.Conv2d(1, 2, (5, 5), padding=(0, 1))
    x = np.zeros((2, *shape), np.float32)
    for run in (layer.forward, layer.predict, lambda x: layer.output_shape(x.shape[1:])):
        with pytest.raises(ValueError, match=message):
            run(x)


def test_every_pair_of_settings_has_pytorchs_output_shape():
    torch = peer("torch")
    x = np.zeros((1, 1, 11, 12), np.float32)
    for kernel, stride, padding, dilation in itertools.product(
        (1, 2, 5), (1, 2, 3), (0, 1, 3), (1, 2)
    ):
        settings = {"stride": stride, "padding": padding, "dilation": dilation}
        theirs = torch.nn.Conv2d(1, 1, kernel, **settings)(torch.from_numpy(x))
        assert fastnn.Conv2d(1, 1, kernel, **settings).forward(x).shape == theirs.shape
