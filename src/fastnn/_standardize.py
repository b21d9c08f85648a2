"""Scaling data for training, and folding it into a model's weights afterwards."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Standardization:
    """``(values - mean) / scale`` by column, mean 0 and standard deviation 1 afterwards.

    Attributes
    ----------
    mean, scale : ndarray of float64, of the shape of a row
    """

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, values) -> "Standardization":
        """That of the rows of an array. A column that never changes is only shifted to 0."""
        mean = values.mean(axis=0, dtype=np.float64)
        scale = values.std(axis=0, dtype=np.float64)
        # Not 0: the mean of equal numbers can be off by their rounding.
        constant = scale <= 1e-10 * abs(mean)
        return cls(mean, np.where(constant, 1.0, scale))

    def apply(self, values, dtype) -> np.ndarray:
        return ((values - self.mean) / self.scale).astype(dtype)

    def fold_into_input(self, layer) -> None:
        """Let a `Linear` that was trained on scaled inputs take them as they are:
        ``W' = W / scale``, ``b' = b - W' mean``."""
        weight = layer.weight.data / self.scale
        layer.bias.set(layer.bias.data - weight @ self.mean)
        layer.weight.set(weight)

    def fold_into_output(self, layer) -> None:
        """Let a `Linear` that was trained to give scaled numbers give them as they are:
        ``W' = scale W``, ``b' = scale b + mean``."""
        scale = np.atleast_1d(self.scale)
        layer.weight.set(scale[:, None] * layer.weight.data)
        layer.bias.set(scale * layer.bias.data + self.mean)
