"""Loads libraries that have threads, NumPy's OpenBLAS and the engine's libgomp, with settings
that let them live side by side.

Environment variables are set while a library loads, which is when it reads them, and put back
afterwards. What the user has set stays, and so does what is loaded already.
"""

import contextlib
import os


@contextlib.contextmanager
def _environment(*others, **variables):
    """Set these variables, unless one of them or of the others is set."""
    if any(name in os.environ for name in (*others, *variables)):
        yield
        return
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            del os.environ[name]


# After a product OpenBLAS's threads wait busily for the next one, 2^26 cycles by default, and a
# step of fastnn's has the other CPUs only in part: of a NumPy product in turn with a step of
# 2.3 ms, 3.2 ms alone, 5.5 ms became. With 2^10 cycles 3.2 ms stay. Only if fastnn comes first.
with _environment(OPENBLAS_THREAD_TIMEOUT="10"):
    import numpy  # noqa: F401

# At the end of a parallel region libgomp waits for every thread, busily for several
# milliseconds, and the kernel moves no thread to a CPU that is busy waiting: with other work on
# the machine, a call of 50 us took 8 ms. Sleeping sooner, it takes 200 us.
with _environment("OMP_WAIT_POLICY", GOMP_SPINCOUNT="300"):
    from fastnn import _engine  # noqa: F401
