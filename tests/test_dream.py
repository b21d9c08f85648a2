"""Gradient ascent on an image."""

import numpy as np
import pytest
from peers import peer

import fastnn
from fastnn.inspection import dream, resize


def model():
    return fastnn.Sequential(
        fastnn.Flatten(), fastnn.Linear(48, 20, activation="tanh"), fastnn.Linear(20, 5)
    )


def grey(shape=(6, 8)):
    return np.full(shape, 0.5, np.float32)


class Brighten(fastnn.Layer):
    """Each pixel squared: takes images of any size."""

    def forward(self, x, *, training=False):
        self.x = x.copy()
        return x * x

    def backward(self, dy):
        return 2 * self.x * dy


def test_a_class_grows():
    net = model()
    before = net.state_dict()
    for unit in range(5):
        image = dream(net, grey(), "2", unit=unit, jitter=0)
        assert image.dtype == np.float32
        assert image.shape == (6, 8)
        assert 0 <= image.min() < image.max() <= 1
        gain = net.predict(image[None]) - net.predict(grey()[None])
        assert gain[0].argmax() == unit
    assert all(np.array_equal(before[k], v) for k, v in net.state_dict().items())


def test_a_step_is_along_the_normalised_gradient():
    net = model()
    image = dream(net, grey(), 1, steps=1, rate=0.02, jitter=0, low=-9, high=9)
    h = net[:2].forward(grey()[None])
    cut = net[:2]
    cut.forward(grey()[None])
    grad = cut.backward(h)[0]
    expected = grey() + 0.02 * grad / np.abs(grad).mean()
    np.testing.assert_allclose(image, expected, rtol=1e-5, atol=1e-6)
    blurred = dream(net, grey(), 1, steps=1, rate=0.02, jitter=0, low=-9, high=9, smooth=0.5)
    around = sum(np.roll(grad, by, axis) for by in (-1, 1) for axis in (0, 1)) / 4
    grad = (grad + around) / 2
    expected = grey() + 0.02 * grad / np.abs(grad).mean()
    np.testing.assert_allclose(blurred, expected, rtol=1e-5, atol=1e-6)


def test_an_objective_of_ones_own():
    net = model()

    def less(output):
        assert output.shape == (1, 20)
        return -float(output.sum()), -np.ones_like(output)

    image = dream(net, grey(), "1", objective=less)
    assert net[:2].predict(image[None]).sum() < net[:2].predict(grey()[None]).sum()


@pytest.mark.parametrize("shape", [(9, 12), (3, 9, 12)])
def test_octaves(shape):
    rng = np.random.default_rng(0)
    net = fastnn.Sequential(Brighten(), fastnn.Tanh())
    seen = []

    class Look(fastnn.Layer):
        def forward(self, x, *, training=False):
            seen.append(x.shape)
            return x

        def backward(self, dy):
            return dy

    image = rng.random(shape, "f4") * np.float32(0.5)
    net = fastnn.Sequential(Look(), Brighten(), fastnn.Tanh())
    out = dream(net, image, "1", octaves=3, octave_scale=1.5, steps=4, rate=0.01)
    assert out.shape == shape
    assert (out > image).mean() > 0.99  # every pixel wants to be brighter
    assert [s[-2:] for s in seen] == [(4, 5)] * 4 + [(6, 8)] * 4 + [(9, 12)] * 4
    assert np.array_equal(
        out, dream(net, image, "1", octaves=3, octave_scale=1.5, steps=4, rate=0.01)
    )


def test_jitter_is_taken_back():
    # What each pixel wants does not depend on where it is, so that shifts make no difference.
    net = fastnn.Sequential(Brighten(), fastnn.Tanh())
    image = np.random.default_rng(0).random((7, 7), "f4")
    still = dream(net, image, "0", steps=5, jitter=0)
    np.testing.assert_allclose(dream(net, image, "0", steps=5, jitter=3), still, rtol=1e-5)


def test_float64():
    net = fastnn.Sequential(fastnn.Flatten(), fastnn.Linear(6, 2, dtype=np.float64))
    assert dream(net, np.zeros((2, 3)), "1", unit=1).dtype == np.float64


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (8, 4), (13, 29)])
@pytest.mark.parametrize("shape", [(8, 4), (1, 1), (2, 3, 7, 5)])
def test_resize_equals_pytorch(shape, size, rng, dtype):
    torch = peer("torch")
    image = rng.random(shape).astype(dtype)
    given = torch.from_numpy(image.reshape(-1, 1, *shape[-2:]))
    theirs = torch.nn.functional.interpolate(given, size, mode="bilinear", align_corners=False)
    ours = resize(image, size)
    assert ours.dtype == dtype
    near = {"rtol": 1e-5, "atol": 1e-6} if dtype == np.float32 else {"rtol": 1e-10, "atol": 1e-12}
    np.testing.assert_allclose(ours, theirs.numpy().reshape(ours.shape), **near)


def test_resize(rng):
    image = rng.random((5, 6))
    assert np.array_equal(resize(image, (5, 6)), image)
    np.testing.assert_allclose(resize(image, (10, 12)).mean(), image.mean(), rtol=0.1)
    row = np.arange(8.0)[None]
    np.testing.assert_allclose(resize(row, (1, 4)), [[0.5, 2.5, 4.5, 6.5]])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"layer": "9"}, ValueError, r"layers\[0\]: expected one of"),
        ({"image": np.zeros((6, 8))}, ValueError, r"image: .* of float32, got \(6, 8\) float64"),
        ({"image": np.zeros(48, "f4")}, ValueError, r"image: expected \(H, W\)"),
        ({"image": [[1.0]]}, TypeError, "image: .* got list"),
        ({"octaves": 2}, ValueError, r"expected samples of shape \(48,\)"),
        ({"unit": 20}, ValueError, r"unit: expected a place in an output of shape \(20,\), got 20"),
        ({"steps": 0}, ValueError, "steps: "),
        ({"rate": 0}, ValueError, "rate: "),
        ({"octave_scale": 1}, ValueError, "octave_scale: expected a number above 1"),
        ({"smooth": 0.6}, ValueError, "smooth: "),
        ({"jitter": -1}, ValueError, "jitter: "),
        ({"low": 1}, ValueError, "high: expected a number above low"),
    ],
)
def test_errors(options, error, message):
    with pytest.raises(error, match=message):
        dream(model(), **({"image": grey(), "layer": "1"} | options))
    with pytest.raises(TypeError, match="image: expected float32"):
        resize(np.zeros((2, 2), int), (2, 2))
    with pytest.raises(ValueError, match=r"image: expected shape \(..., H, W\)"):
        resize(np.zeros(2), (2, 2))
