"""Model files: what is written comes back, and what is damaged is refused."""

import errno
import json
import os
import signal
import stat
import struct
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import fastnn
from fastnn import layers
from fastnn.io import atomic, load, load_metadata, load_tensors, save, save_tensors

DTYPES = ["float32", "float64"]
ROWWISE = [layers.Softmax, layers.LogSoftmax]


def small_model(dtype="float32", seed=0):
    return fastnn.Sequential(
        fastnn.Linear(3, 5, dtype=dtype),
        fastnn.ReLU(),
        fastnn.Linear(5, 2, dtype=dtype),
        seed=seed,
    )


def raw_file(path, header, data=b""):
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def raw_model(path, model, tensors=None):
    """A model file with a description of its own."""
    metadata = {"fastnn.format": "1", "fastnn.version": "0", "fastnn.model": json.dumps(model)}
    save_tensors(tensors or {}, path, metadata=metadata)
    return path


def described(name, config=None, **children):
    return {"class": name, "config": config or {}, "children": children}


class Square(fastnn.Layer):
    def forward(self, x, *, training=False):
        return x * x


class Scale(fastnn.Layer):
    """A layer of one's own with parameters and arguments."""

    def __init__(self, width, start=2.0):
        self.width, self.start = width, start
        self.scale = fastnn.Parameter((width,), lambda s, r, d: np.full(s, self.start, d))

    def config(self):
        return {"width": self.width, "start": self.start}

    def forward(self, x, *, training=False):
        return x * self.scale.data


class Both(fastnn.Layer):
    """The sum of two layers, which are given by name."""

    def __init__(self, left, right):
        self.left, self.right = left, right

    def children(self):
        return {"left": self.left, "right": self.right}

    def forward(self, x, *, training=False):
        return self.left.forward(x) + self.right.forward(x)


class Pair(fastnn.Sequential):
    """A container that makes its own children."""

    def __init__(self, width):
        super().__init__(fastnn.Linear(width, width), fastnn.Linear(width, width))
        self.width = width

    def config(self):
        return {"width": self.width}


# -- round trips --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "layer",
    [
        *[cls() for cls in layers.ACTIVATION_LAYERS.values()],
        *[cls() for cls in ROWWISE],
        layers.Flatten(),
        layers.Reshape((2, 2)),
        layers.Unflatten(1, (2, -1)),
        layers.Dropout(0.25),
        layers.Add(layers.Tanh(), layers.Identity()),
        layers.Concat(layers.Tanh(), layers.Identity(), axis=-1),
        layers.Residual(layers.Tanh(), activation="relu"),
        layers.LeakyReLU(negative_slope=0.3),
        layers.ELU(alpha=0.7),
    ],
    ids=repr,
)
def test_every_layer(layer, dtype, tmp_path):
    model = fastnn.Sequential(fastnn.Linear(3, 4, dtype=dtype), layer)
    save(model, tmp_path / "m")
    again = load(tmp_path / "m")
    x = np.random.default_rng(0).normal(size=(6, 3)).astype(dtype)
    assert repr(again) == repr(model)
    assert again.dtype == dtype
    assert again[1].config() == layer.config()
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", [None, "tanh"])
def test_linear(dtype, bias, activation, tmp_path):
    layer = fastnn.Linear(3, 2, bias, activation=activation, init="lecun_normal", dtype=dtype)
    save(layer, tmp_path / "m")
    again = load(tmp_path / "m")
    assert again.config() == layer.config()
    for name, value in layer.state_dict().items():
        np.testing.assert_array_equal(again.state_dict()[name], value, strict=True)


OF_MAPS = [
    layers.Conv2d(3, 4, (2, 3), (1, 2), "valid", dilation=2, activation="relu"),
    layers.Conv2d(3, 2, 3, padding="same", connections=[[True, False, True], [False] * 3]),
    layers.MaxPool2d((2, 1), 2, (1, 0), 2, ceil_mode=True),
    layers.AvgPool2d(3, padding=1, count_include_pad=False),
    layers.AdaptiveAvgPool2d((None, 2)),
    layers.Subsample2d(3, (2, 1)),
    layers.BatchNorm2d(3),
]


