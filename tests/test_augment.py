"""Deformed images: against formulas, NumPy's and SciPy's transforms; noise; every kind of array."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from peers import peer

import fastnn
from fastnn import reference
from fastnn.data import Augment

# Places come from sums of some float32 of the size of an image's sides.
TOLERANCE = {"float32": 2e-5, "float64": 1e-12}

# Square and not, larger than the columns that are smoothed together, a single row.
SHAPES = [(28, 28), (7, 12), (1, 5), (150, 70)]


def images(shape, dtype="float32", n=6, channels=None, seed=0):
    size = (n, *shape) if channels is None else (n, channels, *shape)
    return np.random.default_rng(seed).random(size).astype(dtype)


def draws(augment, epoch, index):
    """The numbers of an image's map, as the reference draws them: see the list in augment.py."""
    names = ["rotation", "shearing", "kind", "scale_y", "scale_x", "shift_y", "shift_x"]
    names += ["crop_y", "crop_x", "flip_y", "flip_x", "cut_y", "cut_x"]
    numbers = reference.image_noise(augment.seed, epoch, index, 0, len(names))
    return dict(zip(names, numbers, strict=True))


def both(limit):
    return limit if isinstance(limit, tuple) else (limit, limit)


def matrix_of(augment, epoch, index, shape):
    """Where pixels come from, by the definition: (2, 3), rows and columns."""
    u = draws(augment, epoch, index)
    angle = math.radians(augment.rotation * u["rotation"])
    lean = math.tan(math.radians(augment.shearing * u["shearing"]))
    if augment.either and u["kind"] < 0:
        lean = 0
    elif augment.either:
        angle = 0
    scale_y, scale_x = both(augment.scaling)
    shared = u["scale_x"] if isinstance(augment.scaling, tuple) else u["scale_y"]
    scale_y, scale_x = 1 + scale_y * u["scale_y"], 1 + scale_x * shared
    if augment.vertical_flip and u["flip_y"] < 0:
        scale_y = -scale_y
    if augment.horizontal_flip and u["flip_x"] < 0:
        scale_x = -scale_x
    # Of (up, right), then of (row, column).
    rotate = [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]
    shear = [[1, 0], [lean, 1]]
    turn = np.diag([-1, 1])
    forth = turn @ rotate @ shear @ np.diag([scale_y, scale_x]) @ turn
    whole = [(u[f"crop_{axis}"] + 1) / 2 * (2 * augment.crop + 1) for axis in "yx"]
    shift = np.array(both(augment.shift)) * [u["shift_y"], u["shift_x"]]
    shift = shift + np.floor(whole) - augment.crop
    centre = (np.array(shape) - 1) / 2
    back = np.linalg.inv(forth)
    return np.column_stack([back, centre - back @ (centre + shift)])


def expected(augment, x, epoch=0, background=0.0):
    """The images by the reference, in double."""
    results = []
    for i, image in enumerate(x.astype(np.float64)):
        shape, field = image.shape[-2:], 0.0
        if augment.elastic:
            noise = reference.image_noise(augment.seed, epoch, i, 1, 2 * math.prod(shape))
            field = noise.reshape(shape[0], 2, shape[1])
            field = reference.elastic_field(field, *augment.elastic)
        result = reference.warp(image, matrix_of(augment, epoch, i, shape), field, background)
        if augment.cutout:
            u, cut = draws(augment, epoch, i), []
            for length, place in zip(shape, (u["cut_y"], u["cut_x"]), strict=True):
                first = math.floor((place + 1) / 2 * length) - augment.cutout // 2
                cut.append(slice(max(0, first), max(0, first + augment.cutout)))
            result[..., cut[0], cut[1]] = background
        results.append(result)
    return np.array(results)


