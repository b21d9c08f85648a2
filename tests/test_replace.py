"""docs/replace.md: both sides of every pair give the same, and the page has the measured ones."""

import re
from pathlib import Path

import numpy as np
import pytest

pytestmark = [pytest.mark.checkout, pytest.mark.usefixtures("quick_suite")]

TEXT = Path(__file__).resolve().parents[1] / "docs" / "replace.md"
TITLES = (
    re.findall(r"^#+ (.+)\n+```python before$", TEXT.read_text(encoding="utf-8"), re.MULTILINE)
    if TEXT.exists()
    else []
)


def pairs():
    from benchmarks.swaps import numpy

    return {pair.title: pair for pair in numpy.PAIRS}


def test_every_pair_is_whole_and_known():
    from benchmarks.swaps.numpy import blocks

    assert len(TITLES) >= 12
    assert list(pairs()) == TITLES
    found = blocks()
    assert {title for title in found if "given" not in found[title]} == set(TITLES)
    for title in TITLES:
        assert found[title].keys() == {"before", "after", "use"}


@pytest.mark.parametrize("title", TITLES)
def test_both_sides_give_the_same(title):
    from benchmarks.swaps import SIDES
    from benchmarks.swaps.numpy import prepare

    pair = pairs()[title]
    before, after = (prepare(pair, side)() for side in SIDES)
    if pair.of_results is not None:
        assert np.all(pair.of_results(before))
        assert np.all(pair.of_results(after))
        return
    for name in pair.results:
        near = {"rtol": pair.rtol, "atol": pair.atol}  # reasons: Pair
        np.testing.assert_allclose(after[name], before[name], **near, err_msg=name)
        assert np.asarray(after[name]).std() > 0 or name == "loss"
        if isinstance(before[name], np.ndarray):
            assert after[name].dtype == before[name].dtype == np.float32


@pytest.mark.parametrize("title", TITLES)
def test_fastnns_side_is_fastnns(title):
    from benchmarks.swaps.numpy import blocks

    both = blocks()[title]
    assert "fastnn" in both["after"]
    assert "fastnn" not in both["before"] + both["use"]


def test_a_swap_runs_the_pages_lines_anew():
    from benchmarks.swaps.numpy import PAIRS, SWAPS

    by_name = {swap.name: swap for swap in SWAPS}
    assert list(by_name) == [pair.title for pair in PAIRS]
    run = by_name["SGD with momentum"].prepare("fastnn")
    assert np.array_equal(run(), run())


def test_the_page_has_a_figure_for_each():
    rows = re.findall(r"^\| (.+?) \|.*\| \d[\d.]* \|$", TEXT.read_text("utf-8"), re.MULTILINE)
    assert [row.lower() for row in rows] == [title.lower() for title in TITLES]