@pytest.mark.parametrize("layer", OF_MAPS, ids=repr)
def test_layers_of_maps(layer, tmp_path):
    save(layer, tmp_path / "m")
    again = load(tmp_path / "m")
    x = np.random.default_rng(0).normal(size=(2, 3, 7, 8)).astype(np.float32)
    assert again.config() == layer.config()
    np.testing.assert_array_equal(again.predict(x), layer.predict(x))


PIECEWISE = [
    layers.PReLU(3, 0.5, "float64"),
    layers.RReLU(0.25, 0.5, reciprocal=True),
    layers.Maxout(8, 2, 3, bias=False),
    layers.GLU(),
]


@pytest.mark.parametrize("layer", PIECEWISE, ids=repr)
def test_piecewise(layer, tmp_path):
    save(layer, tmp_path / "m")
    again = load(tmp_path / "m")
    x = np.random.default_rng(0).normal(size=(2, 3, 8)).astype(layer.dtype)
    assert again.config() == layer.config()
    np.testing.assert_array_equal(again.predict(x), layer.predict(x))


def test_all_classes_of_the_package_were_in_these_tests():
    tested = {*layers.ACTIVATION_LAYERS.values(), *ROWWISE}
    tested |= {layers.RNN, layers.LSTM, layers.GRU}  # in test_recurrent.py
    tested |= {layers.Embedding, layers.Masking}  # in test_sequences.py
    tested |= {layers.Flatten, layers.Dropout, layers.Linear, layers.Sequential}
    tested |= {type(layer) for layer in [*OF_MAPS, *PIECEWISE]}
    tested |= {layers.BatchNorm1d, layers.LayerNorm}
    tested |= {layers.Add, layers.Concat, layers.Residual, layers.Reshape, layers.Unflatten}
    assert {cls for name in layers.__all__ if isinstance(cls := getattr(layers, name), type)} == (
        tested | {layers.Layer, layers.Activation}
    )


def test_nested_sequential_has_pytorchs_keys(tmp_path):
    model = fastnn.Sequential(
        fastnn.Linear(4, 3),
        fastnn.Sequential(fastnn.Tanh(), fastnn.Linear(3, 3), fastnn.Sequential(fastnn.ReLU())),
        fastnn.Linear(3, 2, bias=False),
    )
    save(model, tmp_path / "m")
    tensors = load_tensors(tmp_path / "m")
    shapes = {name: value.shape for name, value in tensors.items()}
    assert shapes == {
        "0.weight": (3, 4), "0.bias": (3,),
        "1.1.weight": (3, 3), "1.1.bias": (3,),
        "2.weight": (2, 3),
    }  # fmt: skip
    x = np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(load(tmp_path / "m").predict(x), model.predict(x))


def test_layers_of_ones_own(tmp_path):
    model = fastnn.Sequential(
        fastnn.Linear(3, 4), Square(), Both(Scale(4), right=Scale(width=4, start=0.5)), Pair(4)
    )
    x = np.ones((2, 3), np.float32)
    expected = model.predict(x)
    save(model, tmp_path / "m")
    again = load(tmp_path / "m", layers=(Square, Both, Scale, Pair))
    np.testing.assert_array_equal(again.predict(x), expected)
    assert list(again.state_dict()) == list(model.state_dict())
    with pytest.raises(ValueError, match=r"class Square.*fastnn's; give its class.*\(Square,\)"):
        load(tmp_path / "m")


def test_a_trained_model_can_be_trained_further(tmp_path):
    x, y = np.eye(3, dtype=np.float32), np.array([0, 1, 0])
    model = small_model()
    fastnn.Trainer(model, "cross_entropy", "adam").fit(x, y, epochs=2, progress=False)
    save(model, tmp_path / "m")
    again = load(tmp_path / "m")
    for m in (model, again):
        fastnn.Trainer(m, "cross_entropy", "adam").fit(x, y, epochs=2, progress=False)
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


