"""What the docstrings of the array API have in common."""

import inspect

RAISES = """Raises
------
TypeError
    If an array is not a NumPy array of float32 or float64, or dtypes are mixed.
ValueError
    If shapes do not fit, if an array to be written is not C-contiguous, is read-only or overlaps
    another in part, or if a number is out of its range."""

WEIGHT = """sample_weight : ndarray, optional
    A finite weight >= 0 for each row, shape (N,), dtype of the rows. Default: ones. A row of
    weight 0 counts for nothing, whatever it holds."""

LOSS = f"""Parameters
----------
pred, target : ndarray of float32 or float64
    One shape (N, ...): a row for each sample.
{WEIGHT}
grad_out : ndarray, optional
    Where the gradient goes; may be `pred` itself.

Returns
-------
loss : float
    The mean of each row, then the weighted mean over rows; 0.0 if the weights sum to 0.
grad : ndarray
    Its gradient with respect to `pred`: `grad_out`, or a new array.

{RAISES}"""

ARRAYS = """param : ndarray of float32 or float64
    Any shape; changed.
grad : ndarray
    Like `param`."""

AVERAGES = f"""{ARRAYS}
exp_avg, exp_avg_sq : ndarray
    Like `param`, zeros before the first step; changed."""

ADAM = """betas : pair of float, default (0.9, 0.999)
    Decays of the two averages, in [0, 1).
eps : float, default 1e-8
    >= 0."""

DECOUPLED = """decoupled : bool, default False
    Whether weight_decay shrinks the parameters by itself or adds to the gradient."""


def completed(function):
    """Fill the shared parts into a docstring, where it names them in braces."""
    if function.__doc__:  # python -OO strips them
        function.__doc__ = inspect.cleandoc(function.__doc__).format(
            raises=RAISES, weight=WEIGHT, loss=LOSS, arrays=ARRAYS, averages=AVERAGES, adam=ADAM,
            decoupled=DECOUPLED,
        )  # fmt: skip
    return function
