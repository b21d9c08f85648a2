"""How fast this machine can be: bandwidth of memory, and of arithmetic in matrix products.

The streams are plain NumPy, cut into a part for each thread (NumPy lets go of the GIL), so that
fastnn's kernels are measured against something that is not fastnn. Bytes are counted as
STREAM does (McCalpin 1995), what the program reads and writes; a cache line that is fetched only
to be overwritten does not count.

=======  ====================================  =====  ======
stream   per element                           reads  writes
=======  ====================================  =====  ======
copy     y = x, or y = c x                         1       1
add      z = x + y                                 2       1
adam     m *= c; v *= c; p += g                    4       3
=======  ====================================  =====  ======

``adam`` reads and writes the arrays of an Adam update, 28 bytes an element, each line once, and
what it writes it has read before, so that nothing is fetched in vain: the traffic of the update
without its arithmetic. Streams run both whole and in blocks, so that ``adam`` goes through its
arrays one after the other or through all four together; the best way and the best of many
repetitions count. Python needs a moment to start its threads, so that a kernel may come out a
little better than its bound.

``gemm`` is the best that matrix products reach, a slab of rows a thread: NumPy's BLAS on large
square matrices, or fastnn's own kernel on matrices in cache, whichever is faster.

``python -m benchmarks.bounds`` prints them.
"""

import ctypes
import functools
import itertools
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import threadpoolctl

import fastnn
from benchmarks import QUICK
from fastnn import _dispatch

# 64 MB an array, as the largest kernel benchmarks have.
_ELEMENTS = 2**16 if QUICK else 2**24
_MATRIX = 256 if QUICK else 2048
_REPEATS = 2 if QUICK else 25
# Elements of a block, where a stream runs in blocks.
_BLOCKS = (2**14, 2**16)

# Rows and columns of a product that stays in a core's caches.
_TILE = 96


def _parts(size: int, threads: int) -> list[slice]:
    """A contiguous part for each thread, at cache lines of float32."""
    edges = [size * i // threads // 16 * 16 for i in range(threads)] + [size]
    return [slice(begin, end) for begin, end in itertools.pairwise(edges)]


def _best_seconds(work: Callable[[slice], object], size: int, threads: int) -> float:
    """Of the fastest repetition of ``work`` on all parts at once."""
    parts, times = _parts(size, threads), []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(_REPEATS):
            begin = time.perf_counter()
            list(pool.map(work, parts))
            times.append(time.perf_counter() - begin)
    return min(times)


def _blocked(work: Callable[[slice], object], block: int, part: slice) -> None:
    for begin in range(part.start, part.stop, block):
        work(slice(begin, min(begin + block, part.stop)))


def streams(threads: int) -> dict[str, float]:
    """GB/s of each stream."""
    # Written before they are timed: untouched memory is one page of zeros.
    x, y, m, v = (np.full(_ELEMENTS, value, np.float32) for value in (1, 2, 3, 4))
    keep = np.float32(0.999)

    def copy(part):
        np.copyto(y[part], x[part])

    def scale(part):
        np.multiply(x[part], keep, out=y[part])

    def add(part):
        np.add(x[part], m[part], out=y[part])

    def adam(part):
        np.multiply(m[part], keep, out=m[part])
        np.multiply(v[part], keep, out=v[part])
        np.add(y[part], x[part], out=y[part])

    def fastest(arrays, *works):
        blocked = [functools.partial(_blocked, work, n) for work in works for n in _BLOCKS]
        seconds = min(_best_seconds(way, _ELEMENTS, threads) for way in (*works, *blocked))
        return 4 * arrays * _ELEMENTS / seconds / 1e9

    return {"copy": fastest(2, copy, scale), "add": fastest(3, add), "adam": fastest(7, adam)}


def gemm(threads: int) -> float:
    """GFLOP/s of float32 products: the better of NumPy's of large square matrices, and of
    fastnn's of matrices that lie in a core's own caches."""
    n = _MATRIX
    a, b, c = (np.ones((n, n), np.float32) for _ in range(3))
    product = _fastnn_product()
    small = [np.ones((_TILE, _TILE), np.float32)] * 3
    copies = [[array.copy() for array in small] for _ in range(threads)]

    def numpy_rows(part):
        np.matmul(a[part], b, out=c[part])

    def fastnn_blocks(part):
        x, y, out = (array.ctypes.data for array in copies[part.start * threads // n])
        for _ in range(part.start, part.stop):
            product(*(_TILE,) * 3, x, _TILE, 1, y, _TILE, 1, 1.0, False, out, _TILE, None, None)

    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        large = 2 * n**3 / _best_seconds(numpy_rows, n, threads)
    return max(large, 2 * n * _TILE**3 / _best_seconds(fastnn_blocks, n, threads)) / 1e9


def _fastnn_product() -> Callable:
    """The product's kernel itself (its signature is in _leaf.pxd), on the calling thread."""
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    size, address = ctypes.c_ssize_t, ctypes.c_void_p
    matrix = (address, size, size)
    signature = ctypes.CFUNCTYPE(
        *(None, size, size, size, *matrix, *matrix, ctypes.c_double, ctypes.c_int),
        *(address, size, address, address),
    )
    return signature(get(_dispatch.table("product")[np.dtype(np.float32)], b"fastnn.product"))


def cache_bytes() -> int:
    """The size of the largest cache; where the system does not tell, 32 MB."""
    units = {"K": 2**10, "M": 2**20}
    texts = [
        p.read_text().strip() for p in Path("/sys/devices/system/cpu/cpu0/cache").glob("*/size")
    ]
    return max((int(text[:-1]) * units[text[-1]] for text in texts), default=32 * 2**20)


def measure() -> dict[str, dict[str, float]]:
    """GB/s of the streams and GFLOP/s of ``gemm``, by number of threads: one, and fastnn's."""
    counts = sorted({1, fastnn.get_num_threads()})
    return {str(n): streams(n) | {"gemm": gemm(n)} for n in counts}


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
