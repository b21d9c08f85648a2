"""How many threads fastnn uses.

The default is what the process may use: ``FASTNN_NUM_THREADS``, else ``OMP_NUM_THREADS``, else
the CPUs of the affinity mask within the control group's quota. A limit that threadpoolctl or
joblib sets later holds as well. After a ``fork`` the child stays on one thread, because the
OpenMP runtime hangs there when the parent had threads.
"""

import contextlib
import math
import os
import threading

from fastnn import _engine

_CGROUP_FILES = ("/sys/fs/cgroup/cpu.max",)


def _cgroup_cpus() -> int | None:
    """The CPUs that the control group's quota is worth, rounded up; None without a quota."""
    for name in _CGROUP_FILES:
        try:
            with open(name, encoding="ascii") as file:
                quota, period = file.read().split()[:2]
            return max(1, math.ceil(int(quota) / int(period)))
        except (OSError, ValueError, ZeroDivisionError):
            continue
    return None


def _available_cpus() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # not on every platform
    cpus = len(affinity(0)) if affinity else os.cpu_count() or 1
    return min(cpus, _cgroup_cpus() or cpus)


def _default() -> int:
    if not _engine.has_openmp():
        return 1
    for name in ("FASTNN_NUM_THREADS", "OMP_NUM_THREADS"):
        # OMP_NUM_THREADS may be a list, a number for each level of nesting.
        text = os.environ.get(name, "").split(",")[0].strip()
        if not text:
            continue
        if text.isdecimal() and int(text) > 0:
            return int(text)
        if name == "FASTNN_NUM_THREADS":
            raise ImportError(f"{name}: expected a positive whole number, got {text!r}")
    return _available_cpus()


def set_num_threads(n: int) -> None:
    """Set the number of threads that kernels and training may use.

    Results do not depend on it: the same seed gives the same bits on any number of threads.

    Parameters
    ----------
    n : int
        At least 1. More than the machine has CPUs is allowed and seldom wise.

    Raises
    ------
    TypeError, ValueError
        If `n` is not a whole number, or is below 1.

    Examples
    --------
    >>> import fastnn
    >>> before = fastnn.get_num_threads()
    >>> fastnn.set_num_threads(1)
    >>> fastnn.get_num_threads()
    1
    >>> fastnn.set_num_threads(before)
    """
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"n: expected a whole number, got {type(n).__name__}")
    n = n.__index__()
    if not 1 <= n <= 1024:
        raise ValueError(f"n: expected 1 to 1024 threads, got {n}")
    global _wanted
    _wanted = n if _engine.has_openmp() else 1
    _engine.set_threads(_wanted)


def get_num_threads() -> int:
    """The number of threads that the next call may use: the one set, or less where a limit of
    threadpoolctl or joblib is in force, or 1 in the child of a fork."""
    return _engine.get_threads()


@contextlib.contextmanager
def limit_threads(n: int | None):
    """Use `n` threads for a while, if not None. Where several of Python's threads ask at the same
    time the last number holds, until all are done."""
    global _borrowers, _before
    if n is None:
        yield
        return
    with _lock:
        if _borrowers == 0:
            _before = _wanted
        _borrowers += 1
        set_num_threads(n)
    try:
        yield
    finally:
        with _lock:
            _borrowers -= 1
            if _borrowers == 0:
                set_num_threads(_before)


_lock = threading.Lock()
_borrowers = 0  # blocks of limit_threads that are open
_before = _wanted = _default()
_engine.set_threads(_wanted)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_engine.after_fork_in_child)
