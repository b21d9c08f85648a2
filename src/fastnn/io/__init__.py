"""Model files and tensor files, both safetensors; pictures."""

from fastnn.io.model import load, load_metadata, save
from fastnn.io.png import save_png, tile
from fastnn.io.tensors import load_tensors, save_tensors

__all__ = ["load", "load_metadata", "load_tensors", "save", "save_png", "save_tensors", "tile"]


def __getattr__(name):
    if name == "torch":  # seldom needed
        import importlib

        return importlib.import_module("fastnn.io.torch")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
