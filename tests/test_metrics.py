"""Metrics against scikit-learn, to the last digit."""

import json
import re

import numpy as np
import pytest
from peers import peer

from fastnn import metrics

sk = peer("sklearn.metrics")

AVERAGES = [None, "micro", "macro", "weighted"]


def cases():
    """(y_true, y_pred): many classes, rare ones, gaps, classes on one side only, all wrong."""
    rng = np.random.default_rng(0)
    yield "ten classes", rng.integers(0, 10, 997), rng.integers(0, 10, 997)
    yield "good", *(lambda y: (y, np.where(rng.random(500) < 0.9, y, 2)))(rng.integers(0, 7, 500))
    yield "gaps and negatives", rng.choice([-3, 2, 40], 60), rng.choice([-3, 2, 41], 60)
    yield "never predicted", rng.integers(0, 5, 50), np.zeros(50, int)
    yield "never true", np.zeros(50, int), rng.integers(0, 5, 50)
    yield "all wrong", np.array([0, 1, 2]), np.array([1, 2, 0])
    yield "one example", np.array([3]), np.array([3])


CASES = {name: (y_true, y_pred) for name, y_true, y_pred in cases()}
every_case = pytest.mark.parametrize("case", CASES)


@every_case
def test_accuracy(case):
    assert metrics.accuracy(*CASES[case]) == sk.accuracy_score(*CASES[case])


@every_case
@pytest.mark.filterwarnings("ignore:A single label was found")
def test_confusion_matrix(case):
    matrix = metrics.confusion_matrix(*CASES[case])
    assert matrix.dtype == np.int64
    np.testing.assert_array_equal(matrix, sk.confusion_matrix(*CASES[case]))


@pytest.mark.parametrize("labels", [[2, 0, 1], [9, 3], [5, 77, 1]])
def test_chosen_labels(labels):
    pair = CASES["ten classes"]
    np.testing.assert_array_equal(
        metrics.confusion_matrix(*pair, labels=labels), sk.confusion_matrix(*pair, labels=labels)
    )
    for average in AVERAGES:
        ours = metrics.precision_recall_f1(*pair, average=average, labels=labels)
        theirs = sk.precision_recall_fscore_support(
            *pair, average=average, labels=labels, zero_division=0
        )
        np.testing.assert_array_equal(ours, theirs[:3])


@every_case
@pytest.mark.parametrize("zero_division", [0.0, 1.0, np.nan])
@pytest.mark.parametrize("average", AVERAGES)
def test_precision_recall_f1(case, average, zero_division):
    options = {"average": average, "zero_division": zero_division}
    ours = metrics.precision_recall_f1(*CASES[case], **options)
    theirs = sk.precision_recall_fscore_support(*CASES[case], **options)[:3]
    np.testing.assert_array_equal(ours, theirs)
    if average is not None:
        assert all(type(score) is float for score in ours)


@every_case
def test_report(case):
    theirs = sk.classification_report(*CASES[case], zero_division=0)
    # Where nothing is right, scikit-learn prints the numbers of examples as 3.0.
    theirs = re.sub(r" (\d+)\.0\n", r"   \1\n", theirs)
    assert metrics.classification_report(*CASES[case]) == theirs


@pytest.mark.parametrize("longest", [4, 30])
def test_report_with_names(longest):
    pair = CASES["good"]
    names = [f"name {i:>{longest}}" for i in range(9)]  # two of them never occur
    assert metrics.classification_report(*pair, names) == sk.classification_report(
        *pair, labels=range(9), target_names=names, zero_division=0
    )


@every_case
def test_classification_metrics(case):
    y_true, y_pred = CASES[case]
    ours = json.loads(json.dumps(metrics.classification_metrics(y_true, y_pred)))
    theirs = sk.classification_report(y_true, y_pred, output_dict=True, zero_division=0)
    labels = [str(label) for label in np.union1d(y_true, y_pred)]
    assert list(ours["classes"]) == labels
    rows = [(ours["classes"][label], theirs[label]) for label in labels]
    rows += [(ours[name], theirs[f"{name} avg"]) for name in ("macro", "weighted")]
    for our_row, their_row in rows:
        assert our_row["precision"] == their_row["precision"]
        assert our_row["recall"] == their_row["recall"]
        assert our_row["f1"] == their_row["f1-score"]
        assert our_row["support"] == their_row["support"]
    assert ours["accuracy"] == theirs["accuracy"]
    # With every class counted, all of the micro averages are the accuracy.
    assert ours["micro"]["f1"] == ours["accuracy"]
    assert np.sum(ours["confusion_matrix"]) == len(y_true)


