"""Calls of the engine over arrays that come with every run."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fastnn import _engine
from fastnn._dispatch import table

FLOAT64 = np.dtype(np.float64)


def product(inputs=7, outputs=5):
    """y = x W for x (rows, inputs)."""
    call = ("linear_backward_input", 8, (None, table("product")[FLOAT64]), (0, 1, 2),
            (outputs, inputs, 0, 1), ())  # fmt: skip
    sizes = (inputs * 8, 0), (0, inputs * outputs * 8), (outputs * 8, 0)
    return _engine.Procedure([call], sizes, (2,), _engine.PRODUCT_BYTES)


def arrays(rng, rows=3, inputs=7, outputs=5):
    shapes = (rows, inputs), (inputs, outputs), (rows, outputs)
    return tuple(rng.standard_normal(shape) for shape in shapes)


def test_runs_with_other_arrays_and_rows_each_time(rng, threads):
    procedure = product(300, 200)
    for rows in (1, 64, 0, 7):
        x, weight, y = arrays(rng, rows, 300, 200)
        procedure.run(rows, (x, weight, y))
        np.testing.assert_allclose(y, x @ weight, rtol=0, atol=300 * 1e-15)


def test_more_threads_later(rng):
    before = _engine.get_threads()
    procedure = product(300, 200)
    results = []
    try:
        for threads in (1, 2, 1):
            _engine.set_threads(threads)
            x, weight, y = arrays(np.random.default_rng(0), 64, 300, 200)
            procedure.run(64, (x, weight, y))
            results.append(y)
    finally:
        _engine.set_threads(before)
    assert results[0].tobytes() == results[1].tobytes() == results[2].tobytes()


def test_several_python_threads_at_once(rng):
    procedure = product(300, 200)

    def run(seed):
        x, weight, y = arrays(np.random.default_rng(seed), 64, 300, 200)
        for _ in range(50):
            y[...] = 0
            procedure.run(64, (x, weight, y))
            np.testing.assert_allclose(y, x @ weight, rtol=0, atol=300 * 1e-15)
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(run, range(4)))


UNFIT = {
    "too few rows": lambda a: a[:-1],
    "too many": lambda a: np.concatenate([a, a]),
    "gaps": lambda a: np.repeat(a, 2, axis=0)[::2],
    "Fortran's order": np.asfortranarray,
    "a smaller type": lambda a: a.astype(np.float32),
    "foreign byte order": lambda a: a.astype(">f8"),
    "a list": lambda a: a.tolist(),
    "a subclass": lambda a: a.view(np.ma.MaskedArray),
    "nothing": lambda a: None,
}


@pytest.mark.parametrize("unfit", UNFIT.values(), ids=list(UNFIT))
@pytest.mark.parametrize("which", range(3))
def test_arrays_that_do_not_fit_are_refused_untouched(rng, which, unfit):
    given = list(arrays(rng))
    y = given[2].copy()
    given[which] = unfit(given[which])
    with pytest.raises(ValueError, match=rf"arrays\[{which}\]: expected an ordinary array of"):
        product().run(3, tuple(given))
    if which < 2:
        assert (given[2] == y).all()


def test_read_only_arrays_are_read_but_not_written(rng):
    x, weight, y = arrays(rng)
    for a in (x, weight):
        a.flags.writeable = False
    product().run(3, (x, weight, y))
    y.flags.writeable = False
    with pytest.raises(ValueError, match=r"arrays\[2\]"):
        product().run(3, (x, weight, y))


def test_mistakes_of_the_maker(rng):
    x, weight, y = arrays(rng)
    with pytest.raises(ValueError, match="arrays: expected 3, got 2"):
        product().run(3, (x, weight))
    with pytest.raises(ValueError, match="rows: expected at least 0, got -1"):
        product().run(-1, (x, weight, y))
    with pytest.raises(ValueError, match="numbers of 1 arrays"):
        _engine.Procedure([("map", 8, (None,), (0, 1), (3,), ())], ((8, 0),), (0,), 0)
    with pytest.raises(RuntimeError, match="made once"):
        product().__init__([], (), (), 0)
