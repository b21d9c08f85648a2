"""Options of metrics against scikit-learn, to the last digit: weights, normalization, averages."""

import re

import numpy as np
import pytest
from peers import peer
from test_metrics import AVERAGES, CASES, every_case

from fastnn import metrics

sk = peer("sklearn.metrics")


def mostly_zero(rng, n):
    """So that classes are left without any weight."""
    w = rng.random(n) * (rng.random(n) < 0.3)
    w[0] = 1.5
    return w


WEIGHTS = {
    "none": lambda rng, n: None,
    "floats": lambda rng, n: rng.random(n) + 0.01,
    "integers": lambda rng, n: rng.integers(1, 9, n),
    "mostly zero": mostly_zero,
}
every_weight = pytest.mark.parametrize("kind", WEIGHTS)


def weights(kind, n):
    return WEIGHTS[kind](np.random.default_rng(7), n)


@every_case
@every_weight
@pytest.mark.parametrize("normalize", [True, False])
def test_accuracy(case, kind, normalize):
    pair = CASES[case]
    options = {"normalize": normalize, "sample_weight": weights(kind, len(pair[0]))}
    assert metrics.accuracy(*pair, **options) == sk.accuracy_score(*pair, **options)


@every_case
@every_weight
@pytest.mark.parametrize("normalize", [None, "true", "pred", "all"])
@pytest.mark.filterwarnings("ignore:A single label was found")
def test_confusion_matrix(case, kind, normalize):
    pair = CASES[case]
    options = {"normalize": normalize, "sample_weight": weights(kind, len(pair[0]))}
    ours, theirs = metrics.confusion_matrix(*pair, **options), sk.confusion_matrix(*pair, **options)
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)
    if case == "ten classes":
        np.testing.assert_array_equal(
            metrics.confusion_matrix(*pair, labels=[7, 2, 31], **options),
            sk.confusion_matrix(*pair, labels=[7, 2, 31], **options),
        )


@every_case
@every_weight
@pytest.mark.parametrize("zero_division", [0.0, 1.0, np.nan])
@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("labels", [None, [2, 0]])
def test_precision_recall_f1(case, kind, average, zero_division, labels):
    pair = CASES[case]
    options = {
        "average": average, "zero_division": zero_division, "labels": labels,
        "sample_weight": weights(kind, len(pair[0])),
    }  # fmt: skip
    ours = metrics.precision_recall_f1(*pair, **options)
    theirs = sk.precision_recall_fscore_support(*pair, **options)[:3]
    np.testing.assert_array_equal(ours, theirs)
    for own, expected in zip((metrics.precision, metrics.recall, metrics.f1), ours, strict=True):
        np.testing.assert_array_equal(own(*pair, **options), expected)


BINARY = {
    "mixed": ([0, 1, 1, 0, 1, 0, 1], [0, 1, 0, 0, 1, 1, 1]),
    "plus and minus": ([-1, 1, 1, -1], [1, 1, -1, -1]),
    "never predicted": ([0, 1, 1], [0, 0, 0]),
    "never true": ([0, 0, 0], [0, 1, 1]),
    "all positive": ([1, 1], [1, 1]),
    "all negative": ([0, 0], [0, 0]),
}


@every_weight
@pytest.mark.parametrize("case", BINARY)
@pytest.mark.parametrize("zero_division", [0.0, 1.0, np.nan])
@pytest.mark.parametrize("positive", ["low", "high"])
def test_binary_average(case, kind, zero_division, positive):
    pair = BINARY[case]
    low = -1 if case == "plus and minus" else 0
    label = 1 if positive == "high" else low
    options = {
        "average": "binary", "pos_label": label, "zero_division": zero_division,
        "sample_weight": weights(kind, len(pair[0])),
    }  # fmt: skip
    ours = metrics.precision_recall_f1(*pair, **options)
    theirs = sk.precision_recall_fscore_support(*pair, **options)[:3]
    np.testing.assert_array_equal(ours, theirs)
    assert all(type(score) is float for score in ours)


