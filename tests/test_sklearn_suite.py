"""scikit-learn's judges of its perceptrons, on fastnn's: its own tests of them, and its checks of
all estimators."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

pytest.importorskip("sklearn", minversion="1.7")

from sklearn.utils.estimator_checks import parametrize_with_checks

from fastnn.sklearn import MLPClassifier, MLPRegressor

# Tests of scikit-learn's that fastnn's classes can't pass, each with its reason. There are none.
EXCLUDED: dict[str, str] = {}


def outcomes(folder, *options) -> dict[str, str]:
    """What becomes of each of scikit-learn's tests in a process of its own."""
    report = folder / "report.xml"
    command = [
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options,
        "--pyargs", "sklearn.neural_network.tests.test_mlp", f"--junit-xml={report}",
    ]  # fmt: skip
    paths = [str(Path(__file__).parent), *sys.path]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    if not report.exists():
        pytest.fail(done.stdout[-2000:] + done.stderr[-2000:])
    return {
        case.get("name"): case[0].tag if len(case) else "passed"
        for case in ET.parse(report).iter("testcase")
    }


def test_scikit_learns_own_tests_pass(tmp_path):
    expected = outcomes(tmp_path)
    found = outcomes(tmp_path, "-p", "sklearn_plugin")
    assert len(expected) > 50
    assert set(expected.values()) <= {"passed", "skipped"}
    assert found == expected | dict.fromkeys(EXCLUDED, "failure")


def decreasing(step):
    return 0.01 / (1 + step / 100)


# Penalties keep outputs apart from 0 and 1, which a check wants of probabilities.
CHECKED = [
    MLPClassifier(max_iter=50),
    MLPRegressor(max_iter=50),
    MLPClassifier(solver="lbfgs", alpha=0.5),
    MLPRegressor(solver="sgd", max_iter=50, n_threads=1),
    MLPClassifier(
        (20, 10), activation=("gelu", "logistic"), optimizer="adamw", learning_rate_init=0.01
    ),
    MLPRegressor("huber", max_iter=50, schedule=decreasing),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(CHECKED)
def test_estimators_are_scikit_learns(estimator, check):
    check(estimator)
