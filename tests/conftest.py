"""What tests share: every build of the kernels that runs here, numbers of threads, MNIST."""

import os
from pathlib import Path

import numpy as np
import pytest

import fastnn
from fastnn import _dispatch


@pytest.fixture(params=_dispatch.VARIANTS)
def variant(request):
    """Runs the test with each build of the kernels."""
    with _dispatch.use(request.param):
        yield request.param


@pytest.fixture(params=[1, 2])
def threads(request):
    """Runs the test on one thread and on two."""
    before = fastnn.get_num_threads()
    fastnn.set_num_threads(request.param)
    yield request.param
    fastnn.set_num_threads(before)


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return np.dtype(request.param)


@pytest.fixture
def rng():
    return np.random.default_rng(20)


@pytest.fixture(scope="session")
def mnist_folder():
    """The folder of MNIST's IDX files, named by FASTNN_MNIST; the test is skipped without."""
    folder = os.environ.get("FASTNN_MNIST")
    if not folder or not Path(folder).is_dir():
        pytest.skip("FASTNN_MNIST names no folder of MNIST's IDX files")
    return Path(folder)


@pytest.fixture
def suite(monkeypatch):
    """Makes the benchmarks importable; the test is skipped outside of a checkout."""
    root = Path(__file__).resolve().parents[1]
    if not (root / "benchmarks").is_dir():
        pytest.skip("needs the source checkout")
    monkeypatch.syspath_prepend(root)


@pytest.fixture
def quick_suite(suite, monkeypatch):
    """The same, and what they measure is as small as can be."""
    monkeypatch.setenv("FASTNN_BENCH_QUICK", "1")
