"""Pools: against the reference, finite differences and PyTorch; where their leaves end."""

import itertools

import numpy as np
import pytest
from guarded import guarded
from leaf_calls import MODULES, leaf
from peers import peer

import fastnn
from fastnn import reference

F8 = np.float64


class Typed(fastnn.Layer):
    """A layer without parameters in a dtype of one's own."""

    def __init__(self, layer, dtype):
        self.layer, self._dtype = layer, np.dtype(dtype)

    dtype = property(lambda self: self._dtype)

    def output_shape(self, shape):
        return self.layer.output_shape(shape)

    def lower(self, graph, x):
        return self.layer.lower(graph, x)


# (kernel, stride, padding, dilation, ceil_mode)
WINDOWS = [
    (2, None, 0, 1, False),
    (2, None, 1, 1, False),
    (2, 1, 0, 1, False),
    (2, 3, 1, 1, True),
    (3, 2, 1, 1, False),
    (3, 2, 0, 1, True),
    (3, 1, 1, 1, False),
    (3, None, 0, 1, True),
    (3, 1, 1, 2, False),
    ((2, 3), None, 0, 1, False),
    ((3, 1), (1, 2), (1, 0), 1, False),
    (5, 2, 2, 1, False),
    (5, None, 0, 1, False),
    (4, 4, 2, 2, True),
    (7, 3, 3, 1, True),
]
# Rows of a few outputs, of a vector and more; rows so long that they are taken in parts.
SIZES = [(28, 28), (10, 10), (9, 8), (7, 37), (14, 33), (8, 1300)]
CASES = list(itertools.product(WINDOWS, SIZES))


def pools(window):
    """Each pool that has such windows: the layer, the reference's functions, their settings."""
    kernel, stride, padding, dilation, ceil_mode = window
    shared = {"stride": stride, "padding": padding, "ceil_mode": ceil_mode}
    settings = shared | {"dilation": dilation}
    yield fastnn.MaxPool2d(kernel, **settings), reference.max_pool2d, settings
    for counts in (True, False) if dilation == 1 else ():
        settings = shared | {"count_include_pad": counts}
        yield fastnn.AvgPool2d(kernel, **settings), reference.avg_pool2d, settings


def backward_of(function):
    return getattr(reference, f"{function.__name__}_backward")


def gradient(grad, x, function, *arguments, **settings):
    return backward_of(function)(grad, x, *arguments, **settings)


@pytest.mark.parametrize(("window", "size"), CASES)
def test_pools_equal_the_reference(window, size, dtype, variant, rng):
    # Few different numbers, so that maxima are often several.
    x = rng.integers(-3, 4, (3, 2, *size)).astype(dtype)
    for pool, function, settings in pools(window):
        layer = Typed(pool, dtype)
        y = layer.forward(x)
        # Sums of small whole numbers are exact, and a division rounds once.
        np.testing.assert_array_equal(y, function(x, window[0], **settings))
        np.testing.assert_array_equal(layer.predict(x), y)
        grad = rng.integers(-4, 5, y.shape).astype(dtype)
        near = 16 * np.finfo(dtype).eps  # sums of quotients, in any order
        expected = gradient(grad, x, function, window[0], **settings)
        np.testing.assert_allclose(layer.backward(grad), expected, rtol=near, atol=4 * near)


@pytest.mark.parametrize("size", [*SIZES, (3, 5)])
@pytest.mark.parametrize("output_size", [1, 2, 3, (2, 5), (None, 3), 9])
def test_adaptive_means_equal_the_reference(output_size, size, dtype, variant, rng):
    x = rng.integers(-3, 4, (3, 2, *size)).astype(dtype)
    layer = Typed(fastnn.AdaptiveAvgPool2d(output_size), dtype)
    y = layer.forward(x)
    near = 16 * np.finfo(dtype).eps
    np.testing.assert_allclose(y, reference.adaptive_avg_pool2d(x, output_size), near, near)
    grad = rng.integers(-4, 5, y.shape).astype(dtype)
    expected = reference.adaptive_avg_pool2d_backward(grad, x, output_size)
    np.testing.assert_allclose(layer.backward(grad), expected, rtol=near, atol=4 * near)


