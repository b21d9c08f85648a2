"""Loaders and splits: what they read, and what they refuse."""

import gzip
import io
import os
import struct
import tracemalloc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from peers import peer

from fastnn import data
from fastnn.data import Dataset

MEGABYTE = 1 << 20


def idx_bytes(values):
    """An IDX file as its specification says, element by element."""
    codes = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
    code = codes[values.dtype.str[1:]]
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, code, values.ndim, *values.shape)
    form = {"u1": "B", "i1": "b", "i2": "h", "i4": "i", "f4": "f", "f8": "d"}[values.dtype.str[1:]]
    return header + struct.pack(f">{values.size}{form}", *values.ravel().tolist())


def peak_memory(function):
    """Bytes at the peak of a call, and what it returned or the ValueError it raised."""
    tracemalloc.start()
    try:
        try:
            result = function()
        except ValueError as error:
            result = error
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


# IDX


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("shape", [(7,), (2, 3, 4), (0, 3)])
@pytest.mark.parametrize("compress", [False, True])
def test_idx(tmp_path, dtype, shape, compress):
    values = np.random.default_rng(0).integers(0, 120, shape).astype(dtype)
    content = idx_bytes(values)
    path = tmp_path / "file.dat"  # the name says nothing about the compression
    path.write_bytes(gzip.compress(content) if compress else content)
    got = data.load_idx(path)
    assert got.dtype == values.dtype
    assert got.dtype.isnative
    assert got.flags.writeable
    np.testing.assert_array_equal(got, values)


def test_idx_by_hand(tmp_path):
    path = tmp_path / "shorts"
    path.write_bytes(bytes([0, 0, 0x0B, 1, 0, 0, 0, 3, 0x01, 0x00, 0xFF, 0xFF, 0x00, 0x02]))
    np.testing.assert_array_equal(data.load_idx(path), np.array([256, -1, 2], np.int16))


GOOD = idx_bytes(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected the magic number of an IDX file .*got an empty file"),
        (b"\0\0\x08", "expected the magic number .*got 00 00 08"),
        (b"\0\1" + GOOD[2:], "expected the magic number .*got 00 01 08 03"),
        (b"\0\0\x0a" + GOOD[3:], "expected the magic number .*got 00 00 0a 03"),
        (b"\0\0\x08\0", "expected 1 to 64 dimensions, got 0"),
        (b"\0\0\x08\xff", "expected 1 to 64 dimensions, got 255"),
        (GOOD[:9], "expected a header of 16 bytes, got 9"),
        (GOOD[:-1], r"expected 24 bytes of data for \(2, 3, 4\) uint8, got 23"),
        (GOOD + b"!", r"expected 24 bytes of data for \(2, 3, 4\) uint8, got more"),
        (struct.pack(">I", 0x803) + b"\xff" * 12, r"bytes of data for \(4294967295, .*got 0"),
        (struct.pack(">IIIII", 0x804, 0, *[2**32 - 1] * 3), "a shape that fits in memory"),
    ],
)
def test_idx_refuses(tmp_path, content, message, compress):
    path = tmp_path / "bad-idx"
    path.write_bytes(gzip.compress(content) if compress else content)
    with pytest.raises(ValueError, match=f"bad-idx: .*{message}"):
        data.load_idx(path)


