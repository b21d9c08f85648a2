"""The benchmark of layers: its peers do the same, and its workers run."""

import importlib

import numpy as np
import pytest

pytestmark = [pytest.mark.checkout, pytest.mark.usefixtures("quick_suite")]


def _calls(peer, name, x):
    try:
        return importlib.import_module(f"benchmarks.peers.{peer}_layers").calls(name, x)
    except ImportError as error:
        pytest.skip(f"needs {error.name or peer}")


def test_peers_compute_the_same():
    from benchmarks.layers import LAYERS, inputs

    for name, subject in LAYERS.items():
        x = inputs((5, 4, 9, 8) if len(subject.shapes[0]) == 4 else (6, 8))
        pairs = zip(_calls("fastnn", name, x), _calls("torch", name, x), strict=True)
        for ours, theirs in pairs:
            np.testing.assert_allclose(ours(), theirs(), rtol=1e-4, atol=1e-5, err_msg=name)
            np.testing.assert_allclose(ours(), theirs(), rtol=1e-4, atol=1e-5, err_msg=name)


def test_a_worker_times_a_layer():
    from benchmarks.peers import run_worker

    result = run_worker("fastnn", "batch norm, relu", module="benchmarks.layers")
    assert len(result["calls"]) >= 2
    assert all(0 < min(found["seconds"]) < 1 for found in result["calls"].values())
