"""A data set that comes with the package; digits.md tells its source and licence."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from fastnn.data.split import train_test_split
from fastnn.data.tables import load_csv

_SEED = 0
_TEST_SIZE = 360  # a fifth


def load_digits():
    """The optical digits of Alpaydin and Kaynak: 1,797 images of 8x8 pixels in ten classes.

    Returns
    -------
    Dataset
        x is float32 (N, 64), the pixels row by row from 0 (paper) to 1 (ink), in steps of
        1/16. 1,437 examples are to train on and 360 to test, split by class with seed 0; the
        split is a part of the data set.

    Notes
    -----
    E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository, 1998, CC BY 4.0. scikit-learn's ``load_digits`` has the same images, unsplit
    and from 0 to 16.

    Examples
    --------
    >>> digits = load_digits()
    >>> digits
    Dataset 'digits': 1437 to train, 360 to test, examples (64,) float32, 10 classes
    >>> images = digits.x_train.reshape(-1, 1, 8, 8)  # for a convolution
    """
    whole = load_csv(Path(__file__).with_name("digits.csv.gz"), "label")
    x, y = whole.x_train / np.float32(16), whole.y_train
    x_train, x_test, y_train, y_test = train_test_split(
        x, y, test_size=_TEST_SIZE, stratify=y, seed=_SEED
    )
    return replace(whole, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