@pytest.mark.parametrize("damage", ["cut", "checksum", "tail", "middle"])
def test_idx_refuses_corrupt_gzip(tmp_path, damage):
    values = np.random.default_rng(0).integers(0, 256, (100, 100)).astype(np.uint8)
    content = bytearray(gzip.compress(idx_bytes(values)))
    if damage == "cut":
        del content[len(content) // 2 :]
    elif damage == "checksum":
        content[-8] ^= 1
    elif damage == "tail":
        content += b"junk"
    else:
        content[20:40] = bytes(20)
    path = tmp_path / "bad.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"bad\.gz: "):
        data.load_idx(path)


@pytest.mark.parametrize("compress", [False, True])
def test_idx_takes_no_memory_on_trust(tmp_path, compress):
    # The header promises 8 GB, the file has 1 KB; and a header of 1 KB before 64 MB of zeros.
    promise = struct.pack(">II", 0x0E01, 2**30) + bytes(1024)
    bomb = struct.pack(">II", 0x0801, 1024) + bytes(64 * MEGABYTE)
    for content in (promise, bomb):
        path = tmp_path / "file"
        path.write_bytes(gzip.compress(content, 1) if compress else content)
        peak, error = peak_memory(lambda path=path: data.load_idx(path))
        assert isinstance(error, ValueError)
        assert peak < 4 * MEGABYTE


def write_mnist(folder, *, mark="-", gz=False, tests=True, images=None, labels=None):
    """A folder like MNIST's, with 6 and 4 images of 3 x 2."""
    images = np.arange(60, dtype=np.uint8).reshape(10, 3, 2) if images is None else images
    labels = np.arange(10, dtype=np.uint8) if labels is None else labels
    parts = {"train": slice(6), "t10k": slice(6, None)} if tests else {"train": slice(6)}
    for part, rows in parts.items():
        for kind, values in ((f"images{mark}idx3", images), (f"labels{mark}idx1", labels)):
            content = idx_bytes(values[rows])
            name = f"{part}-{kind}-ubyte" + (".gz" if gz else "")
            (folder / name).write_bytes(gzip.compress(content) if gz else content)
    return folder


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize("mark", ["-", "."])
def test_idx_folder(tmp_path, mark, gz):
    got = data.load_idx_folder(write_mnist(tmp_path, mark=mark, gz=gz))
    images = np.arange(60).reshape(10, 3, 2)
    np.testing.assert_array_equal(got.x_train, images[:6])
    np.testing.assert_array_equal(got.x_test, images[6:])
    np.testing.assert_array_equal(got.y_train, np.arange(6))
    np.testing.assert_array_equal(got.y_test, np.arange(6, 10))
    assert got.x_train.dtype == np.uint8
    assert got.y_train.dtype == got.y_test.dtype == np.int64
    assert got.classes == list("0123456789")
    assert got.name == tmp_path.name


def test_idx_folder_of_training_files(tmp_path):
    got = data.load_idx_folder(write_mnist(tmp_path, tests=False))
    assert got.x_test is None
    assert len(got.y_train) == 6


def test_idx_folder_refuses(tmp_path):
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte"):
        data.load_idx_folder(tmp_path)
    write_mnist(tmp_path)
    labels = tmp_path / "t10k-labels-idx1-ubyte"
    labels.write_bytes(idx_bytes(np.zeros(3, np.uint8)))
    with pytest.raises(ValueError, match=r"t10k-labels-idx1-ubyte: expected 4 rows as in .*got 3"):
        data.load_idx_folder(tmp_path)
    labels.write_bytes(idx_bytes(np.zeros((4, 1), np.uint8)))
    with pytest.raises(ValueError, match="t10k-labels-idx1-ubyte: expected integers in 1 dim"):
        data.load_idx_folder(tmp_path)
    labels.write_bytes(idx_bytes(np.array([0, 1, -1, 0], np.int8)))
    with pytest.raises(ValueError, match=r"t10k-labels-idx1-ubyte: .*got a label of -1"):
        data.load_idx_folder(tmp_path)
    labels.unlink()
    with pytest.raises(FileNotFoundError, match="t10k-labels-idx1-ubyte"):
        data.load_idx_folder(tmp_path)


def test_mnist():
    folder = os.environ.get("FASTNN_MNIST", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("FASTNN_MNIST names no folder")
    mnist = data.load(folder)
    assert mnist.x_train.shape == (60000, 28, 28)
    assert mnist.x_test.shape == (10000, 28, 28)
    assert mnist.y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert mnist.y_test[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    # The numbers of each digit that are published of MNIST's test set.
    assert np.bincount(mnist.y_test).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip


# npz

X = np.arange(12.0).reshape(4, 3)


@pytest.mark.parametrize(("x_name", "y_name"), [("x", "y"), ("X", "y"), ("data", "target")])
def test_npz_names(tmp_path, x_name, y_name):
    path = tmp_path / "some.npz"
    np.savez_compressed(path, **{x_name: X, y_name: [3, 1, 3, 7], "other": [1]})
    got = data.load_npz(path)
    np.testing.assert_array_equal(got.x_train, X)
    np.testing.assert_array_equal(got.y_train, [1, 0, 1, 2])
    assert got.y_train.dtype == np.int64
    assert (got.classes, got.name, got.x_test) == (["1", "3", "7"], "some", None)


def test_npz_with_tests(tmp_path):
    path = tmp_path / "keras.npz"
    images = np.arange(24, dtype=np.uint8).reshape(4, 3, 2)
    y = np.array([["dog"], ["cat"], ["cat"], ["bat"]])  # "bat" is in the test part alone
    np.savez(path, x_train=images[:3], y_train=y[:3], x_test=images[3:], y_test=y[3:])
    got = data.load_npz(path)
    assert got.x_train.dtype == np.uint8
    np.testing.assert_array_equal(got.x_test, images[3:])
    np.testing.assert_array_equal(got.y_train, [2, 1, 1])
    np.testing.assert_array_equal(got.y_test, [0])
    assert got.classes == ["bat", "cat", "dog"]


@pytest.mark.parametrize(
    ("y", "task", "expected", "classes"),
    [
        ([0.0, 1.0, 2.0, 1.0], "auto", [0, 1, 2, 1], ["0", "1", "2"]),
        ([True, False, True, True], "auto", [1, 0, 1, 1], ["False", "True"]),
        ([[0, 1], [1, 0], [0, 1], [0, 1]], "auto", [1, 0, 1, 1], ["0", "1"]),
        ([1, 2, 3, 4], "regression", [1, 2, 3, 4], None),
        ([0.5, 1.0, 2.0, 1.0], "auto", [0.5, 1, 2, 1], None),
        ([[1, 2], [3, 4], [5, 6], [7, 8]], "auto", [[1, 2], [3, 4], [5, 6], [7, 8]], None),
        ([[0, 1], [1, 0], [0, 1], [0, 1]], "regression", [[0, 1], [1, 0], [0, 1], [0, 1]], None),
    ],
)
def test_npz_tasks(tmp_path, y, task, expected, classes):
    path = tmp_path / "some.npz"
    np.savez(path, x=X, y=y)
    got = data.load_npz(path, task=task)
    np.testing.assert_array_equal(got.y_train, expected)
    assert got.y_train.dtype == (np.float32 if classes is None else np.int64)
    assert got.classes == classes


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [("u1", "u1"), ("f4", "f4"), ("f8", "f8"), ("f2", "f4"), ("i8", "f4"), ("?", "f4")],
)
def test_npz_types_of_features(tmp_path, dtype, kept):
    path = tmp_path / "some.npz"
    np.savez(path, x=X.astype(dtype), y=[0, 1, 0, 1])
    got = data.load_npz(path).x_train
    assert got.dtype == np.dtype(kept)
    np.testing.assert_array_equal(got, X.astype(dtype))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": X}, "expected x_train and y_train, .*, got a"),
        ({}, "got no arrays"),
        ({"x": X, "y": np.array([{}, 1, 2, 3])}, "Object arrays cannot be loaded"),
        ({"x": X, "y": [0, 1]}, r"y: expected 4 rows as in x, got 2"),
        ({"x": X[:, 0], "y": [0] * 4}, r"x: expected at least one row in 2 .*got \(4,\)"),
        ({"x": X[:0], "y": []}, r"x: expected at least one row .*got \(0, 3\)"),
        ({"x": X, "y": 3}, r"y: expected at least one row .*got \(\)"),
        ({"x": X.astype(str), "y": [0] * 4}, "x: expected numbers, got <U"),
        ({"x": X, "y": X[:, 0] + 1j}, r"y\[0\]: expected a number or a string, got complex128"),
        ({"x": X, "y": [1, 2, np.nan, 3]}, r"y\[2\]: expected a finite float32, got nan"),
        ({"x": X, "y": [1, 2, 3, 1e300]}, r"y\[3\]: expected a finite float32, got 1e\+300"),
        ({"x": X, "y": [0] * 4, "x_test": X}, "expected both of x_test and y_test, got x_test"),
        (
            {"x": X, "y": [0.5] * 4, "x_test": X, "y_test": [1, 2, np.inf, 3]},
            r"y_test\[2\]: expected a finite float32, got inf",
        ),
        (
            {"x": X, "y": [0] * 4, "x_test": X, "y_test": X},
            "expected rows of one shape in all of y",
        ),
        (
            {"x": X, "y": [0] * 4, "x_test": X[:, :2], "y_test": [0] * 4},
            r"x_test: expected examples of shape \(3,\) as in x_train, got \(2,\)",
        ),
    ],
)
def test_npz_refuses(tmp_path, arrays, message):
    path = tmp_path / "bad.npz"
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=message):
        data.load_npz(path)


