"""Benchmarks of more than steps and kernels: that each runs, and what the report makes of it."""

import gzip
import json
import struct
import sys
import time

import numpy as np
import pytest

pytestmark = [pytest.mark.checkout, pytest.mark.usefixtures("quick_suite")]


def _results(*benchmarks):
    bounds = {"1": {"gemm": 10.0}, "2": {"gemm": 20.0}}
    return {"benchmarks": list(benchmarks), "bounds": bounds, "statistic": "median"}


def _benchmark(kind, group, peer, seconds, **info):
    info |= {"kind": kind, "peer": peer}
    return {"group": group, "stats": {"median": seconds}, "extra_info": info}


def test_a_worker_says_what_is_missing(capsys, monkeypatch):
    from benchmarks.peers.load import load

    monkeypatch.setitem(sys.modules, "benchmarks.peers.numpy_steps", None)
    with pytest.raises(SystemExit) as end:
        load("numpy")
    assert not end.value.code
    assert json.loads(capsys.readouterr().out) == {"missing": "benchmarks.peers.numpy_steps"}


# -- neighbours ----------------------------------------------------------------------------------


@pytest.mark.parametrize("scene", ["alternating", "together"])
def test_every_part_of_a_scene_runs(scene):
    from benchmarks.neighbours import SCENES
    from benchmarks.peers import run_worker

    for part in SCENES[scene]:
        result = run_worker(scene, part, "tabular", threads=None, module="benchmarks.neighbours")
        assert min(result["seconds"]) > 0


def test_what_neighbours_lose():
    from benchmarks.report.neighbours import table_of

    info = {"net": "a", "cpus": 2}
    alternating = {
        "alternating": 5e-6,
        "products": 1e-6,
        "steps": 3e-6,
        "steps, one thread": 4e-6,
        "NumPy first": 4.4e-6,
    }
    together = {"together": 1.1, "one thread": 2.0, "a thread each": 1.0, "in turn": 1.2}
    times = {"alternating": alternating, "together": together}
    benchmarks = [
        _benchmark(scene, scene, part, seconds, **info)
        for scene, parts in times.items()
        for part, seconds in parts.items()
    ]
    text = "\n".join(table_of(_results(*benchmarks)))
    assert "| a | 1.00 | 3.00 | 4.00 | 5.00 | 25 % | 0 % | 10 % |" in text
    assert "| a | 2,000 | 1,000 | 1,100 | 10 % | 0 % | 20 % |" in text
    assert table_of(_results(*benchmarks[1:5])) == []


# -- scaling -------------------------------------------------------------------------------------


def test_nets_vary_on_one_axis_at_a_time():
    from benchmarks.scaling import SWEEPS, swept

    nets = {axis: [swept(axis, value) for value in values] for axis, values in SWEEPS.items()}
    assert [net.batch for net in nets["batch"]] == list(SWEEPS["batch"])
    assert [net.sizes[1] for net in nets["width"]] == list(SWEEPS["width"])
    assert [len(net.sizes) - 2 for net in nets["depth"]] == list(SWEEPS["depth"])
    assert len({net.sizes for net in nets["batch"]}) == 1
    assert all(net.samples % net.batch == 0 for every in nets.values() for net in every)


def test_steps_are_timed_on_any_number_of_threads():
    import fastnn
    from benchmarks.scaling import step_seconds, swept

    before = fastnn.get_num_threads()
    assert min(step_seconds(swept("width", 16), threads=before + 1)) > 0
    assert fastnn.get_num_threads() == before


def test_what_scales():
    from matplotlib.figure import Figure

    from benchmarks.report.scaling import plot, table_of

    facts = {"flops": 8000, "batch": 4}
    benchmarks = [
        _benchmark("scaling", axis, peer, seconds, axis=axis, value=value, **facts)
        for axis, value in [("threads", "2-2"), ("batch", 4), ("width", 8), ("depth", 1)]
        for peer, seconds in [("1 thread", 8e-6), ("2 threads", 4e-6)]
    ]
    text = "\n".join(table_of(_results(*benchmarks)))
    assert "| 2-2 | 8.00 | 4.00 | 2.00 |" in text
    assert "| 8 | 8.00 | 2.00 | 1.00 | 4.00 | 1.00 | 2.00 |" in text
    assert plot(_results(*benchmarks), Figure())
    assert plot(_results(*benchmarks[:3]), Figure())
    assert table_of(_results()) == []
    assert not plot(_results(), Figure())


# -- cold start ----------------------------------------------------------------------------------


@pytest.fixture
def mnist(tmp_path, monkeypatch):
    """A folder like MNIST's, of bright squares whose place is the label."""
    monkeypatch.setenv("FASTNN_MNIST", str(tmp_path))
    rng = np.random.default_rng(0)
    for part in ("train", "t10k"):
        labels = rng.integers(0, 10, 400).astype(np.uint8)
        images = rng.integers(0, 50, (400, 28, 28)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[2 * label : 2 * label + 4, 10:14] = 255
        for name, array in ((f"{part}-images-idx3", images), (f"{part}-labels-idx1", labels)):
            header = struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape)
            data = gzip.compress(header + array.tobytes())
            (tmp_path / f"{name}-ubyte.gz").write_bytes(data)
    return tmp_path