@every_weight
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("distinct", [2, 10_000])  # few distinct scores: many ties
def test_top_k_accuracy(kind, normalize, distinct):
    rng = np.random.default_rng(1)
    y, scores = rng.integers(0, 8, 400), rng.integers(0, distinct, (400, 8)) / distinct
    y[y == 5] = 3  # a class that never occurs
    options = {"normalize": normalize, "sample_weight": weights(kind, 400)}
    for k in (1, 3, 7):
        theirs = sk.top_k_accuracy_score(y, scores, k=k, labels=range(8), **options)
        assert metrics.top_k_accuracy(y, scores, k, **options) == theirs


@every_weight
@pytest.mark.parametrize(
    "multioutput", ["uniform_average", "variance_weighted", "raw_values", [0.2, 0.0, 3.0]]
)
@pytest.mark.parametrize("constant", ["none", "one", "all"])
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_r2_score(kind, multioutput, constant, noise):
    rng = np.random.default_rng(2)
    y = rng.normal(3, 2, (101, 3))
    y[:, {"none": [], "one": [1], "all": [0, 1, 2]}[constant]] = 4.0
    p = y + noise * rng.normal(size=y.shape)
    options = {"multioutput": multioutput, "sample_weight": weights(kind, 101)}
    np.testing.assert_array_equal(metrics.r2_score(y, p, **options), sk.r2_score(y, p, **options))


@every_case
@pytest.mark.parametrize("kind", ["floats", "integers"])
def test_weighted_report(case, kind):
    pair = CASES[case]
    weight = weights(kind, len(pair[0]))
    ours = metrics.classification_metrics(*pair, sample_weight=weight)
    theirs = sk.classification_report(
        *pair, sample_weight=weight, output_dict=True, zero_division=0
    )
    for name, row in ours["classes"].items():
        assert row == {
            "precision": theirs[name]["precision"], "recall": theirs[name]["recall"],
            "f1": theirs[name]["f1-score"], "support": theirs[name]["support"],
        }  # fmt: skip
    assert ours["accuracy"] == sk.accuracy_score(*pair, sample_weight=weight)
    for average in ("macro", "weighted"):
        assert ours[average]["f1"] == theirs[f"{average} avg"]["f1-score"]
    lines = metrics.classification_report(*pair, sample_weight=weight).splitlines()
    assert [re.split(" {2,}", line.strip())[0] for line in lines[2 : 2 + len(ours["classes"])]] == [
        *ours["classes"]
    ]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda w: metrics.accuracy([0, 1], [0, 1], sample_weight=w), ValueError, "sample_weight"),
        (lambda w: metrics.r2_score([0, 1], [0, 1], sample_weight=w), ValueError, "sample_weight"),
    ],
)
@pytest.mark.parametrize("bad", [[1], [1, -1], [0, 0], [1, np.nan], [1, np.inf], [[1, 2]]])
def test_weights_out_of_range(call, error, message, bad):
    with pytest.raises(error, match=message):
        call(bad)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: metrics.precision([0, 1, 2], [0, 1, 2], average="binary"),
            ValueError,
            "average: expected another than 'binary' .* got 3",
        ),
        (
            lambda: metrics.recall([0, 2], [0, 2], average="binary"),
            ValueError,
            r"pos_label: expected one of \[0, 2\], got 1",
        ),
        (
            lambda: metrics.confusion_matrix([0], [0], normalize="rows"),
            ValueError,
            "normalize: .* got 'rows'",
        ),
        (
            lambda: metrics.r2_score([[1], [2]], [[1], [2]], multioutput="mean"),
            ValueError,
            "multioutput: .* got 'mean'",
        ),
        (
            lambda: metrics.r2_score([[1], [2]], [[1], [2]], multioutput=[1, 2]),
            ValueError,
            r"multioutput: expected shape \(1,\), got \(2,\)",
        ),
        (
            lambda: metrics.accuracy([0], [0], sample_weight=["a"]),
            TypeError,
            "sample_weight: expected numbers",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