@pytest.mark.parametrize("distinct", [3, 10_000])  # few distinct scores: many ties
def test_top_k_accuracy(distinct):
    rng = np.random.default_rng(1)
    y, scores = rng.integers(0, 8, 400), rng.integers(0, distinct, (400, 8)) / distinct
    for k in range(1, 8):
        theirs = sk.top_k_accuracy_score(y, scores, k=k, labels=range(8))
        assert metrics.top_k_accuracy(y, scores, k) == theirs
    assert metrics.top_k_accuracy(y, scores, 8) == 1.0


@pytest.mark.parametrize("shape", [(2,), (501,), (501, 1), (333, 4)])
@pytest.mark.parametrize("noise", [0.0, 0.1, 10.0])
def test_r2_score(shape, noise):
    rng = np.random.default_rng(2)
    y = rng.normal(3, 2, shape)
    p = y + noise * rng.normal(size=shape)
    assert metrics.r2_score(y, p) == sk.r2_score(y, p)


def test_r2_score_of_constants():
    y = np.array([[1.0, 2.0, 0.0], [1.0, 2.0, 1.0]])
    p = np.array([[1.0, 2.5, 0.0], [1.0, 2.0, 0.5]])
    assert metrics.r2_score(y, p) == sk.r2_score(y, p)


def test_scores_and_one_hot_stand_for_classes():
    rng = np.random.default_rng(3)
    y, scores = rng.integers(0, 4, 90), rng.normal(size=(90, 4)).astype(np.float32)
    expected = sk.accuracy_score(y, scores.argmax(axis=1))
    assert metrics.accuracy(np.eye(4)[y], scores) == expected
    assert metrics.as_labels(y.astype(np.uint8)).dtype == np.int64
    np.testing.assert_array_equal(metrics.as_labels([True, False]), [1, 0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: metrics.accuracy([0.0], [0]), TypeError, "y_true: .* got float64"),
        (lambda: metrics.accuracy([0, 1], [0]), ValueError, "y_pred: expected 2 rows .* got 1"),
        (lambda: metrics.accuracy([], []), ValueError, "y_true: .*not empty"),
        (lambda: metrics.accuracy([[[0]]], [0]), ValueError, r"y_true: .*got \(1, 1, 1\)"),
        (lambda: metrics.accuracy([0, 1], [[0, 1], [np.nan, 1]]), ValueError, "NaN in row 1"),
        (
            lambda: metrics.confusion_matrix([0], [0], labels=[1, 1]),
            ValueError,
            r"labels: expected each class once, got \[1, 1\]",
        ),
        (
            lambda: metrics.precision_recall_f1([0], [0], average="mean"),
            ValueError,
            "average: .*got 'mean'",
        ),
        (lambda: metrics.top_k_accuracy([0], [[1, 2]], 3), ValueError, "k: expected 1 to 2, got 3"),
        (lambda: metrics.top_k_accuracy([2], [[1, 2]], 1), ValueError, "y_true: expected classes"),
        (lambda: metrics.top_k_accuracy([0], [[1, np.nan]], 1), ValueError, "scores: .*NaN"),
        (lambda: metrics.top_k_accuracy([0], [1], 1), ValueError, r"scores: .*got \(1,\)"),
        (lambda: metrics.r2_score([1.0], [1.0]), ValueError, "at least 2 examples, got 1"),
        (lambda: metrics.r2_score([1, 2], [[1], [2]]), ValueError, r"y_pred: .*got \(2, 1\)"),
        (
            lambda: metrics.classification_metrics([0, 2], [0, 1], ["a", "b"]),
            ValueError,
            "y_true: expected 0 to 1, .*got 0 to 2",
        ),
        (
            lambda: metrics.classification_metrics([0], [0], ["a", "a"]),
            ValueError,
            "classes: expected different names",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