def test_idx_files_are_read_as_fastnn_reads_them(mnist):
    from benchmarks.cold_start import read_idx
    from fastnn.data import load_idx

    for path in mnist.iterdir():
        np.testing.assert_array_equal(read_idx(path), load_idx(path))


@pytest.mark.parametrize("peer", ["fastnn", "numpy"])
def test_a_cold_start_ends_with_a_trained_net(mnist, peer):
    from benchmarks.peers import run_worker

    begin = time.monotonic()
    result = run_worker(peer, f"--begin={begin}", module="benchmarks.cold_start")
    assert result["accuracy"] > 0.5
    assert 1 <= result["epochs"] <= 2
    assert min(result["parts"].values()) >= 0
    assert sum(result["parts"].values()) == pytest.approx(result["seconds"][0])
    assert result["seconds"][0] < time.monotonic() - begin


def test_report_of_cold_starts():
    from benchmarks.report.cold_start import table_of

    parts = {"import": 0.25, "first epoch": 0.5}
    facts = {"parts": parts, "epochs": 3, "accuracy": 0.97512}
    benchmarks = [
        _benchmark("cold start", "cold start", peer, seconds, **facts)
        for peer, seconds in [("torch", 3.0), ("fastnn", 1.0)]
    ]
    assert table_of(_results(*benchmarks))[-2:] == [
        "| fastnn | 1.00 | 1.00 | 0.250 | 0.500 | 3 | 97.51 % |",
        "| torch | 3.00 | 3.00 | 0.250 | 0.500 | 3 | 97.51 % |",
    ]
    assert table_of(_results()) == []


# -- memory --------------------------------------------------------------------------------------


def test_memory_of_a_process():
    from benchmarks import memory
    from benchmarks.nets import NETS
    from benchmarks.peers import run_worker

    if not memory.supported():
        pytest.skip("needs Linux's /proc")
    sizes = run_worker("fastnn", "medium", module="benchmarks.memory")
    assert 0 < sizes["imported"] < sizes["before"] < sizes["peak"]
    # Parameters, and two moments of Adam's, are there at least; of 8 MB in all.
    assert sizes["peak"] - sizes["before"] > 12 * NETS["medium"].parameters


def test_contents_of_a_program():
    from benchmarks.memory import contents
    from benchmarks.nets import NETS

    net = NETS["mnist"]
    held = contents(net)
    # Each parameter is padded to a cache line.
    assert held["parameters"] == pytest.approx(4 * net.parameters, rel=0.01)
    assert held["optimizer state"] == 2 * held["parameters"]
    # The batch is read where it lies in training, but has its place; 100 floats of the hidden
    # layer and its gradient, and 10 of each, for every row; and labels.
    assert held["activations"] >= net.batch * (4 * (784 + 100 + 10) + 8)


def test_report_of_memory():
    from benchmarks.report.memory import table_of

    facts = {"net": "a", "parameters": 10**6, "imported": 10**7, "before": 2 * 10**7}
    contents = {"parameters": 4 * 10**6, "optimizer state": 8 * 10**6}
    benchmarks = [
        _benchmark("memory", "a", "fastnn", 1.0, peak=35 * 10**6, contents=contents, **facts),
        _benchmark("memory", "a", "numpy", 1.0, peak=5 * 10**7, **facts),
    ]
    lines = table_of(_results(*benchmarks))
    assert "| a | 1,000,000 | 4.00 | 8.00 | 12.0 |" in lines
    assert "| a | 15.0 (15.0) | 30.0 (30.0) |" in lines
    assert "| a | 35.0 | 50.0 |" in lines
    assert lines[-1] == "| after the imports | 10.0 | 10.0 |"
    assert table_of(_results()) == []


# -- swaps ---------------------------------------------------------------------------------------


def test_both_sides_of_every_swap_agree():
    from benchmarks.peers import run_worker
    from benchmarks.swaps import SIDES, swaps

    for name, swap in swaps().items():
        how = {"threads": None, "module": "benchmarks.swaps.run"}
        results = [run_worker(side, name, **how) for side in SIDES]
        if "missing" in results[0]:
            continue
        original, own = (np.array(result["outcome"]) for result in results)
        np.testing.assert_allclose(own, original, rtol=swap.rtol, atol=swap.atol)


def test_a_swap_is_measured_and_reported(monkeypatch):
    import benchmarks.swaps
    from benchmarks.report.swaps import table_of
    from benchmarks.swaps.run import measure

    monkeypatch.setattr("benchmarks.swaps.run.QUICK", False)
    calls = []

    def prepare(side):
        return lambda: calls.append(side) or 0.5

    swap = benchmarks.swaps.Swap("a work", "a project", prepare, rounds=2)
    result = measure(swap, "fastnn")
    assert calls == ["fastnn"] * 3  # one for nothing
    assert (len(result["seconds"]), result["outcome"]) == (2, 0.5)
    missing = benchmarks.swaps.Swap("b", "b", prepare, needs=("no_such_module",))
    assert measure(missing, "fastnn") == {"missing": "no_such_module"}
    facts = {"project": "p", "work": "w"}
    sides = {"original": 0.5, "fastnn": 0.125}
    results = _results(*(_benchmark("swap", "g", peer, s, **facts) for peer, s in sides.items()))
    assert table_of(results)[-1] == "| p | w | 500 | 125 | 0.250 |"
    assert table_of(_results(_benchmark("swap", "g", "fastnn", 1.0, **facts))) == []