def test_npz_refuses_what_a_task_does_not_fit(tmp_path):
    path = tmp_path / "bad.npz"
    np.savez(path, x=X, y=["1", "2", "no", "3"])
    with pytest.raises(ValueError, match=r"y\[2\]: expected a number to predict, got 'no'"):
        data.load_npz(path, task="regression")
    np.savez(path, x=X, y=[1, 2, 2.5, 3])
    with pytest.raises(ValueError, match=r"y\[2\]: expected a whole number or a name, got 2.5"):
        data.load_npz(path, task="classification")
    with pytest.raises(ValueError, match=r"task: expected one of auto, .*got 'x'"):
        data.load_npz(path, task="x")


def test_npz_refuses_damage(tmp_path):
    path = tmp_path / "bad.npz"
    buffer = io.BytesIO()
    np.savez_compressed(buffer, x=X, y=[0, 1, 2, 3])
    whole = buffer.getvalue()
    for content in (b"", b"hello", whole[:-30], whole[:60] + b"\0\1\2\3\4" + whole[65:]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"bad\.npz: expected"):
            data.load_npz(path)
    with pytest.raises(FileNotFoundError):
        data.load_npz(tmp_path / "absent.npz")


# csv


def csv_file(folder, text, encoding="utf-8"):
    path = folder / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("gz", [False, True])
