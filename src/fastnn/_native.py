"""Loads what `_engine` is linked to, and `_engine` itself, before anything else asks for it.

OpenBLAS is in the wheel of scipy-openblas32; once it is loaded, the dynamic linker finds it by
its soname, and no path is written into fastnn's own files. Two environment variables are set
while libraries load, which is when they read them, and put back afterwards.
"""

import contextlib
import ctypes
import glob
import importlib.util
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


def _load_openblas() -> ctypes.CDLL:
    # The package says where its library is, but importing it takes longer than all of fastnn.
    spec = importlib.util.find_spec("scipy_openblas32")
    folders = spec.submodule_search_locations if spec else []
    files = [
        path
        for folder in folders
        for path in sorted(glob.glob(os.path.join(folder, "lib", "*scipy_openblas*")))
        if path.endswith((".so", ".dylib", ".dll"))
    ]
    if not files:
        where = ", ".join(folders) or "this environment"
        raise ImportError(
            "fastnn needs the OpenBLAS of the package scipy-openblas32, but found none in "
            f"{where}; reinstall scipy-openblas32"
        )
    return ctypes.CDLL(files[0])


# fastnn calls OpenBLAS on slabs from threads of its own.
with _environment(OPENBLAS_NUM_THREADS="1"):
    openblas = _load_openblas()

# At the end of a parallel region libgomp waits for every thread, busily for several
# milliseconds, and the kernel moves no thread to a CPU that is busy waiting: with other work on
# the machine, a call of 50 us took 8 ms. Sleeping sooner, it takes 200 us. A policy that the
# user has set stays; where libgomp is loaded already, what it has read stays too.
_policy = (
    {} if {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & set(os.environ) else {"GOMP_SPINCOUNT": "300"}
)
with _environment(**_policy):
    from fastnn import _engine  # noqa: F401