SETTINGS = {
    "rotation": {"rotation": 40},
    "shearing": {"shearing": 30},
    "scaling": {"scaling": 0.4},
    "scaling by axis": {"scaling": (0.4, 0.1)},
    "shift": {"shift": 2.5},
    "shift by axis": {"shift": (0, 3)},
    "crop": {"crop": 3},
    "flips": {"horizontal_flip": True, "vertical_flip": True},
    "cutout": {"cutout": 5},
    "elastic": {"elastic": (2, 20)},
    "smooth": {"elastic": (30, 200)},
    "background": {"rotation": 40, "background": 0.5},
    "Ciresan": {
        "rotation": 15, "shearing": 15, "either": True, "scaling": (0.2, 0.2), "elastic": (6, 36),
    },
    "all": {
        "rotation": 180, "shearing": 45, "scaling": (0.5, 0.5), "shift": (5, 3), "crop": 2,
        "horizontal_flip": True, "vertical_flip": True, "elastic": (4, 34), "cutout": 4,
        "background": -0.3,
    },
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
def test_images_equal_the_formula(variant, dtype, shape, settings):
    augment = Augment(**settings, seed=3)
    x = images(shape, dtype)
    y = augment(x, epoch=5)
    assert y.dtype == dtype
    wanted = expected(augment, x, 5, augment.background)
    assert_allclose(y, wanted, rtol=0, atol=max(shape) / 28 * TOLERANCE[dtype.name])
    if min(shape) > 1:
        assert abs(y - x).max() > 0.1


def test_channels_are_deformed_alike(dtype):
    augment = Augment(**SETTINGS["all"])
    x = images((9, 14), dtype, channels=3)
    y = augment(x)
    for k in range(3):
        assert_array_equal(y[:, k], augment(np.ascontiguousarray(x[:, k])))


# -- against others ------------------------------------------------------------------------------


@pytest.mark.parametrize("stored", ["uint8", "float32", "float64"])
def test_no_deformation_changes_no_bit(variant, stored):
    x = (255 * images((28, 28), "float64")).astype(stored)
    x[:, 0, :] = x[:, :, -1] = 200  # at the edge as well
    assert_array_equal(Augment()(x), x)
    assert_array_equal(Augment(elastic=(3, 0), background=7)(x), x)
    if stored == "uint8":  # scaled as a Trainer scales pixels
        flat = fastnn.Flatten().predict(x)
        assert_array_equal(Augment()(x, dtype="float32").reshape(6, -1), flat)


def test_a_crop_is_a_window_of_the_image_with_a_border(variant, dtype):
    x = images((8, 11), dtype, n=40)
    y = Augment(crop=3, background=0.25)(x)
    bordered = np.pad(x, [(0, 0), (3, 3), (3, 3)], constant_values=0.25)
    windows = np.lib.stride_tricks.sliding_window_view(bordered, (8, 11), axis=(1, 2))
    found = (windows == y[:, None, None]).all(axis=(-1, -2))
    assert (found.sum(axis=(1, 2)) == 1).all()
    used = found.sum(axis=0)
    assert used.any(axis=1).all()  # every shift from -3 to 3, along both axes
    assert used.any(axis=0).all()


def test_quarter_turns_are_those_of_numpy(dtype):
    x = images((28, 28), dtype, n=8)
    signs = np.array([draws(Augment(), 0, i)["rotation"] for i in range(8)])
    y = Augment(rotation=90 / abs(signs))(x)  # a limit for each image, such that 90 is drawn
    for image, turned, sign in zip(x, y, signs, strict=True):
        assert_allclose(turned, np.rot90(image, round(np.sign(sign))), atol=TOLERANCE[dtype.name])
    assert {*np.sign(signs)} == {-1, 1}


@pytest.mark.parametrize("name", ["rotation", "scaling by axis", "shearing", "background"])
def test_affine_maps_are_those_of_scipy(dtype, name):
    ndimage = peer("scipy.ndimage")
    augment = Augment(**SETTINGS[name], shift=1.5)
    x = images((20, 31), dtype)
    y = augment(x)
    for i, image in enumerate(x.astype(np.float64)):
        matrix = matrix_of(augment, 0, i, image.shape)
        wanted = ndimage.affine_transform(
            image, matrix[:, :2], matrix[:, 2], order=1, mode="grid-constant",
            cval=augment.background,
        )  # fmt: skip
        assert_allclose(y[i], wanted, rtol=0, atol=TOLERANCE[dtype.name])


@pytest.mark.parametrize(("sigma", "shape"), [(0.3, (9, 9)), (4, (29, 29)), (6, (100, 40))])
def test_fields_are_those_of_scipy(sigma, shape):
    ndimage = peer("scipy.ndimage")
    noise = reference.image_noise(1, 2, 3, 1, 2 * math.prod(shape)).reshape(shape[0], 2, shape[1])
    field = 34 * ndimage.gaussian_filter(noise, (sigma, 0, sigma), mode="constant")
    assert_allclose(reference.elastic_field(noise, sigma, 34), field, atol=1e-12)
    x = images(shape, "float64", n=4)
    y = Augment(elastic=(sigma, 34), seed=1)(x, epoch=2)
    places = np.indices(shape) + np.moveaxis(field, 1, 0)
    wanted = ndimage.map_coordinates(x[3], places, order=1, mode="grid-constant")
    assert_allclose(y[3], wanted, atol=1e-12)


def test_bytes_are_rounded_to_the_nearest(variant):
    augment = Augment(**SETTINGS["Ciresan"])
    x = np.random.default_rng(0).integers(0, 256, (50, 28, 28)).astype(np.uint8)
    y = augment(x)
    exact = augment(x.astype(np.float32))
    assert y.dtype == np.uint8
    assert_array_equal(y, np.floor(exact + np.float32(0.5)))
    assert_allclose(augment(x, dtype="float64"), exact / 255, atol=1e-4)


# -- noise ---------------------------------------------------------------------------------------


def test_an_image_depends_on_seed_epoch_and_index_alone(dtype):
    x = np.repeat(images((12, 12), dtype, n=1), 40, axis=0)
    augment = Augment(**SETTINGS["all"], seed=8)
    y = augment(x, epoch=2)
    again = Augment(**SETTINGS["all"], seed=8)
    assert_array_equal(again(x, index=[7, 39, 7, 0], epoch=2), y[[7, 39, 7, 0]])
    others = [*augment(x, epoch=3), *Augment(**SETTINGS["all"], seed=9)(x, epoch=2), *y]
    assert len({image.tobytes() for image in others}) == 120


def test_results_do_not_depend_on_threads(variant, dtype):
    x = images((28, 28), dtype, n=300)
    before, results = fastnn.get_num_threads(), []
    for threads in (1, 2, 3, 8):
        fastnn.set_num_threads(threads)
        results.append(Augment(**SETTINGS["Ciresan"])(x))
    fastnn.set_num_threads(before)
    for result in results[1:]:
        assert_array_equal(result, results[0])


def test_a_setting_draws_the_same_beside_others(dtype):
    x = images((9, 9), dtype, n=30)
    flipped = Augment(horizontal_flip=True)(x)
    assert_array_equal(Augment(horizontal_flip=True, crop=2)(x), Augment(crop=2)(flipped))


def test_noise_is_uniform_and_uncorrelated():
    # 5 standard deviations of ideal noise; variance of a uniform number's square: 4/45.
    n = 20_000
    numbers = np.array([reference.image_noise(0, e, i, 0, 13) for e in range(4) for i in range(n)])
    bound = 5 / math.sqrt(len(numbers))
    assert (abs(numbers.mean(axis=0)) < bound * math.sqrt(1 / 3)).all()
    assert (abs((numbers**2).mean(axis=0) - 1 / 3) < bound * math.sqrt(4 / 45)).all()
    correlation = np.corrcoef(numbers.T) - np.eye(13)
    assert abs(correlation).max() < bound
    for lag in (1, 2, n):  # the next images, and the next epoch
        product = 3 * (numbers[lag:] * numbers[:-lag]).mean(axis=0)
        assert (abs(product) < bound * 1.2).all()
    assert numbers.min() >= -1
    assert numbers.max() < 1


def test_the_documented_size_of_displacements():
    noise = reference.image_noise(0, 0, 0, 1, 2 * 400 * 400).reshape(400, 2, 400)
    for sigma, alpha in ((4, 34), (6, 36)):
        inside = reference.elastic_field(noise, sigma, alpha)[30:-30, :, 30:-30]
        assert_allclose(inside.std(), alpha / (6.14 * sigma), rtol=0.05)


def test_half_of_the_images_are_flipped_or_rotated():
    x = images((6, 6), n=1000)
    y = Augment(horizontal_flip=True)(x)
    flipped = (y == x[..., ::-1]).all(axis=(1, 2))
    assert_array_equal(y[~flipped], x[~flipped])
    assert abs(flipped.mean() - 0.5) < 5 * 0.5 / math.sqrt(1000)
    y = Augment(vertical_flip=True)(x)
    assert ((y == x[:, ::-1]) | (y == x)).all(axis=(1, 2)).all()
    # A shear leaves every row of an image of rows as it is.
    rows = np.repeat(np.arange(9.0)[:, None], 9, axis=1) * np.ones((1000, 1, 1))
    y = Augment(rotation=20, shearing=20, either=True)(rows)
    rotated = np.ptp(y[:, 4, 3:6], axis=1) > 1e-6
    assert abs(rotated.mean() - 0.5) < 5 * 0.5 / math.sqrt(1000)


def test_limits_for_each_image():
    x = images((15, 15), "float64", n=10)
    limits = np.where(np.arange(10) % 2, 30.0, 0)
    y = Augment(rotation=limits, scaling=(limits / 100, 0), shift=(0, limits / 10))(x)
    assert_array_equal(y[::2], x[::2])
    wanted = Augment(rotation=30, scaling=(0.3, 0), shift=(0, 3))(x)
    assert_allclose(y[1::2], wanted[1::2], rtol=0, atol=1e-12)
    picked = Augment(rotation=limits)(x, index=[3, 2])
    assert_array_equal(picked[1], x[2])


# -- arrays of every kind ------------------------------------------------------------------------


def test_flat_images(dtype):
    x = images((6, 10), dtype, channels=2)
    wanted = Augment(rotation=30)(x)
    flat = Augment(rotation=30, shape=(2, 6, 10))
    assert_array_equal(flat(x.reshape(6, 120)), wanted.reshape(6, 120))
    assert_array_equal(flat(x), wanted)
    assert flat(x[:0]).shape == (0, 2, 6, 10)


def test_arrays_may_lie_anyhow(tmp_path):
    augment = Augment(rotation=30)
    x = images((8, 8), n=20)
    wanted = augment(x)
    wide = np.zeros((20, 10, 8), np.float32)
    wide[:, :8] = x
    mapped = np.memmap(tmp_path / "x", np.float32, "w+", shape=x.shape)
    mapped[...] = x
    mapped.flags.writeable = False
    backwards = np.ascontiguousarray(x[::-1])[::-1]
    turned = np.asfortranarray(x)
    for same in (wide[:, :8], mapped, backwards, turned):
        assert_array_equal(augment(same), wanted)
    assert_array_equal(augment(x[::2]), Augment(rotation=30)(np.ascontiguousarray(x[::2])))


@pytest.mark.parametrize("settings", [
    {"shift": 1e300}, {"elastic": (1, 1e300)}, {"elastic": (1e-9, 1.0)}, {"crop": 10**12},
    {"rotation": 1e300}, {"shearing": 89.999999}, {"cutout": 10**9}, {"scaling": 0.999999},
])  # fmt: skip
def test_extreme_settings_stay_within_the_image(dtype, settings):
    # Nothing outside is read, and no NaN comes out.
    y = Augment(**settings, background=0.5)(images((9, 9), dtype, n=50))
    assert y.min() >= 0
    assert y.max() <= 1


BAD_SETTINGS = [
    ({"rotation": -1}, ValueError, "rotation: expected 0 <= rotation"),
    ({"rotation": "15"}, TypeError, "rotation: expected a number"),
    ({"rotation": np.array([1, -2])}, ValueError, "rotation: expected numbers in"),
    ({"rotation": np.array(["a"])}, ValueError, "rotation: expected numbers in"),
    ({"shearing": 90}, ValueError, "shearing: expected 0 <= shearing < 90"),
    ({"scaling": 1}, ValueError, "scaling: expected 0 <= scaling < 1"),
    ({"scaling": (0.1, 0.1, 0.1)}, ValueError, "scaling: expected a number or"),
    ({"shift": math.nan}, ValueError, "shift: expected"),
    ({"crop": 1.5}, TypeError, "crop: expected a whole number"),
    ({"horizontal_flip": 1}, TypeError, "horizontal_flip: expected a bool"),
    ({"elastic": 6}, TypeError, "elastic: expected .sigma, alpha"),
    ({"elastic": (0, 36)}, ValueError, "sigma: expected a finite number > 0"),
    ({"elastic": (6, -1)}, ValueError, "alpha: expected a finite number >= 0"),
    ({"cutout": -1}, ValueError, "cutout: expected at least 0"),
    ({"background": math.inf}, ValueError, "background: expected"),
    ({"shape": 28}, TypeError, "shape: expected"),
    ({"shape": (28, 0)}, ValueError, "shape: expected at least 1"),
    ({"seed": -1}, ValueError, "seed: expected at least 0"),
]


@pytest.mark.parametrize(("settings", "error", "message"), BAD_SETTINGS)
def test_bad_settings(settings, error, message):
    with pytest.raises(error, match=message):
        Augment(**settings)


X = np.zeros((3, 4, 5), np.float32)
BAD_CALLS = [
    ({}, (X.tolist(),), {}, TypeError, "x: expected a NumPy array"),
    ({}, (X.astype(np.float16),), {}, TypeError, "expected uint8, float32 or float64"),
    ({}, (X,), {"dtype": "float64"}, TypeError, "x: expected float64"),
    ({}, (X,), {"dtype": "uint8"}, TypeError, "x: expected uint8"),
    ({}, (X[0],), {}, ValueError, "x: expected shape .N, H, W. or"),
    ({}, (X[:, :0],), {}, ValueError, "x: expected sides of 1 to"),
    ({}, (np.zeros((1, 40_000, 1), np.float32),), {}, ValueError, "x: expected sides of 1 to"),
    ({"shape": (5, 5)}, (X,), {}, ValueError, "x: expected shape .N, 25."),
    ({"rotation": np.ones(2)}, (X,), {}, ValueError, "rotation: expected 3 limits"),
    ({"background": 256}, (X.astype(np.uint8),), {}, ValueError, "background: expected 0 to 255"),
    ({}, (X,), {"index": [0, 3]}, ValueError, "index: expected integers in .0, 3."),
    ({}, (X,), {"index": [-1]}, ValueError, "index: expected integers in .0, 3."),
    ({}, (X,), {"index": [0.5]}, TypeError, "index: expected whole numbers"),
    ({}, (X,), {"index": [[0]]}, ValueError, "index: expected shape"),
    ({}, (X,), {"epoch": -1}, ValueError, "epoch: expected at least 0"),
]


@pytest.mark.parametrize(("settings", "args", "options", "error", "message"), BAD_CALLS)
def test_bad_calls(settings, args, options, error, message):
    with pytest.raises(error, match=message):
        Augment(**settings)(*args, **options)


def test_the_representation_has_what_was_set():
    text = repr(Augment(rotation=15, elastic=(6, 36)))
    assert text == "Augment(rotation=15.0, elastic=(6.0, 36.0))"