def test_csv(tmp_path, gz):
    text = '\ufeffa, b ,class\r\n1,-2.5e3,"red, dark"\r\n\r\n 3 ,4,blue\r\n'
    path = csv_file(tmp_path, text)
    if gz:
        path = path.rename(tmp_path / "table.csv.gz")
        path.write_bytes(gzip.compress(text.encode()))
    got = data.load_csv(path)
    np.testing.assert_array_equal(got.x_train, np.array([[1, -2500], [3, 4]], np.float32))
    assert got.x_train.dtype == np.float32
    assert got.y_train.tolist() == [1, 0]
    assert got.classes == ["blue", "red, dark"]
    assert got.feature_names == ["a", "b"]
    assert (got.name, got.x_test) == ("table", None)


@pytest.mark.parametrize(
    ("labels", "task", "expected", "classes"),
    [
        (["2", "10", "2"], "auto", [0, 1, 0], ["2", "10"]),  # numbers sort as numbers
        (["2.0", "10.0", "2.0"], "auto", [0, 1, 0], ["2", "10"]),
        (["b", "10", "b"], "auto", [1, 0, 1], ["10", "b"]),
        (["0.5", "1", "2"], "auto", [0.5, 1, 2], None),
        (["5", "1", "2"], "regression", [5, 1, 2], None),
    ],
)
def test_csv_tasks(tmp_path, labels, task, expected, classes):
    rows = "".join(f"{label},0\n" for label in labels)
    got = data.load_csv(csv_file(tmp_path, "target,a\n" + rows), task=task)
    np.testing.assert_array_equal(got.y_train, expected)
    assert got.y_train.dtype == (np.float32 if classes is None else np.int64)
    assert got.classes == classes


