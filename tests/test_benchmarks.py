"""The benchmarks: all that is public has one, and what they compare are the same results."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl
from peers import peer as other

from fastnn import functional

ROOT = Path(__file__).resolve().parents[1]

pytestmark = [pytest.mark.checkout, pytest.mark.usefixtures("suite")]


def test_every_public_function_has_a_benchmark(monkeypatch):
    from benchmarks import operations

    assert operations.without_benchmark() == []
    monkeypatch.setattr(functional, "__all__", [*functional.__all__, "conv2d"])
    assert operations.without_benchmark() == ["conv2d"]


def test_both_sides_of_a_benchmark_compute_the_same():
    from benchmarks.operations import CASES

    for case in CASES:
        results = (case.results(peer, case.shapes[0]) for peer in ("fastnn", "numpy"))
        for ours, theirs in zip(*results, strict=True):
            # float32 of sums of 100 to 1000 terms, in the reference's case added up in float32.
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6, err_msg=case.operation)


def _losses(peer, job):
    losses = []
    peer.train(job, lambda loss, predict: losses.append(loss))
    return losses


@pytest.mark.parametrize("name", ["tabular", "textbook", "mnist", "medium", "deep"])
def test_peers_take_the_same_steps(name):
    from benchmarks.nets import NETS
    from benchmarks.peers import Job, fastnn_steps, numpy_steps

    # In float64 rounding errors stay far below what any difference in a formula would make.
    net = NETS[name]
    sizes = tuple(min(size, 500) for size in net.sizes)
    net = dataclasses.replace(net, sizes=sizes, samples=2 * net.batch, epochs=2)
    job, curves = Job.of(net, dtype=np.float64), []
    with threadpoolctl.threadpool_limits(1, user_api="blas"):  # else two pools spin side by side
        for peer in (fastnn_steps, numpy_steps):
            curves.append(_losses(peer, job))
    assert len(curves[0]) == net.epochs + 1
    np.testing.assert_allclose(*curves, rtol=1e-9)


# torch_compile shares its body with torch, and takes long to compile.
_PEERS = ["fastnn", "numpy", "torch", "jax", "sklearn", "thinc"]


def _peer(name, part="steps"):
    """A peer's file, in this process; skip without the library."""
    return other(f"benchmarks.peers.{name}_{part}")


@pytest.mark.parametrize("peer", _PEERS[2:])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("name", ["textbook", "mnist", "deep"])
def test_other_libraries_take_the_same_steps(name, shuffle, peer):
    from benchmarks.nets import NETS
    from benchmarks.peers import Job, numpy_steps

    net = NETS[name]
    sizes = (50, *(min(size, 20) for size in net.sizes[1:]))
    net = dataclasses.replace(net, sizes=sizes, samples=4 * net.batch, epochs=2)
    job = Job.of(net, shuffle)
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        losses, expected = (_losses(who, job) for who in (_peer(peer), numpy_steps))
    # In float32; with Adam scikit-learn and Thinc add epsilon elsewhere. Shuffled, every library
    # has an order of its own, so that only the size of the loss can be compared.
    np.testing.assert_allclose(losses, expected, rtol=0.05 if shuffle else 1e-4)


def test_pytorch_takes_the_same_steps_with_other_layers():
    from benchmarks.modular import MODULAR
    from benchmarks.peers import Job

    ours, theirs = _peer("fastnn"), _peer("torch")
    for net in MODULAR.values():
        job = Job.of(dataclasses.replace(net, samples=2 * net.batch, epochs=2), dtype=np.float64)
        np.testing.assert_allclose(
            _losses(ours, job), _losses(theirs, job), rtol=1e-8, err_msg=net.name
        )


@pytest.mark.parametrize("peer", _PEERS)
def test_peers_stop_when_told_and_predict_meanwhile(peer):
    from benchmarks.nets import NETS
    from benchmarks.peers import Job

    net = dataclasses.replace(NETS["textbook"], samples=40, epochs=5)
    job, told = Job.of(net), []

    def tick(loss, predict):
        told.append((loss, predict(job.x[:7])))
        return len(told) == 2

    _peer(peer).train(job, tick)
    assert len(told) == 2
    assert told[1][0] < told[0][0]
    assert told[0][1].shape == (7, 10)


def test_a_worker_loads_no_peer_but_its_own():
    program = "import sys, benchmarks.peers.run; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert {name.split(".")[0] for name in done.stdout.split()}.isdisjoint(
        ("fastnn", "torch", "jax", "sklearn", "thinc", "numexpr")
    )


