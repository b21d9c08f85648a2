"""PReLU, RReLU, maxout, GLU: against formulas, PyTorch, finite differences; their noise."""

import numpy as np
import pytest
from peers import peer

import fastnn
from fastnn import functional, reference

SHAPES = [((5, 7), 7), ((5, 7, 3, 4), 7), ((5, 7), 1), ((6,), 1), ((0, 7), 7), ((300, 50, 30), 50)]


def with_threads(n, run):
    before = fastnn.get_num_threads()
    fastnn.set_num_threads(n)
    try:
        return run()
    finally:
        fastnn.set_num_threads(before)


def arrays(rng, dtype, *shapes):
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


# -- functions -------------------------------------------------------------------------------


@pytest.mark.usefixtures("variant")
@pytest.mark.parametrize(("shape", "channels"), SHAPES)
def test_prelu_is_its_formula(shape, channels, dtype, rng):
    x, grad, weight = arrays(rng, dtype, shape, shape, channels)
    eps = np.finfo(dtype).eps
    y = functional.prelu(x, weight)
    np.testing.assert_allclose(y, reference.prelu(x, weight), rtol=eps)
    dx, dweight = functional.prelu_backward(grad, x, weight)
    wide = [a.astype(np.longdouble) for a in (grad, x, weight)]
    expected_dx, expected = reference.prelu_backward(*wide)
    np.testing.assert_allclose(dx, expected_dx.astype(dtype), rtol=eps)
    # Terms are rounded once, sums in double: relative to the sum of the terms' sizes.
    size = np.abs(grad * x).sum() / channels
    np.testing.assert_allclose(dweight, expected.astype(dtype), rtol=4 * eps, atol=eps * size)
    # In place, and with strides.
    out = x.copy()
    assert functional.prelu(out, weight, out=out) is out
    np.testing.assert_array_equal(out, y)
    strided = np.repeat(x, 2, axis=-1)[..., ::2]
    np.testing.assert_array_equal(functional.prelu(strided, weight), y)
    out = grad.copy()
    assert functional.prelu_backward(out, x, weight, out=out)[0] is out
    np.testing.assert_array_equal(out, dx)


def test_nan_goes_through_prelu():
    x = np.array([[np.nan, np.inf, -np.inf]])
    np.testing.assert_array_equal(functional.prelu(x, np.array([0.25])), x)


@pytest.mark.usefixtures("variant")
@pytest.mark.parametrize("pieces", [1, 2, 3, 5, 16])
@pytest.mark.parametrize("shape", [(4,), (3, 5), (2, 3, 700), (0, 3)])
def test_maxout_is_its_formula(shape, pieces, dtype, rng):
    # Small integers, so that there are ties.
    x = rng.integers(-3, 4, (*shape[:-1], shape[-1] * pieces)).astype(dtype)
    (grad,) = arrays(rng, dtype, shape)
    y, which = functional.maxout(x, pieces)
    expected, places = reference.maxout(x, pieces)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(which, places)
    assert which.dtype == np.int32
    dx = functional.maxout_backward(grad, which, pieces)
    np.testing.assert_array_equal(dx, reference.maxout_backward(grad, which, pieces))
    out, dx_out = np.full_like(y, 7), np.full_like(dx, 7)
    assert functional.maxout(x, pieces, out=out)[0] is out
    assert functional.maxout_backward(grad, which, pieces, out=dx_out) is dx_out
    np.testing.assert_array_equal(out, y)
    np.testing.assert_array_equal(dx_out, dx)


def test_nan_is_larger_than_any_number():
    x = np.array([1.0, np.nan, np.inf, np.nan, 2.0, 1.0])
    y, which = functional.maxout(x, 3)
    np.testing.assert_array_equal(y, [np.nan, np.nan])
    np.testing.assert_array_equal(which, [1, 0])