def test_csv_label(tmp_path):
    path = csv_file(tmp_path, "y,label,a\n1,0,7\n2,1,8\n")
    assert data.load_csv(path).feature_names == ["y", "a"]  # "label" comes before "y"
    assert data.load_csv(path, "a").classes == ["7", "8"]
    with pytest.raises(ValueError, match=r"expected a column 'b', got columns 'y', 'label', 'a'"):
        data.load_csv(path, "b")
    with pytest.raises(ValueError, match=r"a column named label, .*got columns 'u', 'v'"):
        data.load_csv(csv_file(tmp_path, "u,v\n1,2\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "table.csv: expected a header row, got an empty file"),
        ("a,label\n", "expected rows below the header, got none"),
        ("label\n1\n", "line 1: expected a feature beside the label, got 'label'"),
        ("a,a,label\n1,2,0\n", "line 1: expected different column names, got 'a', 'a', 'label'"),
        ("a,,label\n1,2,0\n", "line 1: expected different column names"),
        ("a,label\n1,0\n1,2,0\n", "line 3: expected 2 cells as in the header, got 3"),
        ("a,label\n1,0\n1\n", "line 3: expected 2 cells as in the header, got 1"),
        ("a,b,label\n1,2,0\n1,,0\n", "line 3, column 'b': expected a number, got an empty cell"),
        ("a,label,b\n1,0,2\n1,0,x7\n", "line 3, column 'b': expected a number, got 'x7'"),
        ("a,label\n1,0\n1, \n", "line 3, column 'label': expected a value, got an empty cell"),
        ("a,b,label\n1,2,0\n\n1,nan,0\n", "line 4, column 'b': expected a finite float32, got nan"),
        ("a,label\n1e39,0\n", "line 2, column 'a': expected a finite float32, got inf"),
        ("a,label\n1,0.5\n2,nan\n", "line 3, column 'label': expected a finite float32, got nan"),
        ('a,label\n1,"0\n', "line 2: "),
    ],
)
def test_csv_refuses(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        data.load_csv(csv_file(tmp_path, text))


def test_csv_counts_lines_of_the_file(tmp_path):
    text = 'a,label\n1,"two\nlines"\nx,0\n'
    with pytest.raises(ValueError, match="line 4, column 'a'"):
        data.load_csv(csv_file(tmp_path, text))


def test_csv_refuses_other_bytes(tmp_path):
    with pytest.raises(ValueError, match=r"table.csv: expected UTF-8 text"):
        data.load_csv(csv_file(tmp_path, "a,label\n1,gr\u00fcn\n", "latin-1"))
    path = tmp_path / "table.csv"
    path.write_bytes(gzip.compress(b"a,label\n" + b"1,0\n" * 1000)[:-20])
    with pytest.raises(ValueError, match=r"table.csv: expected an intact gzip stream"):
        data.load_csv(path)


# digits


def test_digits_are_those_of_scikit_learn():
    theirs = peer("sklearn.datasets").load_digits()
    ours = data.load_digits()
    x = np.concatenate([ours.x_train, ours.x_test])
    y = np.concatenate([ours.y_train, ours.y_test])
    assert x.dtype == np.float32
    assert y.dtype == np.int64

    def in_order(x, y):
        return sorted(map(tuple, np.column_stack([x, y]).astype(int).tolist()))

    np.testing.assert_array_equal(x * 16, np.rint(x * 16))
    assert in_order(x * 16, y) == in_order(theirs.data, theirs.target)


def test_digits():
    digits = data.load_digits()
    assert digits.x_train.shape == (1437, 64)
    assert digits.x_test.shape == (360, 64)
    assert (digits.x_train.min(), digits.x_train.max()) == (0, 1)
    # The numbers of each digit in the data set's own description.
    total = np.bincount(digits.y_train) + np.bincount(digits.y_test)
    assert total.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    np.testing.assert_allclose(np.bincount(digits.y_test), total * 360 / 1797, atol=1)
    # Figures are quoted for this split: were it to change, they would have to.
    assert digits.y_test[:12].tolist() == [6, 6, 6, 2, 5, 6, 6, 2, 2, 1, 1, 9]
    assert digits.feature_names[9] == "pixel_1_1"


# splits


def test_split_keeps_rows_together():
    x, y = np.arange(40).reshape(20, 2), np.arange(20) * 10
    parts = data.train_test_split(x, y, y.tolist(), test_size=0.3)
    x_train, x_test, y_train, y_test, z_train, _ = parts
    assert len(x_test) == 6
    np.testing.assert_array_equal(x_train[:, 0] * 5, y_train)
    np.testing.assert_array_equal(y_train, z_train)
    np.testing.assert_array_equal(np.sort([*y_train, *y_test]), y)
    assert y_train.tolist() != sorted(y_train.tolist())  # shuffled


def test_split_by_seed():
    x = np.arange(50)
    first, again = (data.train_test_split(x, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first[1], again[1])
    assert first[1].tolist() != data.train_test_split(x, seed=4)[1].tolist()


@pytest.mark.parametrize(
    ("n", "size", "count"), [(100, 0.25, 25), (10, 3, 3), (30, 0.1, 3), (7, 0.5, 4), (2, 0.5, 1)]
)
def test_split_sizes(n, size, count):
    assert len(data.train_test_split(np.arange(n), test_size=size)[1]) == count


def hamilton(counts, total):
    """Seats by the method of largest remainder, in exact fractions."""
    quotas = [Fraction(count * total, sum(counts)) for count in counts]
    seats = [int(quota) for quota in quotas]
    by_remainder = sorted(range(len(counts)), key=lambda i: (seats[i] - quotas[i], i))
    for i in by_remainder[: total - sum(seats)]:
        seats[i] += 1
    return seats


@pytest.mark.parametrize("counts", [[50, 30, 20], [97, 5, 2], [2, 2, 2], [33, 34, 33], [1000, 7]])
@pytest.mark.parametrize("size", [0.1, 0.25, 0.5, 0.01])
def test_stratified_counts(counts, size):
    y = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    test = max(round(size * len(y)), 1)
    y_train, y_test = data.train_test_split(y, test_size=test, stratify=y)
    got = np.bincount(y_test, minlength=len(counts))
    assert got.tolist() == hamilton(counts, test)
    np.testing.assert_array_equal(np.bincount(y_train) + got, counts)


def test_stratify_by_names():
    names = np.array(["b", "a", "a", "b"] * 5)
    _, test = data.train_test_split(names, test_size=4, stratify=names)
    assert sorted(test.tolist()) == ["a", "a", "b", "b"]


@pytest.mark.parametrize("stratify", [True, False])
def test_three_parts(stratify):
    y = np.repeat([0, 1, 2], [60, 30, 10])
    x = np.arange(100)
    parts = data.train_dev_test_split(x, y, dev_size=0.2, test_size=10, stratify=stratify)
    x_parts, y_parts = parts[:3], parts[3:]
    assert [len(part) for part in x_parts] == [70, 20, 10]
    np.testing.assert_array_equal(np.sort(np.concatenate(x_parts)), x)
    for x_part, y_part in zip(x_parts, y_parts, strict=True):
        np.testing.assert_array_equal(y[x_part], y_part)
        if stratify:
            shares = np.array([0.6, 0.3, 0.1]) * len(y_part)
            np.testing.assert_array_equal(np.bincount(y_part), shares)
    other = data.train_dev_test_split(x, y, dev_size=30, test_size=10, stratify=stratify)
    np.testing.assert_array_equal(np.sort(other[2]), np.sort(x_parts[2]))


def test_split_of_a_memory_map(tmp_path):
    rows, cols = 64, 32768
    written = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (rows, cols))
    written[:] = np.arange(rows)[:, None]
    written.flush()
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    index_train, index_test = data.train_test_split(np.arange(rows))
    peak, (train, test) = peak_memory(lambda: data.train_test_split(x))
    np.testing.assert_array_equal(train[:, 0], index_train)
    np.testing.assert_array_equal(test[:, -1], index_test)
    assert type(train) is np.ndarray
    assert peak < x.nbytes + MEGABYTE  # the parts, and nothing beside them


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: data.train_test_split(), TypeError, "arrays: expected at least one"),
        (
            lambda: data.train_test_split([1, 2, 3], [1, 2]),
            ValueError,
            r"arrays\[1\]: expected 3 rows as in the first, got 2",
        ),
        (lambda: data.train_test_split([1, 2], test_size=2), ValueError, "test_size: .* got 2"),
        (lambda: data.train_test_split([1, 2], test_size=0), ValueError, "test_size: .* got 0"),
        (lambda: data.train_test_split([1, 2], test_size=1.0), ValueError, "test_size: .* got 1.0"),
        (lambda: data.train_test_split([1, 2], test_size=0.1), ValueError, "test_size: .* got 0.1"),
        (lambda: data.train_test_split([1, 2], test_size="1"), TypeError, "test_size: .* got '1'"),
        (lambda: data.train_test_split([1, 2], test_size=True), TypeError, "test_size: .* True"),
        (
            lambda: data.train_dev_test_split([1, 2, 3], [0, 0, 0], dev_size=1, test_size=2),
            ValueError,
            r"dev_size \+ test_size: expected less than the 3 examples, got 3",
        ),
        (
            lambda: data.train_test_split([1, 2, 3, 4], stratify=["a", "b", "b", "b"]),
            ValueError,
            "stratify: expected at least 2 members .* got 1 of class 'a'",
        ),
        (
            lambda: data.train_dev_test_split(range(9), [0] * 7 + [5] * 2, dev_size=2, test_size=2),
            ValueError,
            "stratify: expected at least 3 members .* got 2 of class 5",
        ),
        (
            lambda: data.train_test_split(range(9), test_size=8, stratify=[0] * 7 + [5] * 2),
            ValueError,
            "stratify: expected every class to train on, got none of 5",
        ),
        (
            lambda: data.train_test_split([1, 2, 3, 4], stratify=[1, 1]),
            ValueError,
            r"stratify: expected shape \(4,\), got \(2,\)",
        ),
        (
            lambda: data.train_test_split([1, 2, 3, 4], stratify=[0.1, 0.2, 0.1, 0.2]),
            TypeError,
            "stratify: expected classes, not numbers",
        ),
    ],
)
def test_split_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()


