"""Threads and instruction sets: who decides, and what survives a fork."""

import os
import subprocess
import sys

import numpy as np
import pytest

import fastnn
from fastnn import _cpu, _dispatch, _engine
from fastnn._threads import limit_threads


def run(code, **environment):
    """A fresh interpreter's output and error output."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout.strip(), done.stderr, done.returncode


THREADS = "import fastnn; print(fastnn.get_num_threads())"


def test_environment_decides_the_default():
    if not _engine.has_openmp():
        pytest.skip("built without OpenMP")
    assert run(THREADS, FASTNN_NUM_THREADS="3")[0] == "3"
    assert run(THREADS, FASTNN_NUM_THREADS="", OMP_NUM_THREADS="2,1")[0] == "2"
    assert run(THREADS, FASTNN_NUM_THREADS="1", OMP_NUM_THREADS="2")[0] == "1"
    _, error, code = run(THREADS, FASTNN_NUM_THREADS="many")
    assert code != 0
    assert "FASTNN_NUM_THREADS: expected a positive whole number, got 'many'" in error


def test_affinity_is_respected():
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("no affinity on this platform")
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n" + THREADS
    assert run(code, FASTNN_NUM_THREADS="", OMP_NUM_THREADS="")[0] == "1"


@pytest.mark.parametrize(
    ("quota", "cpus"), [("150000 100000", 2), ("50000 100000", 1), ("max 100000", None), ("", None)]
)
def test_control_group_quota(tmp_path, monkeypatch, quota, cpus):
    from fastnn import _threads

    (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(_threads, "_CGROUP_FILES", (str(tmp_path / "cpu.max"),))
    assert _threads._cgroup_cpus() == cpus


def test_threadpoolctl_limits_hold():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    if not _engine.has_openmp() or len(os.sched_getaffinity(0)) < 2:
        pytest.skip("nothing to limit")
    before = fastnn.get_num_threads()
    fastnn.set_num_threads(2)
    with threadpoolctl.threadpool_limits(1):
        assert fastnn.get_num_threads() == 1
    assert fastnn.get_num_threads() == 2
    fastnn.set_num_threads(before)


@pytest.mark.parametrize(
    ("n", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError)]
)
def test_bad_numbers_of_threads(n, error):
    with pytest.raises(error, match="n: expected"):
        fastnn.set_num_threads(n)


def test_a_forked_child_trains_on_one_thread():
    code = """
import os, sys, numpy as np, fastnn
fastnn.set_num_threads(2)
def train():
    model = fastnn.Sequential(fastnn.Linear(300, 300), fastnn.ReLU(), fastnn.Linear(300, 10))
    x = np.random.default_rng(0).random((600, 300), dtype="f4")
    y = np.arange(600) % 10
    fastnn.Trainer(model, "cross_entropy", "adam").fit(x, y, epochs=2, batch_size=200,
                                                       progress=False)
    return model.predict(x).sum()
before = train()
pid = os.fork()
if pid == 0:
    ok = fastnn.get_num_threads() == 1 and train() == before
    os._exit(0 if ok else 1)
_, status = os.waitpid(pid, 0)
print("child", os.waitstatus_to_exitcode(status), "parent", fastnn.get_num_threads())
"""
    if not hasattr(os, "fork"):
        pytest.skip("no fork on this platform")
    assert run(code)[0] == f"child 0 parent {2 if _engine.has_openmp() else 1}"


def test_four_trainings_at_once_in_python_threads():
    from concurrent.futures import ThreadPoolExecutor

    x = np.random.default_rng(0).random((600, 300), dtype="f4")
    y = np.arange(600) % 10

    def train(seed):
        model = fastnn.Sequential(fastnn.Linear(300, 300), fastnn.ReLU(), fastnn.Linear(300, 10))
        fastnn.Trainer(model, "cross_entropy", "adam", seed=seed).fit(
            x, y, epochs=3, batch_size=200, progress=False
        )
        return model.predict(x)

    alone = [train(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(train, range(4)))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_a_run_counts_while_it_is_under_way_and_no_longer():
    # Runs at the same time share the threads by this number.
    class Look(fastnn.Layer):
        fails = False

        def forward(self, x, *, training=False):
            seen.append(_engine.runs_under_way())
            if self.fails:
                raise RuntimeError("as asked")
            return x

        def backward(self, dy):
            return dy

    seen, look = [], Look()
    x, y = np.zeros((8, 3), np.float32), np.zeros(8, int)
    trainer = fastnn.Trainer(fastnn.Sequential(look, fastnn.Linear(3, 2)), "cross_entropy", "sgd")
    trainer.fit(x, y, epochs=1, batch_size=8, progress=False)
    assert set(seen) == {1}
    assert _engine.runs_under_way() == 0
    look.fails = True
    with pytest.raises(RuntimeError, match="as asked"):
        trainer.fit(x, y, epochs=1, batch_size=8, progress=False)
    assert _engine.runs_under_way() == 0


def test_import_before_numpy_has_its_blas_threads_sleep_sooner_and_only_then():
    # OpenBLAS reads the variable as it loads; the environment is as before afterwards.
    code = """