def test_peers_predict_the_same():
    from benchmarks.nets import PREDICTION
    from benchmarks.peers import Job, fastnn_steps, numpy_steps

    job = Job.of(dataclasses.replace(PREDICTION, samples=1), dtype=np.float64)
    ours, theirs = fastnn_steps.predictor(job)(), numpy_steps.predictor(job)()
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


@pytest.mark.parametrize("peer", ["torch", "jax", "sklearn", "thinc"])
def test_other_libraries_predict_the_same(peer):
    from benchmarks.nets import PREDICTION
    from benchmarks.peers import Job, numpy_steps

    job = Job.of(dataclasses.replace(PREDICTION, samples=PREDICTION.batch))
    ours, theirs = (who.predictor(job)() for who in (numpy_steps, _peer(peer)))
    if peer == "sklearn":  # knows probabilities only
        ours = np.exp(ours) / np.exp(ours).sum()
    np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("peer", ["torch", "jax", "thinc", "numexpr"])
def test_kernels_of_peers_compute_the_same(peer):
    from benchmarks.operations import CASES, check
    from benchmarks.peers import run

    cases = {case.operation: case for case in CASES}
    kernels = _peer(peer, "kernels").KERNELS
    assert kernels.keys() <= cases.keys()
    for operation, prepare in kernels.items():
        shape = cases[operation].shapes[0]
        check(cases[operation], shape, run.numbers(prepare(shape)()))


def test_a_worker_prints_its_times_and_losses(monkeypatch):
    from benchmarks.peers import run_worker

    monkeypatch.setenv("FASTNN_BENCH_QUICK", "1")
    result = run_worker("numpy", "tabular", "--shuffle")
    assert result["version"] == np.__version__
    assert len(result["losses"]) == len(result["seconds"]) + 1
    assert min(result["seconds"]) > 0


def test_a_worker_that_fails_says_why():
    from benchmarks.peers import run_worker

    with pytest.raises(RuntimeError, match="invalid choice: 'nobody'"):
        run_worker("nobody", "tabular")


def _benchmark(kind, group, peer, seconds, **info):
    info |= {"kind": kind, "peer": peer}
    return {"group": group, "stats": {"median": seconds}, "extra_info": info}


def test_report(tmp_path, capsys):
    from benchmarks import report

    kernel = {"operation": "relu", "shape": "1000", "elements": 1000, "bytes": 8000}
    kernel |= {"stream": "copy"}
    net = {"net": "2-2 relu", "flops": 3000, "bytes": 80, "footprint": 40}
    results = {
        "datetime": "2024-05-06T07:08:09",
        "commit_info": {"id": "0123456789abcdef"},
        "machine_info": {
            "cpu": {"brand_raw": "A CPU", "count": 2},
            "system": "Linux",
            "machine": "x86_64",
            "python_version": "3.11",
            "fastnn": {
                "version": "1",
                "numpy": "2",
                "threads": 2,
                "instruction_set": "v3",
            },
        },
        "quick": False,
        "cache_bytes": 7999,
        "bounds": {"2": {"copy": 4.0, "add": 3.0, "adam": 2.0, "gemm": 1.0}},
        "import_time": {"numpy": 0.1, "fastnn": 0.025},
        "benchmarks": [
            _benchmark("kernel", "relu 1000", "numpy", 20e-6, **kernel),
            _benchmark("kernel", "relu 1000", "fastnn", 4e-6, **kernel),
            _benchmark("step", "step a", "fastnn", 4e-6, **net),
            _benchmark("step", "step a", "torch", 16e-6, version="9.9", **net),
            _benchmark("step", "step a", "fastnn, shuffled", 5e-6, **net),
        ],
    }
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results))
    report.main([str(path), "--output", str(tmp_path)])
    text = capsys.readouterr().out
    assert text.strip() == (tmp_path / "report.md").read_text().strip()
    assert "fastnn on top of it 25 ms" in text
    # 8000 bytes at 4 GB/s are 2 us; 3000 operations at 1 GFLOP/s are 3.
    assert "| relu | 1000 | 4.00 | 20.0 (0.200) | 2.00 (2.00) |" in text
    assert "| 2-2 relu | 4.00 | 5.00 (0.800) | 16.0 (0.250) | 3.00 (1.33) |" in text
    assert "NumPy 2, torch 9.9" in text
    for name in ("kernels.png", "ratios.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_sizes_of_files(tmp_path):
    from benchmarks import import_time

    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_bytes(bytes(100))
    (tmp_path / "b").write_bytes(bytes(23))
    (tmp_path / "link").symlink_to("b")
    assert import_time.installed_bytes(tmp_path) == 123 + len("b")