# Dataset and load


def test_dataset_is_checked():
    x, y = np.zeros((3, 2)), np.zeros(3, np.int64)
    with pytest.raises(ValueError, match="y_train: expected 3 rows as in x_train, got 2"):
        Dataset(x, y[:2])
    with pytest.raises(ValueError, match="y_test: expected 3 rows as in x_test, got 2"):
        Dataset(x, y, x, y[:2])
    with pytest.raises(ValueError, match="y_test: expected an array beside x_test, got None"):
        Dataset(x, y, x)
    with pytest.raises(ValueError, match=r"x_test: expected examples of shape \(2,\)"):
        Dataset(x, y, x[:, :1], y)


def test_load_knows_all_kinds(tmp_path, monkeypatch):
    (tmp_path / "mnist").mkdir()
    write_mnist(tmp_path / "mnist")
    csv_file(tmp_path, "a,kind\n" + "1,x\n2,y\n" * 10)
    np.savez(tmp_path / "arrays.npz", x=np.arange(40.0).reshape(20, 2), y=np.arange(20) / 7)
    monkeypatch.chdir(tmp_path)

    assert data.load("digits").name == "digits"
    assert len(data.load("mnist").x_test) == 4
    table = data.load(tmp_path / "table.csv", "kind", test_size=0.3)
    assert np.bincount(table.y_test).tolist() == [3, 3]
    assert (len(table.x_train), table.feature_names, table.name) == (14, ["a"], "table")
    arrays = data.load("arrays.npz", test_size=5)
    assert arrays.classes is None
    assert len(arrays.y_test) == 5


def test_load_splits_off_a_test_part_of_a_folder(tmp_path):
    labels = np.repeat(np.arange(3, dtype=np.uint8), 2)
    write_mnist(tmp_path, tests=False, labels=labels)
    got = data.load(tmp_path, test_size=0.5)
    assert np.bincount(got.y_test).tolist() == [1, 1, 1]


def test_load_without_strata(tmp_path):
    path = csv_file(tmp_path, "a,label\n" + "1,x\n" * 8 + "2,rare\n")
    with pytest.raises(ValueError, match=r"stratify: .*got 1 of class"):
        data.load(path)
    assert len(data.load(path, stratify=False).x_test) == 2


def test_load_says_what_it_takes(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.txt").write_text("hello")
    for name in ("empty", "a.txt"):
        with pytest.raises(ValueError, match=r"(?s)Accepted are:.*digits.*\.npz.*\.csv"):
            data.load(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"(?s)absent.csv: no such file.*Accepted are:"):
        data.load("absent.csv")
    with pytest.raises(ValueError, match=r"label: expected only with a .csv table, got 'a'"):
        data.load("digits", "a")
