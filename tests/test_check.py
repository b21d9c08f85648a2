"""The checks by themselves; test_functional has their messages as users meet them."""

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnn import _check, _settings

MEMORY = np.zeros(40, np.float32)
PLACES = np.arange(40)

slices = st.builds(
    slice,
    st.none() | st.integers(0, 39),
    st.none() | st.integers(0, 39),
    st.sampled_from([None, 1, 2, 3, 7, -1, -2]),
)


@given(slices, st.integers(0, 39), st.booleans())
def test_overlap_is_that_of_the_elements(cut, start, may_be):
    """What target accepts, against the sets of the places in memory."""
    read = MEMORY[cut]
    stop = start + len(read)
    if stop > len(MEMORY):
        start, stop = 0, len(read)
    written, where = MEMORY[start:stop], PLACES[start:stop]
    common = set(PLACES[cut]) & set(where)
    same = np.array_equal(PLACES[cut], where)
    allowed = not common or (may_be and same)
    arguments = {"may_be" if may_be else "not_be": {"x": read}}
    if allowed:
        _check.target("out", written, written.shape, written.dtype, **arguments)
    else:
        with pytest.raises(ValueError, match=r"^out: expected .*apart from"):
            _check.target("out", written, written.shape, written.dtype, **arguments)
    # The quick answers may send an array to the close look, but never let an overlap pass.
    assert not (_check.apart(written, read) and common)
    assert not (_check.beside(written, read) and common and not same)


def test_quick_answers_know_the_ordinary_case():
    a, b = np.zeros((3, 4)), np.zeros((3, 4))
    assert _check.plain(a)
    assert _check.apart(a, b)
    assert not _check.apart(a, a)
    assert _check.beside(a, a)
    assert _check.beside(a, b)


@pytest.mark.parametrize(
    "unusual",
    [
        np.zeros((3, 4), np.float16),
        np.zeros((3, 4), ">f8"),
        np.zeros((4, 3)).T,
        np.zeros((3, 8))[:, ::2],
        np.zeros((3, 4)).view(np.matrix),
        np.frombuffer(bytes(96)).reshape(3, 4),
        [[0.0] * 4] * 3,
        None,
    ],
    ids=["half", "byte order", "transposed", "strided", "subclass", "read-only", "list", "None"],
)
def test_quick_answers_leave_the_rest_to_the_close_look(unusual):
    assert not _check.plain(unusual)


def test_inputs_come_back_contiguous_and_plain():
    x = np.arange(12.0).reshape(3, 4)
    misaligned = np.zeros(97, np.uint8)[1:].view(np.float64).reshape(3, 4)
    misaligned[...] = x
    for a in (x.copy("F"), x[::-1, ::-1].copy()[::-1, ::-1], x.view(np.matrix), misaligned):
        (ready,) = _check.inputs(x=a)
        assert type(ready) is np.ndarray
        assert ready.flags.carray
        np.testing.assert_array_equal(ready, x)
    (ready,) = _check.inputs(x=x)
    assert ready is x
    read_only = np.frombuffer(bytes(8)).reshape(())
    assert _check.inputs(x=read_only)[0].shape == ()


def test_misaligned_target():
    misaligned = np.zeros(97, np.uint8)[1:].view(np.float64)
    with pytest.raises(ValueError, match="out: expected an aligned, C-contiguous array"):
        _check.target("out", misaligned, (12,), misaligned.dtype)


@pytest.mark.parametrize(
    "value", [1, 0.5, np.float32(0.5), np.int8(1), np.float64(0), Fraction(1, 3)]
)
def test_number_accepts_any_real(value):
    result = _settings.number("lr", value, _settings.NONNEGATIVE)
    assert type(result) is float
    assert result == pytest.approx(float(value))


@pytest.mark.parametrize("value", [True, np.True_, "1", None, 1j, np.ones(1), [1]])
def test_number_rejects_the_rest(value):
    with pytest.raises(TypeError, match="lr: expected a finite number >= 0, got "):
        _settings.rate(value)


@pytest.mark.parametrize(
    ("kind", "inside", "outside"),
    [
        (_settings.FINITE, [-1e300, 0, 1e300], [np.inf, -np.inf, np.nan]),
        (_settings.NONNEGATIVE, [0, 1e300], [-1e-300, np.inf, np.nan]),
        (_settings.POSITIVE, [1e-300, 1e300], [0, -1, np.inf, np.nan]),
        (_settings.DECAY, [0, 0.999], [-1e-300, 1, np.nan]),
        (_settings.SHARE, [0, 1], [-1e-300, 1.001, np.nan]),
    ],
)
def test_ranges(kind, inside, outside):
    for value in inside:
        assert _settings.number("a", value, kind) == value
    for value in outside:
        with pytest.raises(ValueError, match=re.escape(f"a: expected {kind[0]}")):
            _settings.number("a", value, kind)


def test_settings_are_checked_even_where_an_equal_one_was_seen():
    """1 == True: memory must not take one for the other."""
    assert _settings.sgd(1, False, 0) == (1.0, 0.0, 0.0)
    with pytest.raises(TypeError, match="momentum: expected a finite number >= 0, got bool"):
        _settings.sgd(True, False, 0)
    expected = (0.5, 0.75, 1e-8, 0.0, 1.0, 0.0)
    assert _settings.adam([0.5, 0.75], 1e-8, 0.0, True, False) == expected
    with pytest.raises(TypeError, match="decoupled: expected a bool, got int"):
        _settings.adam((0.5, 0.75), 1e-8, 0.0, 1, False)


@pytest.mark.parametrize("value", [1, np.int32(1), np.uint8(7), 10**9])
def test_step(value):
    assert type(_settings.step(value)) is int
    assert _settings.step(value) == value


def test_first_bad_label_is_named():
    with pytest.raises(ValueError, match=r"\[0, 3\), got -5 at index 1$"):
        _check.classes(np.array([2, -5, 3]), 3, 3)
    labels = np.array([2, 0, 1])
    assert _check.classes(labels, 3, 3) is labels