import os, sys
seen = []
class Finder:
    def find_spec(self, name, *rest):
        if name == "numpy":
            seen.append(os.environ.get("OPENBLAS_THREAD_TIMEOUT"))
sys.meta_path.insert(0, Finder())
import fastnn
print(seen[0], os.environ.get("OPENBLAS_THREAD_TIMEOUT"))
"""
    assert run(code)[0] == "10 None"
    assert run(code, OPENBLAS_THREAD_TIMEOUT="20")[0] == "20 20"


def test_many_more_threads_than_cpus_give_the_same_bits():
    x = np.random.default_rng(0).standard_normal(3_000_000).astype("f4")
    before = fastnn.get_num_threads()
    results = []
    for n in (1, 2, 7, 64):
        fastnn.set_num_threads(n)
        results.append(fastnn.functional.gelu(x))
    fastnn.set_num_threads(before)
    assert all(np.array_equal(results[0], r) for r in results[1:])


SELECTED = "from fastnn import _dispatch; print(_dispatch.selected())"


@pytest.mark.parametrize("level", ["baseline", "v3", "v4"])
def test_instruction_set_can_be_forced(level):
    out, error, code = run(SELECTED, FASTNN_ISA=level)
    if level in _dispatch.VARIANTS:
        assert out == level
    else:
        assert code != 0
        assert f"FASTNN_ISA={level}" in error


def test_unknown_instruction_set():
    _, error, code = run(SELECTED, FASTNN_ISA="v9")
    assert code != 0
    assert "FASTNN_ISA: expected one of baseline, v3, v4, got 'v9'" in error


def test_unsupported_instruction_set_is_refused_before_it_is_loaded(monkeypatch):
    monkeypatch.setattr(_dispatch, "VARIANTS", ["baseline"])
    monkeypatch.setattr(_dispatch, "SUPPORTED", ["baseline"])
    monkeypatch.setattr(_dispatch, "BUILT", ["baseline", "v4"])
    with pytest.raises(ImportError, match="FASTNN_ISA=v4: this CPU supports only baseline"):
        _dispatch.select("v4")
    with pytest.raises(ImportError, match=r"FASTNN_ISA=v3: this build .* only baseline, v4"):
        _dispatch.select("v3")


def test_newest_supported_build_is_the_default():
    assert run(SELECTED, FASTNN_ISA="")[0] == _dispatch.VARIANTS[-1]
    assert _cpu.supported()[0] == "baseline"


def test_import_leaves_the_environment_and_other_libraries_threads_as_they_were():
    pytest.importorskip("threadpoolctl")
    code = """
import os, numpy as np, threadpoolctl
def now():
    pools = threadpoolctl.threadpool_info()
    return dict(os.environ), {p["filepath"]: p["num_threads"] for p in pools}
environment, pools = now()
import fastnn
fastnn.Linear(300, 300).forward(np.ones((300, 300), "f4"))
environment_after, pools_after = now()
print(environment_after == environment, pools.items() <= pools_after.items(),
      {p["internal_api"] for p in threadpoolctl.threadpool_info() if p["filepath"] not in pools})
"""
    out, error, _ = run(code)
    own = "{'openmp'}" if _engine.has_openmp() else "set()"
    assert out == f"True True {own}", error


def test_import_changes_no_floating_point_state():
    code = """
import numpy as np
tiny = np.float32(1e-40)
import fastnn
print(float(tiny * np.float32(1)) > 0, np.geterr() == {'divide': 'warn', 'over': 'warn',
      'under': 'ignore', 'invalid': 'warn'})
"""
    assert run(code)[0] == "True True"


def test_limits_for_a_while_end_with_the_last_of_them():
    before = fastnn.get_num_threads()
    with limit_threads(None), limit_threads(1):
        assert fastnn.get_num_threads() == 1
        with limit_threads(3):
            assert fastnn.get_num_threads() == 3
        assert fastnn.get_num_threads() == 3  # as other Python threads may be within theirs
    assert fastnn.get_num_threads() == before