def test_no_initial_values_are_drawn(tmp_path, monkeypatch):
    save(small_model(), tmp_path / "m")

    def never(*_):
        raise AssertionError("drawn")

    monkeypatch.setattr(fastnn.init, "default_for", lambda _: never)
    monkeypatch.setattr(fastnn.init, "zeros", never)
    load(tmp_path / "m")


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_bit_pattern_of_weights(dtype, tmp_path):
    model = fastnn.Linear(2, 3, dtype=dtype)
    tiny = np.finfo(dtype).smallest_subnormal
    values = np.array([[np.nan, np.inf], [-np.inf, -0.0], [tiny, np.finfo(dtype).max]], dtype)
    model.weight.data[...] = values
    save(model, tmp_path / "m")
    assert load(tmp_path / "m").weight.data.tobytes() == values.tobytes()


def test_loaded_weights_belong_to_the_model(tmp_path):
    save(small_model(), tmp_path / "m")
    model = load(tmp_path / "m")
    before = (tmp_path / "m").read_bytes()
    model[0].weight.data[...] = 7
    assert (tmp_path / "m").read_bytes() == before


def test_the_same_model_is_the_same_bytes(tmp_path):
    # In another process too: safetensors orders metadata by a hash with a random seed.
    code = """
        import fastnn, sys
        from fastnn.io import save
        save(fastnn.Sequential(fastnn.Linear(3, 5)), sys.argv[1], metadata={"b": 1, "a": [2]})
    """
    for name in "ab":
        subprocess.run([sys.executable, "-c", textwrap.dedent(code), tmp_path / name], check=True)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


# -- metadata -----------------------------------------------------------------------------------


def test_metadata(tmp_path):
    metadata = {"classes": ["Katze", "挨拶"], "scale": 0.5, "n": None, "nested": {"a": [True]}}
    save(small_model(), tmp_path / "m", metadata=metadata)
    assert load_metadata(tmp_path / "m") == metadata
    save(small_model(), tmp_path / "m")
    assert load_metadata(tmp_path / "m") == {}


def test_the_header_tells_format_and_version(tmp_path):
    save(small_model(), tmp_path / "m")
    content = (tmp_path / "m").read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    assert header["fastnn.format"] == "1"
    assert header["fastnn.version"] == fastnn.__version__
    assert json.loads(header["fastnn.model"])["children"]["1"] == described("ReLU")


@pytest.mark.parametrize(
    "metadata", [{1: "a"}, {"a": {1, 2}}, {"a": np.float32(1)}, {"a": float("nan")}, ["a"]]
)
def test_metadata_in_other_types_is_refused(metadata, tmp_path):
    with pytest.raises(TypeError, match="metadata: expected"):
        save(small_model(), tmp_path / "m", metadata=metadata)
    assert os.listdir(tmp_path) == []


def test_models_that_cannot_be_saved(tmp_path):
    with pytest.raises(TypeError, match="model: expected a Layer, got dict"):
        save({}, tmp_path / "m")
    impostor = type("Linear", (Square,), {})
    with pytest.raises(ValueError, match="another name for your class than fastnn's own Linear"):
        save(fastnn.Sequential(impostor()), tmp_path / "m")
    layer = Scale(2)
    layer.start = np.float32(1)
    with pytest.raises(TypeError, match=r"Scale.config\(\): expected JSON's types"):
        save(layer, tmp_path / "m")
    assert os.listdir(tmp_path) == []


def test_layers_argument(tmp_path):
    save(small_model(), tmp_path / "m")
    with pytest.raises(TypeError, match=r"layers\[0\]: expected a class derived from Layer"):
        load(tmp_path / "m", layers=(Square(),))
    with pytest.raises(ValueError, match=r"layers\[0\]: the name Linear is taken"):
        load(tmp_path / "m", layers=(type("Linear", (Square,), {}),))


# -- tensors ------------------------------------------------------------------------------------


def test_tensors_of_all_types_and_strides(tmp_path):
    a = np.arange(24, dtype=np.float64).reshape(4, 6)
    tensors = {
        "transposed": a.T, "stepped": a[::2, ::-1], "broadcast": np.broadcast_to(a[0], (3, 6)),
        "big-endian": a.astype(">f8"), "scalar": np.array(2.5, np.float32),
        "empty": np.zeros((0, 3), np.float32), "half": a.astype(np.float16),
        "bool": a > 3, "int64": a.astype(np.int64), "uint8": a.astype(np.uint8),
    }  # fmt: skip
    save_tensors(tensors, tmp_path / "t", metadata={"who": "me"})
    again = load_tensors(tmp_path / "t")
    assert again.keys() == tensors.keys()
    for name, value in tensors.items():
        expected = value.astype(value.dtype.newbyteorder("="))
        np.testing.assert_array_equal(again[name], expected, strict=True)


