"""Initial weights.

Every initialiser is ``f(shape, rng, dtype=np.float32, *, ...)`` and returns a new array. Numbers
are drawn in float64 and cast, so one state of ``rng`` gives the same weights in both types, to
rounding. Shapes are PyTorch's: ``(out, in, *kernel)``, with::

    fan_in = in * prod(kernel)      fan_out = out * prod(kernel)

PyTorch's ``nn.Linear`` starts from U(-1 / sqrt(fan_in), 1 / sqrt(fan_in)), which is none of the
published schemes: ``lecun_uniform`` with a gain of ``3 ** -0.5``.
"""

import math

import numpy as np

_RELU_GAIN = math.sqrt(2)


def xavier_uniform(shape, rng, dtype=np.float32, *, gain=1.0):
    """U(-a, a) with ``a = gain * sqrt(6 / (fan_in + fan_out))``.

    Keeps the variance of activations and of gradients alike, for activations that are about
    the identity around 0 (tanh, sigmoid, softmax). X. Glorot, Y. Bengio, Understanding the
    difficulty of training deep feedforward neural networks, 2010.

    Parameters
    ----------
    shape : tuple of int
        ``(out, in, *kernel)``.
    rng : numpy.random.Generator
        Where the numbers come from.
    dtype : float32 or float64
        What they become.
    gain : float
        A factor; 5 / 3 suits tanh.

    Returns
    -------
    ndarray

    Raises
    ------
    TypeError
        If rng or dtype is of another kind.
    ValueError
        If the shape has fewer than two dimensions or one of 0, or gain is negative.

    Examples
    --------
    >>> xavier_uniform((500, 250), np.random.default_rng(0)).std().round(2)  # (2 / 750) ** 0.5
    np.float32(0.05)
    """
    return _uniform_of_std(shape, rng, dtype, _std(gain, sum(fans(shape)) / 2))


def xavier_normal(shape, rng, dtype=np.float32, *, gain=1.0):
    """N(0, s²) with ``s = gain * sqrt(2 / (fan_in + fan_out))``; see :func:`xavier_uniform`.

    Examples
    --------
    >>> xavier_normal((500, 250), np.random.default_rng(0)).std().round(2)
    np.float32(0.05)
    """
    return normal(shape, rng, dtype, std=_std(gain, sum(fans(shape)) / 2))


def he_uniform(shape, rng, dtype=np.float32, *, gain=_RELU_GAIN):
    """U(-a, a) with ``a = gain * sqrt(3 / fan_in)``; see :func:`he_normal`.

    Examples
    --------
    >>> abs(he_uniform((100, 50), np.random.default_rng(0))).max() < (6 / 50) ** 0.5
    np.True_
    """
    return _uniform_of_std(shape, rng, dtype, _std(gain, fans(shape)[0]))


def he_normal(shape, rng, dtype=np.float32, *, gain=_RELU_GAIN):
    """N(0, s²) with ``s = gain / sqrt(fan_in)``.

    Keeps the variance of activations through layers of ReLU, which halves it (hence the gain).
    K. He, X. Zhang, S. Ren, J. Sun, Delving Deep into Rectifiers, 2015. PyTorch's
    ``kaiming_normal_`` with ``nonlinearity="relu"``.

    Parameters
    ----------
    shape, rng, dtype
        As in :func:`xavier_uniform`.
    gain : float
        ``sqrt(2 / (1 + slope ** 2))`` suits a leaky ReLU.

    Returns
    -------
    ndarray

    Raises
    ------
    TypeError, ValueError
        As :func:`xavier_uniform`.

    Examples
    --------
    >>> he_normal((100, 50), np.random.default_rng(0)).std().round(2)  # (2 / 50) ** 0.5
    np.float32(0.2)
    """
    return normal(shape, rng, dtype, std=_std(gain, fans(shape)[0]))


def lecun_uniform(shape, rng, dtype=np.float32, *, gain=1.0):
    """U(-a, a) with ``a = gain * sqrt(3 / fan_in)``; see :func:`lecun_normal`.

    Examples
    --------
    >>> abs(lecun_uniform((100, 50), np.random.default_rng(0))).max() < (3 / 50) ** 0.5
    np.True_
    """
    return he_uniform(shape, rng, dtype, gain=gain)


def lecun_normal(shape, rng, dtype=np.float32, *, gain=1.0):
    """N(0, s²) with ``s = gain / sqrt(fan_in)``.

    Keeps the variance of what enters a layer of linear units; SELU needs it. Y. LeCun,
    L. Bottou, G. B. Orr, K.-R. Müller, Efficient BackProp, 1998. Parameters, result and errors
    are those of :func:`he_normal`, which is the same with another gain.

    Examples
    --------
    >>> lecun_normal((100, 50), np.random.default_rng(0)).std().round(2)  # (1 / 50) ** 0.5
    np.float32(0.14)
    """
    return he_normal(shape, rng, dtype, gain=gain)


