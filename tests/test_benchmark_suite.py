"""Benchmarks of more than steps and kernels: that each runs, and what the report makes of it."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = [
    pytest.mark.checkout,
    pytest.mark.skipif(not (ROOT / "benchmarks").is_dir(), reason="needs the source checkout"),
]


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    monkeypatch.setenv("FASTNN_BENCH_QUICK", "1")


def _results(*benchmarks):
    bounds = {"1": {"gemm": 10.0}, "2": {"gemm": 20.0}}
    return {"benchmarks": list(benchmarks), "bounds": bounds, "statistic": "median"}


def _benchmark(kind, group, peer, seconds, **info):
    info |= {"kind": kind, "peer": peer}
    return {"group": group, "stats": {"median": seconds}, "extra_info": info}


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
        "BLAS asleep": 4.4e-6,
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
