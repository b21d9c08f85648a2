"""PNG files: read back by a decoder of ten lines, and by matplotlib."""

import struct
import zlib

import numpy as np
import pytest

from fastnn import io


def decode(path):
    """(channels, H, W) of a PNG without filters, every checksum looked at."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {}
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size : at + 12 + size])[0] == zlib.crc32(
            kind + body
        )
        chunks[kind] = body
        at += 12 + size
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, rest) == (8, [0, 0, 0])
    channels = {0: 1, 2: 3}[colour]
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, -1)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, channels).transpose(2, 0, 1)


@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (1, 3, 8), (3, 4, 9), (3, 3, 3)])
def test_pixels_come_back(tmp_path, rng, shape):
    pixels = rng.integers(0, 256, shape, dtype=np.uint8)
    io.save_png(pixels, tmp_path / "a.png")
    assert np.array_equal(decode(tmp_path / "a.png"), pixels.reshape(-1, *shape[-2:]))


def test_another_reader_agrees(tmp_path, rng):
    image = pytest.importorskip("matplotlib.image")
    for shape in ((6, 5), (3, 6, 5)):
        pixels = rng.integers(0, 256, shape, dtype=np.uint8)
        io.save_png(pixels, tmp_path / "a.png")
        theirs = np.rint(image.imread(tmp_path / "a.png") * 255)
        assert np.array_equal(theirs, pixels if len(shape) == 2 else pixels.transpose(1, 2, 0))


def test_numbers_are_scaled_rounded_and_cut_off(tmp_path):
    numbers = np.array([[-9, -1, -0.5, 0, 1, 9, np.inf, -np.inf]], np.float32)
    io.save_png(numbers, tmp_path / "a.png", low=-1, high=1)
    assert decode(tmp_path / "a.png").tolist() == [[[0, 0, 64, 128, 255, 255, 255, 0]]]
    io.save_png(np.array([[0, 1], [2, 3]]), tmp_path / "a.png", high=3)
    assert decode(tmp_path / "a.png").tolist() == [[[0, 85], [170, 255]]]


def test_tile(rng):
    images = rng.integers(1, 9, (5, 2, 3, 4))
    grid = io.tile(images, columns=3, gap=2)
    assert grid.shape == (2, 8, 16)
    assert np.array_equal(grid[:, 5:8, 6:10], images[4])
    assert grid.sum() == images.sum()
    assert io.tile(images[:, 0]).shape == (7, 14)
    assert io.tile(images[:1, 0], gap=0, fill=7).shape == (3, 4)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda p: io.save_png([[1]], p), TypeError, "image: .* got list"),
        (lambda p: io.save_png(np.array([["a"]]), p), TypeError, "image: expected numbers"),
        (lambda p: io.save_png(np.zeros((2, 4, 4)), p), ValueError, r"image: .* got \(2, 4, 4\)"),
        (lambda p: io.save_png(np.zeros((0, 4)), p), ValueError, "image: .* not empty"),
        (lambda p: io.save_png(np.full((2, 2), np.nan), p), ValueError, "got NaN"),
        (lambda p: io.save_png(np.zeros((2, 2)), p, low=1), ValueError, "high: .* low = 1, got 1"),
        (lambda p: io.tile(np.zeros((0, 2, 2))), ValueError, "images: "),
        (lambda p: io.tile(np.zeros((2, 2, 2)), 0), ValueError, "columns, gap: .* got 0 and 1"),
    ],
)
def test_errors_leave_the_file_alone(tmp_path, call, error, message):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    with pytest.raises(error, match=message):
        call(path)
    assert path.read_bytes() == b"old"