def normal(shape, rng, dtype=np.float32, *, std=0.01):
    """N(0, std²), for a shape of any number of dimensions.

    Raises
    ------
    TypeError, ValueError
        If rng, dtype or std is of another kind, or std is negative.

    Examples
    --------
    >>> normal((3,), np.random.default_rng(0), np.float64, std=1.0).round(3)
    array([ 0.126, -0.132,  0.64 ])
    """
    dtype = _check(rng, dtype, "std", std)
    return (std * rng.standard_normal(shape)).astype(dtype, copy=False)


def uniform(shape, rng, dtype=np.float32, *, limit=0.05):
    """U(-limit, limit), for a shape of any number of dimensions.

    Raises
    ------
    TypeError, ValueError
        If rng, dtype or limit is of another kind, or limit is negative.

    Examples
    --------
    >>> uniform((3,), np.random.default_rng(0), np.float64, limit=1.0).round(3)
    array([ 0.274, -0.46 , -0.918])
    """
    dtype = _check(rng, dtype, "limit", limit)
    return rng.uniform(-limit, limit, shape).astype(dtype, copy=False)


def zeros(shape, rng=None, dtype=np.float32):
    """Zeros; rng is not used.

    Examples
    --------
    >>> zeros((2,))
    array([0., 0.], dtype=float32)
    """
    return constant(shape, rng, dtype, value=0.0)


def constant(shape, rng=None, dtype=np.float32, *, value=0.0):
    """The same value everywhere; rng is not used.

    Examples
    --------
    >>> constant((2,), value=1.0)
    array([1., 1.], dtype=float32)
    """
    return np.full(shape, value, check_dtype(dtype))


INITIALISERS = {
    function.__name__: function
    for function in (
        xavier_uniform,
        xavier_normal,
        he_uniform,
        he_normal,
        lecun_uniform,
        lecun_normal,
        normal,
        uniform,
        zeros,
        constant,
    )
}

# The registry of activations says which scheme an activation wants; these are the forms in
# which the papers give it.
_SCHEMES = {"glorot": xavier_uniform, "he": he_normal, "lecun": lecun_normal}


def default_for(activation):
    """The initialiser for a layer whose output goes through an activation.

    Parameters
    ----------
    activation : str or None
        A name in the registry of activations; None, a linear output, gets
        :func:`xavier_uniform`.

    Returns
    -------
    callable
        :func:`xavier_uniform`, :func:`he_normal` or :func:`lecun_normal`.

    Raises
    ------
    ValueError
        If there is no such activation.

    Examples
    --------
    >>> default_for(None).__name__
    'xavier_uniform'
    """
    if activation is None:
        return xavier_uniform
    # Not at the top: the registry imports more than initialisers need.
    from fastnn.registry import ACTIVATIONS

    if activation not in ACTIVATIONS:
        names = ", ".join(ACTIVATIONS)
        raise ValueError(f"activation: expected one of {names}, got {activation!r}")
    return _SCHEMES[ACTIVATIONS[activation].init]


def resolve(init):
    """An initialiser from its name, or itself.

    Parameters
    ----------
    init : str or callable
        A name in ``INITIALISERS``, or a function ``(shape, rng, dtype) -> ndarray``.

    Returns
    -------
    callable

    Raises
    ------
    ValueError
        If there is no such name.
    TypeError
        If it is neither.

    Examples
    --------
    >>> resolve("he_normal") is he_normal
    True
    """
    if callable(init):
        return init
    if not isinstance(init, str):
        raise TypeError(f"init: expected a name or a function, got {init!r}")
    if init not in INITIALISERS:
        raise ValueError(f"init: expected one of {', '.join(INITIALISERS)}, got {init!r}")
    return INITIALISERS[init]


def fans(shape):
    """How many inputs an output sees, and how many outputs an input reaches.

    Parameters
    ----------
    shape : tuple of int
        ``(out, in, *kernel)``.

    Returns
    -------
    (fan_in, fan_out)

    Raises
    ------
    ValueError
        If the shape has fewer than two dimensions or one of 0.

    Examples
    --------
    >>> fans((32, 3, 5, 5))
    (75, 800)
    """
    if len(shape) < 2 or min(shape) < 1:
        raise ValueError(f"shape: expected (out, in, *kernel), all of 1 or above, got {shape}")
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def _std(gain, fan):
    _check_scale("gain", gain)
    return gain / math.sqrt(fan)


def _uniform_of_std(shape, rng, dtype, std):
    return uniform(shape, rng, dtype, limit=math.sqrt(3) * std)


def _check(rng, dtype, name, scale):
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng: expected a numpy.random.Generator, got {type(rng).__name__}")
    _check_scale(name, scale)
    return check_dtype(dtype)


def _check_scale(name, scale):
    if not 0 <= scale < math.inf:
        raise ValueError(f"{name}: expected a finite number of 0 or above, got {scale}")