@pytest.mark.parametrize(
    ("tensors", "metadata"),
    [
        ({1: np.ones(2)}, {}),
        ({"a": [1.0]}, {}),
        ({"a": np.array([object()])}, {}),
        ({"a": np.array(["x"])}, {}),
        ({"a": np.ones(2, complex)}, {}),
        ({}, {"a": 1}),
    ],
)
def test_tensors_refused(tensors, metadata, tmp_path):
    with pytest.raises(TypeError, match=r"^(tensors|metadata).*: expected"):
        save_tensors(tensors, tmp_path / "t", metadata=metadata)
    assert os.listdir(tmp_path) == []


def test_state_dict_from_a_foreign_file(tmp_path):
    model, other = small_model(), small_model(seed=1)
    save_tensors(other.state_dict(), tmp_path / "t")
    with pytest.raises(ValueError, match=r"load_state_dict\(fastnn.io.load_tensors\(path\)\)"):
        load(tmp_path / "t")
    with pytest.raises(ValueError, match=r"a model that fastnn\.save wrote"):
        load_metadata(tmp_path / "t")
    model.load_state_dict(load_tensors(tmp_path / "t"))
    np.testing.assert_array_equal(model[0].weight.data, other[0].weight.data)


# -- damaged and dishonest files ------------------------------------------------------------------


def test_truncated_anywhere(tmp_path):
    path = tmp_path / "m"
    save(small_model(), path)
    content = path.read_bytes()
    for size in [*range(0, 40), *range(40, len(content), 17), len(content) - 1]:
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match="m: expected an intact safetensors file, got"):
            load(path)


def test_other_contents(tmp_path):
    path = tmp_path / "m"
    for content in (b"\x80\x04\x95" + bytes(200), b"PK\x03\x04" + bytes(200), bytes(200)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="m: expected an intact safetensors file"):
            load(path)


