"""fastnn's deformed images."""

import fastnn
from benchmarks.images import ANGLE, ELASTIC

VERSION = fastnn.__version__
IMAGES = 4096


def deformer(kind, x):
    settings = {}
    if kind != "elastic":
        settings["rotation"] = ANGLE
    if kind != "affine":
        settings["elastic"] = ELASTIC
    augment = fastnn.data.Augment(**settings)
    return lambda: augment(x, dtype="float32")
