"""What users put in place of an estimator's arrays, and what they hand over as targets."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

pytest.importorskip("sklearn", minversion="1.7")

from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier as Original
from sklearn.neural_network import MLPRegressor as OriginalRegressor

from fastnn.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    return x[:200] / 16, y[:200]


@pytest.fixture
def both(digits):
    """Ours and scikit-learn's, alike but for rounding."""
    ours, theirs = (
        cls((12,), max_iter=2, random_state=0).fit(*digits) for cls in (MLPClassifier, Original)
    )
    for name in ("coefs_", "intercepts_"):
        setattr(ours, name, [array.copy() for array in getattr(theirs, name)])
    return ours, theirs


def check(both, x):
    ours, theirs = (estimator.predict_proba(x) for estimator in both)
    assert ours.dtype == theirs.dtype
    # Some roundings of sums of 64 products; where one factor is wider NumPy multiplies in float32
    # before it, and fastnn in float64 from the beginning.
    narrow = x.dtype == np.float32 or ours.dtype == np.float32
    tolerance = 1e-5 if narrow else 1e-10
    assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("of_data", ["f8", "f4"])
@pytest.mark.parametrize("dtype", ["f4", ">f8", ">f4", "i8", "?"])
@pytest.mark.parametrize("name", ["coefs_", "intercepts_"])
def test_one_array_of_another_type(both, digits, name, dtype, of_data):
    for estimator in both:
        arrays = getattr(estimator, name)
        arrays[0] = (10 * arrays[0]).astype(dtype)
    check(both, digits[0].astype(of_data))


def test_all_arrays_of_another_type(both, digits):
    for estimator in both:
        for arrays in (estimator.coefs_, estimator.intercepts_):
            arrays[:] = [array.astype("f4") for array in arrays]
    for dtype in ("f4", "f8"):
        check(both, digits[0].astype(dtype))


@pytest.mark.parametrize("shape", [(1,), ()], ids=str)
def test_intercepts_that_numpy_adds(both, digits, shape):
    for estimator in both:
        estimator.intercepts_[0] = np.full(shape, 0.25)
    check(both, digits[0])


@pytest.mark.parametrize("shape", [(3,), (1000,), (12, 1), (0,)], ids=str)
def test_intercepts_of_other_shapes_are_an_error(both, digits, shape):
    for estimator in both:
        estimator.intercepts_[0] = np.zeros(shape)
        with pytest.raises(ValueError, match=r"broadcast|dimensions"):
            estimator.predict(digits[0])
        with pytest.raises(ValueError, match=r"broadcast|dimensions"):
            estimator.partial_fit(*digits)


def test_more_outputs_than_intercepts_are_an_error(both, digits):
    for estimator in both:
        estimator.coefs_[1] = np.hstack([estimator.coefs_[1]] * 2)
        with pytest.raises(ValueError, match=r"broadcast|dimensions"):
            estimator.predict_proba(digits[0])


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_regressors_refuse_strings(digits, solver):
    x, y = digits
    for cls, message in ((MLPRegressor, "y: expected numbers"), (OriginalRegressor, "ufunc")):
        estimator = cls(hidden_layer_sizes=(3,), solver=solver, max_iter=1)
        with pytest.raises(TypeError, match=message):
            estimator.fit(x, y.astype(str))