@pytest.mark.parametrize("size", [2**63, 2**40, 90_000_000])
def test_a_header_that_promises_much_allocates_little(size, tmp_path):
    path = tmp_path / "m"
    path.write_bytes(struct.pack("<Q", size) + b'{"a":1}')
    code = """
        import resource, sys
        import numpy, safetensors.numpy
        from fastnn.io import load
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20),) * 2)
        try:
            load(sys.argv[1])
        except ValueError as error:
            print("refused", error)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), path], capture_output=True, text=True
    )
    assert run.stdout.startswith("refused"), run.stderr


def test_architecture_that_promises_much(tmp_path):
    huge = {"in_features": 10**9, "out_features": 10**9, "bias": False}
    raw_model(tmp_path / "m", described("Linear", huge), {"weight": np.ones((1, 1), np.float32)})
    with pytest.raises(ValueError, match=r"weights don't fit the model: .*\(1, 1\)"):
        load(tmp_path / "m")


@pytest.mark.parametrize("kind", ["BF16", "F8_E4M3"])
def test_types_that_numpy_does_not_have(kind, tmp_path):
    width = {"BF16": 2, "F8_E4M3": 1}[kind]
    entry = {"dtype": kind, "shape": [1], "data_offsets": [0, width]}
    raw_file(tmp_path / "t", {"a": entry}, bytes(width))
    with pytest.raises(ValueError, match="t: expected types that NumPy has, got 'a'"):
        load_tensors(tmp_path / "t")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (described("Conv9d"), "holds a layer of class Conv9d, which isn't one of fastnn's"),
        (described("Layer"), "class Layer, which isn't"),
        (described("Activation"), "class Activation, which isn't"),
        (described("Linear"), "Linear: .*missing 2 required"),
        (described("Linear", {"in_features": -1, "out_features": 1}), "Linear: in_features"),
        (described("Linear", {"in_features": 1, "out_features": 1, "z": 1}), "Linear: .*'z'"),
        (described("ReLU", {"p": 1}), "ReLU: relu.*'p'"),
        (described("Sequential"), "Sequential: layers: expected at least one"),
        ({"class": "Linear"}, "expected class, config and children of a layer"),
        ({"class": ["Linear"], "config": {}, "children": {}}, "expected class, config"),
        ([1, 2], "expected fastnn.model to be an object"),
        (described("Sequential", {}, **{"0": 5}), "expected class, config and children"),
    ],
)
def test_descriptions_refused(model, message, tmp_path):
    raw_model(tmp_path / "m", model)
    with pytest.raises(ValueError, match=f"m: .*{message}"):
        load(tmp_path / "m")


@pytest.mark.parametrize("depth", [2_000, 100_000])
def test_layers_within_layers_without_end(depth, tmp_path):
    begin, end = '{"class":"Sequential","config":{},"children":{"0":', "}}"
    text = begin * depth + json.dumps(described("Flatten")) + end * depth
    metadata = {"fastnn.format": "1", "fastnn.model": text}
    save_tensors({}, tmp_path / "m", metadata=metadata)
    with pytest.raises(ValueError, match="m: expected"):
        load(tmp_path / "m")


@pytest.mark.parametrize("change", ["missing", "unknown", "shape", "dtype"])
def test_weights_that_do_not_fit(change, tmp_path):
    model = small_model()
    state = model.state_dict()
    if change == "missing":
        del state["0.bias"]
    elif change == "unknown":
        state["9.bias"] = state["0.bias"]
    elif change == "shape":
        state["0.bias"] = state["0.bias"][:-1]
    else:
        state["0.bias"] = state["0.bias"].astype(np.float64)
    linear = [described("Linear", model[i].config()) for i in (0, 2)]
    description = described(
        "Sequential", **{"0": linear[0], "1": described("ReLU"), "2": linear[1]}
    )
    raw_model(tmp_path / "m", description, state)
    with pytest.raises(ValueError, match=r"m: the weights don't fit the model: .*\w\.bias"):
        load(tmp_path / "m")


def test_tensors_in_another_dtype(tmp_path):
    """Those stored as bfloat16 are the upper halves of float32."""
    exact = np.array([1.5, -2.0, np.inf, 1e-40], np.float32).view(np.uint32) & 0xFFFF0000
    bits, ints = (exact >> 16).astype("<u2"), np.arange(3)
    header = {
        "a": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]},
        "b": {"dtype": "F16", "shape": [1], "data_offsets": [8, 10]},
        "c": {"dtype": "I64", "shape": [3], "data_offsets": [10, 34]},
    }
    data = bits.tobytes() + np.array([0.1], np.float16).tobytes() + ints.tobytes()
    path = raw_file(tmp_path / "t", header, data)
    with pytest.raises(ValueError, match="t: expected types that NumPy has, got 'a'"):
        load_tensors(path)
    for dtype in DTYPES:
        found = load_tensors(path, dtype=dtype)
        assert np.array_equal(found["a"], exact.view(np.float32).reshape(2, 2).astype(dtype))
        assert np.array_equal(found["b"], [np.array(0.1, np.float16).astype(dtype)])
        assert np.array_equal(found["c"], ints)
        assert [str(a.dtype) for a in found.values()].count(dtype) == 2
    with pytest.raises(TypeError, match="dtype: expected float32 or float64, got float16"):
        load_tensors(path, dtype="float16")


def test_a_newer_format(tmp_path):
    save_tensors({}, tmp_path / "m", metadata={"fastnn.format": "2", "fastnn.version": "9.1"})
    with pytest.raises(ValueError, match=r"expected format 1.*got 2, written by fastnn 9\.1"):
        load(tmp_path / "m")


@pytest.mark.parametrize("text", ["{", None, "[]"])
def test_metadata_that_is_not_json(text, tmp_path):
    metadata = {"fastnn.format": "1"} | ({} if text is None else {"fastnn.metadata": text})
    save_tensors({}, tmp_path / "m", metadata=metadata)
    with pytest.raises(ValueError, match=r"m: expected fastnn\.metadata"):
        load_metadata(tmp_path / "m")


def test_files_that_cannot_be_opened(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        load(tmp_path / "absent")
    with pytest.raises(IsADirectoryError, match=tmp_path.name):
        load(tmp_path)


# -- writing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_an_error_leaves_the_old_file_alone(function, error, tmp_path, monkeypatch):
    save(small_model(), tmp_path / "m")
    before = (tmp_path / "m").read_bytes()

    def fail(*_):
        raise error

    monkeypatch.setattr(atomic.os, function, fail)
    with pytest.raises(type(error)) as caught:
        save(small_model(seed=1), tmp_path / "m")
    if isinstance(error, OSError):
        assert caught.value.filename == str(tmp_path / "m")
    assert os.listdir(tmp_path) == ["m"]
    assert (tmp_path / "m").read_bytes() == before


def test_file_then_folder_are_synced(tmp_path, monkeypatch):
    done = []
    real = {name: getattr(os, name) for name in ("fsync", "replace")}

    def fsync(descriptor):
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        real["fsync"](descriptor)

    def replace(*paths):
        done.append("replace")
        real["replace"](*paths)

    monkeypatch.setattr(atomic.os, "fsync", fsync)
    monkeypatch.setattr(atomic.os, "replace", replace)
    save(small_model(), tmp_path / "m")
    assert done == ["file", "replace", "folder"]


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_the_mode_follows_the_umask(mask, tmp_path):
    before = os.umask(mask)
    try:
        save(small_model(), tmp_path / "m")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "m").stat().st_mode) == 0o666 & ~mask


def test_the_old_files_mode_stays(tmp_path):
    save(small_model(), tmp_path / "m")
    (tmp_path / "m").chmod(0o640)
    save(small_model(), tmp_path / "m")
    assert stat.S_IMODE((tmp_path / "m").stat().st_mode) == 0o640


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_read_only_files_and_folders(tmp_path):
    save(small_model(), tmp_path / "m")
    (tmp_path / "m").chmod(0o400)
    with pytest.raises(PermissionError, match="m"):
        save(small_model(), tmp_path / "m")
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError, match="new"):
            save(small_model(), tmp_path / "new")
    finally:
        tmp_path.chmod(0o700)


def test_links_are_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real/m")
    save(small_model(), tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert os.listdir(tmp_path / "real") == ["m"]
    assert len(load(tmp_path / "link")) == 3


def test_devices_are_written_to(tmp_path):
    (tmp_path / "null").symlink_to(os.devnull)
    save(small_model(), tmp_path / "null")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_places_that_cannot_be_written(tmp_path):
    for path, error in (
        (tmp_path / "no" / "m", FileNotFoundError),
        (tmp_path, IsADirectoryError),
        (tmp_path / ("m" * 300), OSError),
    ):
        with pytest.raises(error) as caught:
            save(small_model(), path)
        assert caught.value.filename == str(path)
        with pytest.raises(error):
            atomic.check_writable(path)
    assert os.listdir(tmp_path) == []


def test_check_writable_changes_nothing(tmp_path):
    atomic.check_writable(tmp_path / "m")
    assert os.listdir(tmp_path) == []
    (tmp_path / "m").write_text("old")
    atomic.check_writable(tmp_path / "m")
    assert (tmp_path / "m").read_text() == "old"


def test_a_name_as_long_as_the_file_system_allows(tmp_path):
    save(small_model(), tmp_path / ("m" * 255))
    assert os.listdir(tmp_path) == ["m" * 255]


def test_killed_while_writing(tmp_path):
    path = tmp_path / "m"
    code = """
        import sys
        import fastnn
        from fastnn.io import save
        models = [fastnn.Sequential(fastnn.Linear(200, 300, seed)) for seed in (True, False)]
        while True:
            for model in models:
                save(model, sys.argv[1])
    """
    save(fastnn.Sequential(fastnn.Linear(200, 300)), path)
    rng = np.random.default_rng(0)
    for _ in range(10):
        inode = path.stat().st_ino
        child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), path])
        try:
            while path.stat().st_ino == inode:  # until it has begun to save
                assert child.poll() is None
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.01))
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
        assert load(path)[0].in_features == 200