@pytest.mark.usefixtures("variant")
@pytest.mark.parametrize("shape", [(2,), (3, 10), (2, 3, 1400), (0, 6), (4, 0)])
def test_glu_is_its_formula(shape, dtype, rng):
    half = (*shape[:-1], shape[-1] // 2)
    x, grad = arrays(rng, dtype, shape, half)
    wide, eps = x.astype(np.longdouble), np.finfo(dtype).eps
    y, dx = functional.glu(x), functional.glu_backward(grad, x)
    # A sigmoid's 2.5 ulp, twice, and the products.
    np.testing.assert_allclose(y, reference.glu(wide).astype(dtype), rtol=4 * eps)
    expected = reference.glu_backward(grad.astype(np.longdouble), wide).astype(dtype)
    np.testing.assert_allclose(dx, expected, rtol=8 * eps)
    out, dx_out = np.full_like(y, 7), np.full_like(dx, 7)
    assert functional.glu(x, out=out) is out
    assert functional.glu_backward(grad, x, out=dx_out) is dx_out
    np.testing.assert_array_equal(out, y)
    np.testing.assert_array_equal(dx_out, dx)
    np.testing.assert_array_equal(functional.glu(np.repeat(x, 2, axis=-1)[..., ::2]), y)


X = np.ones((4, 6), np.float32)
BAD_CALLS = {
    "weight": (
        lambda: functional.prelu(X, np.ones(4, np.float32)),
        ValueError,
        r"weight: expected shape \(1,\) or \(6,\), got \(4,\)",
    ),
    "weight of a vector": (
        lambda: functional.prelu(X[0], np.ones(6, np.float32)),
        ValueError,
        r"weight: expected shape \(1,\), got \(6,\)",
    ),
    "dtype": (
        lambda: functional.prelu(X, np.ones(6)),
        TypeError,
        "weight: expected float32 like the first array, got float64",
    ),
    "out": (
        lambda: functional.prelu(X, np.ones(6, np.float32), out=X[:2]),
        ValueError,
        r"out: expected shape \(4, 6\), got \(2, 6\)",
    ),
    "grad": (
        lambda: functional.prelu_backward(X[:2], X, np.ones(6, np.float32)),
        ValueError,
        r"x: expected shape \(2, 6\), got \(4, 6\)",
    ),
    "out is x": (
        lambda: functional.prelu_backward(X.copy(), X, np.ones(6, np.float32), out=X),
        ValueError,
        "out: expected memory apart from x",
    ),
    "pieces": (
        lambda: functional.maxout(X, 4),
        ValueError,
        r"x: expected a last axis that is a multiple of 4, got shape \(4, 6\)",
    ),
    "no pieces": (lambda: functional.maxout(X, 0), ValueError, "pieces: expected at least 1"),
    "which": (
        lambda: functional.maxout_backward(X, np.full((4, 6), 2, np.int32), 2),
        ValueError,
        r"which: expected integers in \[0, 2\), got 2",
    ),
    "type of which": (
        lambda: functional.maxout_backward(X, np.zeros((4, 6), np.int64), 2),
        TypeError,
        "which: expected int32, got int64",
    ),
    "halves": (
        lambda: functional.glu(X[:, :5]),
        ValueError,
        r"x: expected a last axis that is a multiple of 2, got shape \(4, 5\)",
    ),
    "grad of halves": (
        lambda: functional.glu_backward(X, X),
        ValueError,
        r"grad: expected shape \(4, 3\), got \(4, 6\)",
    ),
    "GLU": (
        lambda: fastnn.GLU().forward(X[:, :5]),
        ValueError,
        r"GLU: expected .*\(5,\)",
    ),
    "PReLU": (
        lambda: fastnn.PReLU(5).forward(X),
        ValueError,
        r"PReLU: expected samples of shape \(5, ...\), got \(6,\)",
    ),
    "Maxout": (
        lambda: fastnn.Maxout(5, 2).forward(X),
        ValueError,
        r"Maxout: expected samples of shape \(5,\), got \(6,\)",
    ),
    "lower": (lambda: fastnn.RReLU(-0.1), ValueError, "lower: expected a finite number >= 0"),
    "reciprocal": (
        lambda: fastnn.RReLU(0.0, reciprocal=True),
        ValueError,
        "lower: expected a number > 0 with reciprocal, got 0",
    ),
    "upper": (lambda: fastnn.RReLU(0.5, 0.25), ValueError, "upper: expected at least lower, 0.5"),
}


@pytest.mark.parametrize("case", BAD_CALLS)
def test_bad_calls(case):
    call, error, message = BAD_CALLS[case]
    with pytest.raises(error, match=message):
        call()


# -- layers ----------------------------------------------------------------------------------


def build(dtype):
    return {
        "one slope": fastnn.PReLU(dtype=dtype),
        "a slope a channel": fastnn.PReLU(6, dtype=dtype),
        "within": fastnn.Sequential(
            fastnn.Linear(6, 5, dtype=dtype), fastnn.PReLU(5, 0.4, dtype), fastnn.Tanh(),
            fastnn.Linear(5, 3, dtype=dtype),
        ),
        "glu": fastnn.Sequential(
            fastnn.Linear(6, 8, dtype=dtype), fastnn.GLU(), fastnn.Linear(4, 3, dtype=dtype)
        ),
        "maxout": fastnn.Maxout(6, 4, 3, dtype=dtype),
        "two maxouts": fastnn.Sequential(
            fastnn.Maxout(6, 4, 2, dtype=dtype), fastnn.Maxout(4, 3, 5, bias=False, dtype=dtype)
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", build("float64"))
def test_gradients_equal_finite_differences(name, rng):
    layer, h = build("float64")[name], 1e-6
    (x,) = arrays(rng, "float64", (4, 6))
    (dy,) = arrays(rng, "float64", layer.forward(x).shape)
    layer.forward(x)
    dx = layer.backward(dy)
    grads = [p.grad.copy() for p in layer.parameters()]
    for array, grad in [(x, dx), *zip((p.data for p in layer.parameters()), grads, strict=True)]:
        flat = array.reshape(-1)
        for i in range(flat.size):
            keep, values = flat[i], []
            for shift in (h, -h):
                flat[i] = keep + shift
                values.append((layer.predict(x) * dy).sum())
            flat[i] = keep
            assert grad.flat[i] == pytest.approx((values[0] - values[1]) / (2 * h), abs=1e-7)


@pytest.mark.parametrize(("channels", "shape"), [(1, (6,)), (6, (6,)), (1, (3, 4)), (3, (3, 4, 5))])
def test_prelu_is_pytorchs(channels, shape, dtype, rng):
    torch = peer("torch")
    ours = fastnn.PReLU(channels, dtype=dtype)
    theirs = torch.nn.PReLU(channels, dtype=getattr(torch, str(dtype)))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    np.testing.assert_array_equal(ours.weight.data, theirs.weight.detach().numpy())
    ours.load_state_dict({"weight": rng.random(channels).astype(dtype)})
    theirs.load_state_dict({"weight": torch.from_numpy(ours.state_dict()["weight"])})
    x, dy = arrays(rng, dtype, (9, *shape), (9, *shape))
    given = torch.from_numpy(x).requires_grad_()
    out = theirs(given)
    out.backward(torch.from_numpy(dy))
    near = {"rtol": 1e-5, "atol": 1e-6} if dtype == np.float32 else {"rtol": 1e-12, "atol": 1e-13}
    np.testing.assert_allclose(ours.forward(x), out.detach().numpy(), **near)
    np.testing.assert_allclose(ours.backward(dy), given.grad.numpy(), **near)
    np.testing.assert_allclose(ours.weight.grad, theirs.weight.grad.numpy(), **near)


def test_maxout_is_pytorchs_linear_and_amax(dtype, rng):
    torch = peer("torch")
    ours = fastnn.Maxout(6, 4, 3, dtype=dtype)
    theirs = torch.nn.Linear(6, 12, dtype=getattr(torch, str(dtype)))
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    x, dy = arrays(rng, dtype, (9, 6), (9, 4))
    given = torch.from_numpy(x).requires_grad_()
    out = theirs(given).unflatten(1, (4, 3)).amax(2)
    out.backward(torch.from_numpy(dy))
    near = {"rtol": 1e-5, "atol": 1e-6} if dtype == np.float32 else {"rtol": 1e-11, "atol": 1e-12}
    np.testing.assert_allclose(ours.forward(x), out.detach().numpy(), **near)
    np.testing.assert_allclose(ours.backward(dy), given.grad.numpy(), **near)
    np.testing.assert_allclose(ours.weight.grad, theirs.weight.grad.numpy(), **near)


def test_glu_is_pytorchs(rng):
    torch = peer("torch")
    x, dy = arrays(rng, "float32", (9, 5, 6), (9, 5, 3))
    given = torch.from_numpy(x).requires_grad_()
    out = torch.nn.GLU()(given)
    out.backward(torch.from_numpy(dy))
    layer, near = fastnn.GLU(), {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(layer.forward(x), out.detach().numpy(), **near)
    np.testing.assert_allclose(layer.backward(dy), given.grad.numpy(), **near)


def net(dtype="float32"):
    return fastnn.Sequential(
        fastnn.Maxout(300, 160, 3, dtype=dtype),
        fastnn.GLU(),
        fastnn.RReLU(),
        fastnn.Linear(80, 60, dtype=dtype),
        fastnn.PReLU(60, dtype=dtype),
        fastnn.Linear(60, 40, dtype=dtype),
        fastnn.PReLU(dtype=dtype),
        fastnn.RReLU(reciprocal=True),
        fastnn.Linear(40, 10, dtype=dtype),
    )


@pytest.mark.usefixtures("variant")
def test_same_bits_for_any_number_of_threads(dtype):
    rng = np.random.default_rng(0)
    (x,) = arrays(rng, dtype, (700, 300))
    y = rng.integers(0, 10, 700)

    def run():
        model = net(dtype)
        trainer = fastnn.Trainer(model, "cross_entropy", "adam")
        history = trainer.fit(x, y, epochs=3, batch_size=300, progress=False)
        assert history["loss"][-1] < history["loss"][0]
        return [p.data.copy() for p in model.parameters()]

    runs = [with_threads(n, run) for n in (1, 2, 3, 8)]
    for other in runs[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(runs[0], other, strict=True))


def test_files_hold_all_of_it(tmp_path, rng):
    model = net()
    model[4].weight.data[...] = rng.random(60)
    fastnn.save(model, tmp_path / "model.safetensors")
    again = fastnn.load(tmp_path / "model.safetensors")
    (x,) = arrays(rng, "float32", (5, 300))
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert repr(again) == repr(model)
    assert "Maxout(300, 160, 3)" in model.summary()


def test_penalties_pass_over_slopes():
    model = fastnn.Sequential(fastnn.Linear(6, 6), fastnn.PReLU(6))
    optimizer = fastnn.SGD(0.5, l2=1.0)
    optimizer.step(model)
    np.testing.assert_array_equal(model[1].weight.data, np.full(6, 0.25, np.float32))


def test_a_slope_can_be_frozen(rng):
    x, dy = arrays(rng, "float32", (5, 6), (5, 6))
    layer = fastnn.PReLU(6).requires_grad_(False)
    layer.forward(x)
    np.testing.assert_allclose(layer.backward(dy), np.where(x > 0, dy, dy / 4))
    assert not layer.weight.grad.any()


# -- the noise of RReLU ----------------------------------------------------------------------


@pytest.mark.parametrize("reciprocal", [False, True])
def test_random_slopes(reciprocal, dtype):
    # The PReLU does nothing; it has the net compute in dtype.
    nothing, n = fastnn.PReLU(init=1.0, dtype=dtype), 200_000
    layer = fastnn.Sequential(nothing, fastnn.RReLU(reciprocal=reciprocal))
    x = np.full((n, 1), -1, dtype)
    slopes = -layer.forward(x, training=True)[:, 0]
    assert slopes.dtype == dtype
    drawn = 1 / slopes if reciprocal else slopes
    low, high = (3, 8) if reciprocal else (1 / 8, 1 / 3)
    eps = 4 * np.finfo(dtype).eps
    assert drawn.min() >= low * (1 - eps)
    assert drawn.max() <= high * (1 + eps)
    # 5 standard deviations of a mean of uniform numbers; a histogram of ten bins to 5 of each.
    width = high - low
    assert abs(drawn.mean() - (low + high) / 2) < 5 * width / np.sqrt(12 * n)
    counts, _ = np.histogram(drawn, 10, (low, high))
    assert (abs(counts - n / 10) < 5 * np.sqrt(n * 0.09)).all()
    # What is above 0 goes through, and backward has the same slopes.
    mixed = np.where(np.arange(n) % 2, 1, -1).astype(dtype)[:, None]
    y = layer.forward(mixed, training=True)
    assert (y[1::2] == 1).all()
    np.testing.assert_array_equal(layer.backward(np.ones_like(y))[::2], -y[::2])
    assert not np.array_equal(y, layer.forward(mixed, training=True))


def test_slopes_in_prediction():
    x = np.array([[-1.0, 2.0]], np.float32)
    for layer, slope in [
        (fastnn.RReLU(), (1 / 8 + 1 / 3) / 2),
        (fastnn.RReLU(reciprocal=True), 1 / 5.5),
        (fastnn.RReLU(0.25, 0.25), 0.25),
    ]:
        np.testing.assert_allclose(layer.predict(x), [[-slope, 2]], rtol=1e-6)
    (x,) = (np.full((3, 5), -1.0, np.float32),)
    np.testing.assert_array_equal(fastnn.RReLU(0.25, 0.25).forward(x, training=True), x / 4)


def test_prediction_is_pytorchs(rng):
    torch = peer("torch")
    (x,) = arrays(rng, "float32", (9, 6))
    expected = torch.nn.RReLU().eval()(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(fastnn.RReLU().predict(x), expected, rtol=1e-6)


# -- the whole -------------------------------------------------------------------------------


def test_initial_weights_suit_what_follows():
    for layer in (fastnn.PReLU(), fastnn.RReLU(), fastnn.LeakyReLU()):
        model = fastnn.Sequential(fastnn.Linear(400, 300), layer)
        assert model[0].weight.data.std() == pytest.approx(np.sqrt(2 / 400), rel=0.02)
    layer = fastnn.Maxout(400, 300, 2)
    y = layer.predict(np.random.default_rng(0).standard_normal((500, 400)).astype(np.float32))
    assert (y**2).mean() == pytest.approx(1, rel=0.05)
