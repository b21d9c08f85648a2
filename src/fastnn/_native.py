"""Loads `_engine`, and with it libgomp, before anything else asks for it.

An environment variable is set while libgomp loads, which is when it reads it, and put back
afterwards.
"""

import contextlib
import os


@contextlib.contextmanager
def _environment(**variables):
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


# At the end of a parallel region libgomp waits for every thread, busily for several
# milliseconds, and the kernel moves no thread to a CPU that is busy waiting: with other work on
# the machine, a call of 50 us took 8 ms. Sleeping sooner, it takes 200 us. A policy that the
# user has set stays; where libgomp is loaded already, what it has read stays too.
_policy = (
    {} if {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & set(os.environ) else {"GOMP_SPINCOUNT": "300"}
)
with _environment(**_policy):
    from fastnn import _engine  # noqa: F401
