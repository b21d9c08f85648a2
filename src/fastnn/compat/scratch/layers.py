"""The book's ``common.layers``: what nets are made of."""

import numpy as np

from fastnn.compat.scratch import functions as _functions
from fastnn.compat.scratch._convolution import Convolution, Pooling
from fastnn.compat.scratch._dense import Affine, Dropout, Relu, Sigmoid, SoftmaxWithLoss
from fastnn.compat.scratch._normalization import BatchNormalization
from fastnn.compat.scratch.functions import *  # noqa: F403
from fastnn.compat.scratch.util import col2im, im2col

# Scripts say `from common.layers import *` and go on with all of these, np included.
__all__ = [
    "Affine",
    "BatchNormalization",
    "Convolution",
    "Dropout",
    "Pooling",
    "Relu",
    "Sigmoid",
    "SoftmaxWithLoss",
    "col2im",
    "im2col",
    "np",
    *_functions.__all__,
]
