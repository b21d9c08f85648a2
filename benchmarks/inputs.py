"""What kernels are measured on: sizes, and inputs that come out alike in every process.

Workers read this, so that it imports NumPy and nothing else.
"""

import numpy as np

from benchmarks import QUICK

# From a core's first cache to main memory: 4 KB, 400 KB, 4 MB and 64 MB an array.
_COUNTS = (1_000, 10_000) if QUICK else (1_000, 100_000, 1_000_000, 16_000_000)
FLAT = tuple((n,) for n in _COUNTS)
ROWS = tuple((n // 100, 100) for n in _COUNTS)
CLASSES = ((128, 10),) if QUICK else ((128, 10), (512, 1000), (1024, 32000))


def normal(rng, shape) -> np.ndarray:
    return rng.standard_normal(shape, np.float32)


def x(rng, shape) -> tuple:
    return (normal(rng, shape),)


def grad_and_saved(function, rng, shape) -> tuple:
    """A gradient, and the inputs x of a function, or with a function its output."""
    inputs = normal(rng, shape)
    return normal(rng, shape), inputs if function is None else function(inputs)


def logits_and_labels(rng, shape) -> tuple:
    return normal(rng, shape), rng.integers(0, shape[1], shape[0])


def parameters(states, rng, shape) -> tuple:
    """Parameters, gradients and optimizer state, which may be anything not below zero."""
    state = (rng.random(shape, np.float32) for _ in range(states))
    return normal(rng, shape), normal(rng, shape), *state
