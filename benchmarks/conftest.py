"""What pytest-benchmark writes besides times: the machine, its bounds, the time of an import."""

import numpy as np
import pytest
import threadpoolctl

import fastnn
from benchmarks import QUICK, bounds, import_time
from fastnn import _dispatch


@pytest.fixture(autouse=True, scope="session")
def _one_blas_thread():
    """NumPy's BLAS threads would spin beside fastnn's, for the sake of a few dot products."""
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        yield


def pytest_benchmark_update_machine_info(config, machine_info):
    machine_info["fastnn"] = {
        "version": fastnn.__version__,
        "numpy": np.__version__,
        "threads": fastnn.get_num_threads(),
        "instruction_set": _dispatch.selected(),
    }


def pytest_benchmark_update_json(config, benchmarks, output_json):
    output_json["quick"] = QUICK
    output_json["cache_bytes"] = bounds.cache_bytes()
    output_json["bounds"] = bounds.measure()
    output_json["import_time"] = import_time.measure()
