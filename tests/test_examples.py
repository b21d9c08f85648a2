"""Every example runs, on next to nothing."""

import gzip
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastnn

FOLDER = Path(__file__).resolve().parents[1] / "examples"
EXAMPLES = sorted(FOLDER.glob("*.py"))

pytestmark = pytest.mark.checkout


@pytest.fixture(scope="module")
def mnist(tmp_path_factory):
    """A folder like MNIST's: the digits that come with the package, enlarged to 28x28."""
    folder = tmp_path_factory.mktemp("mnist")
    digits = fastnn.data.load_digits()
    for part, count, x, y in (
        ("train", 600, digits.x_train, digits.y_train),
        ("t10k", 120, digits.x_test, digits.y_test),
    ):
        small = (np.asarray(x[:count]).reshape(-1, 8, 8) * 255).astype(np.uint8)
        images = np.pad(small.repeat(3, 1).repeat(3, 2), ((0, 0), (2, 2), (2, 2)))
        header = struct.pack(">HBBIII", 0, 8, 3, *images.shape)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        labels = np.asarray(y[:count], np.uint8)
        header = struct.pack(">HBBI", 0, 8, 1, len(labels))
        packed = gzip.compress(header + labels.tobytes())
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(packed)
    return folder


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("It was the best of times, it was the worst of times.\n" * 200)
    return path


def run(*command, cwd):
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def test_there_are_examples():
    assert {"deep_dream", "glorot_bengio", "nielsen"} <= {path.stem for path in EXAMPLES}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_quick(path, mnist, text, tmp_path):
    asked = run(path, "--help", cwd=tmp_path)
    assert asked.returncode == 0, asked.stderr
    assert "--quick" in asked.stdout
    # What stands in the usage outside of brackets, behind the program's name: a folder or a file.
    usage = re.sub(r"\[.*?\]", "", asked.stdout.partition("\n\n")[0], flags=re.DOTALL)
    data = []
    for name in usage.split()[2:]:
        data.append(mnist if "folder" in name.lower() else text)
    done = run(path, *data, "--quick", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip()
    assert "Warning" not in done.stderr
