"""Loads the OpenBLAS that ``_engine`` is linked to, before ``_engine`` is imported.

The library is in the wheel of scipy-openblas32; once it is loaded, the dynamic linker finds it
by its soname, and no path is written into fastnn's own files.
"""

import ctypes
import os
from pathlib import Path

import scipy_openblas32


def _load() -> ctypes.CDLL:
    folder = Path(scipy_openblas32.get_lib_dir())
    stem = scipy_openblas32.get_library()
    files = [p for p in sorted(folder.glob(f"*{stem}.*")) if p.suffix in (".so", ".dylib", ".dll")]
    if not files:
        raise ImportError(
            f"fastnn needs the OpenBLAS of scipy-openblas32, but {folder} holds no {stem} library; "
            "reinstall scipy-openblas32"
        )
    # fastnn calls it on slabs from threads of its own, so it needs none; the library reads the
    # variable once, while it loads.
    name = "OPENBLAS_NUM_THREADS"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        return ctypes.CDLL(str(files[0]))
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


library = _load()