def test_the_mean_of_a_large_map_is_as_exact_as_its_type(rng):
    x = (rng.standard_normal((2, 3, 500, 501)) + 100).astype("f4")
    y = fastnn.AdaptiveAvgPool2d(1).forward(x)
    exact = x.mean(axis=(2, 3), keepdims=True, dtype=F8)
    np.testing.assert_allclose(y, exact, rtol=2 * np.finfo("f4").eps)


@pytest.mark.parametrize("window", WINDOWS)
def test_gradients_equal_finite_differences(window, rng, threads):
    x, h = rng.permutation(2 * 2 * 9 * 8).reshape(2, 2, 9, 8) / 7.0, 1e-4  # no two alike
    for pool, *_ in pools(window):
        layer = Typed(pool, F8)
        w = rng.standard_normal(layer.forward(x).shape)
        dx, numeric = layer.backward(w), np.empty_like(x)
        for i in np.ndindex(x.shape):
            unit = np.zeros_like(x)
            unit[i] = h
            numeric[i] = ((layer.forward(x + unit) - layer.forward(x - unit)) * w).sum() / (2 * h)
        np.testing.assert_allclose(dx, numeric, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(("window", "size"), CASES)
def test_pools_are_pytorchs(window, size, dtype, rng):
    torch = peer("torch")
    kernel, stride, padding, dilation, ceil_mode = window
    theirs = [torch.nn.MaxPool2d(kernel, stride, padding, dilation, ceil_mode=ceil_mode)]
    if dilation == 1:
        theirs += [torch.nn.AvgPool2d(kernel, stride, padding, ceil_mode, c) for c in (True, False)]
    x = rng.integers(-3, 4, (3, 2, *size)).astype(dtype)
    x[:, :, 0, 0] = np.nan
    for (pool, *_), module in zip(pools(window), theirs, strict=True):
        layer, given = Typed(pool, dtype), torch.from_numpy(x).requires_grad_()
        out = module(given)
        near = 16 * np.finfo(dtype).eps
        np.testing.assert_allclose(layer.forward(x), out.detach().numpy(), near, near)
        grad = rng.integers(-4, 5, tuple(out.shape)).astype(dtype)
        out.backward(torch.from_numpy(grad))
        np.testing.assert_allclose(layer.backward(grad), given.grad.numpy(), near, 4 * near)


def test_adaptive_means_are_pytorchs(dtype, rng):
    torch = peer("torch")
    for output_size, size in itertools.product([1, 3, (2, 5), (None, 4), 40], SIZES[:5]):
        x = rng.standard_normal((3, 2, *size)).astype(dtype)
        layer, given = (
            Typed(fastnn.AdaptiveAvgPool2d(output_size), dtype),
            torch.from_numpy(x).requires_grad_(),
        )
        out = torch.nn.AdaptiveAvgPool2d(output_size)(given)
        near = 64 * np.finfo(dtype).eps
        np.testing.assert_allclose(layer.forward(x), out.detach().numpy(), near, near)
        grad = rng.standard_normal(tuple(out.shape)).astype(dtype)
        out.backward(torch.from_numpy(grad))
        np.testing.assert_allclose(layer.backward(grad), given.grad.numpy(), near, near)


def test_nan_and_infinity_come_through(variant):
    x = np.zeros((1, 1, 4, 40), np.float32)
    x[..., 1, 2], x[..., 0, 5], x[..., :2, 8:10], x[..., 2, 30] = np.nan, np.inf, -np.inf, -np.inf
    layer = fastnn.MaxPool2d(2)
    y = layer.forward(x)[0, 0, 0]
    assert np.isnan(y[1])
    assert y[2] == np.inf
    assert y[4] == -np.inf
    assert np.isfinite(y[5:]).all()
    dx = layer.backward(np.ones((1, 1, 2, 20), np.float32))[0, 0]
    assert dx.sum() == 40
    assert dx[1, 2] == dx[0, 5] == dx[0, 8] == 1
    y = fastnn.AvgPool2d(2).forward(x)[0, 0, 0]
    assert np.isnan(y[1])
    assert (y[2], y[4]) == (np.inf, -np.inf)


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
def test_the_gradient_of_the_activation_before_is_applied(activation, rng):
    # To the bit what it is by itself.
    before = fastnn.Linear(16, 16, activation=activation)
    for pool in (fastnn.MaxPool2d(2), fastnn.AvgPool2d(3, 2, 1), fastnn.AdaptiveAvgPool2d(2)):
        fused = fastnn.Sequential(before, pool)
        x = rng.standard_normal((5, 3, 8, 16)).astype("f4")
        y = fused.forward(x)
        dy = rng.standard_normal(y.shape).astype("f4")
        dx, dw = fused.backward(dy), before.weight.grad.copy()
        assert np.array_equal(pool.forward(before.forward(x)), y)
        assert np.array_equal(before.backward(pool.backward(dy)), dx)
        assert np.array_equal(before.weight.grad, dw)


@pytest.mark.parametrize("after", [None, "Sigmoid", "GELU"])
@pytest.mark.parametrize(("kernel", "stride"), [(2, None), ((3, 2), 2)])
def test_subsampling_is_the_papers(kernel, stride, after, dtype, rng, threads):
    layer = fastnn.Subsample2d(3, kernel, stride, dtype=dtype)
    model = fastnn.Sequential(layer, *([getattr(fastnn, after)()] if after else []))
    x = rng.standard_normal((5, 3, 8, 9)).astype(dtype)
    area = layer.window.kernel[0] * layer.window.kernel[1]
    assert np.allclose(layer.weight.data, 1 / area)
    layer.weight.data[...], layer.bias.data[...] = rng.standard_normal((2, 3))
    weight, bias = (p.data[:, None, None] for p in layer.parameters())
    sums = area * reference.avg_pool2d(x, kernel, stride=stride)
    z = weight * sums + bias
    y = model.forward(x)
    near = 64 * np.finfo(dtype).eps
    f = getattr(reference, after.lower()) if after else None
    np.testing.assert_allclose(y, f(z) if f else z, rtol=near, atol=near)
    np.testing.assert_array_equal(model.predict(x), y)
    dz = dy = rng.standard_normal(y.shape).astype(dtype)
    if f:
        dz = backward_of(f)(dy, z if after == "GELU" else f(z))
    dx = reference.avg_pool2d_backward(area * weight * dz, x, kernel, stride=stride)
    np.testing.assert_allclose(model.backward(dy), dx, rtol=near, atol=near)
    axes = (0, 2, 3)
    np.testing.assert_allclose(layer.weight.grad, (dz * sums).sum(axes), rtol=near, atol=16 * near)
    np.testing.assert_allclose(layer.bias.grad, dz.sum(axes), rtol=near, atol=16 * near)


@pytest.mark.parametrize("window", WINDOWS)
def test_results_do_not_depend_on_threads(window, rng):
    x = rng.standard_normal((23, 3, 40, 41)).astype("f4")
    before, results = fastnn.get_num_threads(), []
    for threads in (1, 2, 3, 8):
        fastnn.set_num_threads(threads)
        for pool, *_ in pools(window):
            y = pool.forward(x)
            results.append((y, pool.backward(np.cos(y))))
    fastnn.set_num_threads(before)
    kinds = len(results) // 4
    for i, (y, dx) in enumerate(results):
        assert np.array_equal(y, results[i % kinds][0])
        assert np.array_equal(dx, results[i % kinds][1])


@pytest.mark.parametrize("level", MODULES)
@pytest.mark.parametrize("size", [(4, 28), (2, 6), (5, 9), (4, 1300)])
@pytest.mark.parametrize("window", WINDOWS)
def test_leaves_stay_within_their_planes(window, size, level, dtype, rng):
    """What runs beyond a row never runs beyond the block."""
    kernel, stride, padding, dilation, ceil_mode = window
    layer = fastnn.MaxPool2d(kernel, stride, padding, dilation, ceil_mode)
    try:
        _, *out = layer.output_shape((1, *size))
    except ValueError:
        pytest.skip("no window fits")
    geometry = layer.window._replace(counts_padding=True)
    dims = np.array([*size, *out, *(n for part in geometry[:4] for n in part), 1, 0], np.intp)
    x = guarded(rng.standard_normal((3, *size)).astype(dtype))
    for name in ("max_pool", "mean_pool")[: 2 if dilation == 1 else 1]:
        y, grad = guarded(np.zeros((3, *out), dtype)), guarded(np.ones((3, *out), dtype))
        leaf(level, f"{name}.forward", dtype)(x, y, 3, dims)
        dx = guarded(np.full(x.shape, np.nan, dtype))
        leaf(level, f"{name}.backward", dtype)(grad, x, y, dx, 3, dims)
        assert np.isfinite(y).all()
        assert np.isfinite(dx).all()
        for p in range(3):  # a block of planes is the same in parts
            part, dpart = np.empty_like(y[p]), np.empty_like(x[p])
            leaf(level, f"{name}.forward", dtype)(x[p], part, 1, dims)
            leaf(level, f"{name}.backward", dtype)(grad[p], x[p], y[p], dpart, 1, dims)
            np.testing.assert_array_equal(part, y[p])
            np.testing.assert_array_equal(dpart, dx[p])


def test_a_net_with_pools_trains_and_is_saved(tmp_path, threads, rng):
    x = rng.standard_normal((50, 1, 8, 8)).astype("f4")
    y = (x[:, 0, :4].mean(axis=(1, 2)) > x[:, 0, 4:].mean(axis=(1, 2))).astype(int)
    model = fastnn.Sequential(
        fastnn.AvgPool2d(2), fastnn.MaxPool2d((1, 2), 1), fastnn.AdaptiveAvgPool2d((2, 1)),
        fastnn.Flatten(), fastnn.Linear(2, 2),
    )  # fmt: skip
    trainer = fastnn.Trainer(model, "cross_entropy", fastnn.Adam(lr=0.05))
    history = trainer.fit(x, y, epochs=40, batch_size=16, progress=False)  # 50 = 3 * 16 + 2
    assert history["loss"][-1] < 0.6 * history["loss"][0]
    fastnn.save(model, tmp_path / "model.safetensors")
    again = fastnn.load(tmp_path / "model.safetensors")
    assert repr(again) == repr(model)
    assert np.array_equal(again.predict(x[:1]), model.predict(x[:1]))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: fastnn.MaxPool2d(0), ValueError, "kernel_size: expected at least 1, got 0"),
        (lambda: fastnn.MaxPool2d((2, 2, 2)), ValueError, "kernel_size: expected a whole number"),
        (lambda: fastnn.MaxPool2d(2.0), TypeError, "kernel_size: expected a whole number"),
        (lambda: fastnn.MaxPool2d(2, (1, 0)), ValueError, r"stride\[1\]: expected at least 1"),
        (lambda: fastnn.MaxPool2d(3, padding=2), ValueError, "padding: expected at most half"),
        (lambda: fastnn.AvgPool2d(3, padding=-1), ValueError, "padding: expected at least 0"),
        (lambda: fastnn.AvgPool2d(2, ceil_mode=1), TypeError, "ceil_mode: expected a bool"),
        (lambda: fastnn.AvgPool2d(2, count_include_pad=0), TypeError, "count_include_pad: exp"),
        (lambda: fastnn.AdaptiveAvgPool2d((1,)), ValueError, "output_size: expected a number"),
        (lambda: fastnn.AdaptiveAvgPool2d(0), ValueError, "output_size: expected at least 1"),
        (lambda: fastnn.AdaptiveAvgPool2d("1"), TypeError, "output_size: expected a whole"),
    ],
)
def test_construction_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (fastnn.MaxPool2d(2), (4, 4), r"MaxPool2d: expected samples of shape \(maps, height"),
        (fastnn.AdaptiveAvgPool2d(2), (4,), "AdaptiveAvgPool2d: expected samples of shape"),
        (fastnn.AvgPool2d(2), (0, 4, 4), "AvgPool2d: expected samples of shape"),
        (fastnn.MaxPool2d(3), (1, 2, 9), r"windows have elements \(MaxPool2d\(3"),
        (fastnn.MaxPool2d(2, 1, 1, 4), (1, 2, 2), "windows have elements"),
        (fastnn.Subsample2d(3), (2, 4, 4), "Subsample2d: expected samples of 3 maps"),
    ],
)
def test_samples_of_other_shapes_are_refused(layer, shape, message):
    with pytest.raises(ValueError, match=message):
        layer.forward(np.zeros((2, *shape), np.float32))


def test_what_a_pool_says_of_itself():
    assert repr(fastnn.MaxPool2d(2)) == "MaxPool2d(2)"
    assert (
        repr(fastnn.MaxPool2d((2, 3), 1, dilation=2)) == "MaxPool2d([2, 3], stride=1, dilation=2)"
    )
    assert repr(fastnn.AvgPool2d(3, padding=1)) == "AvgPool2d(3, padding=1)"
