"""Looking inside a model: what layers put out, the gradients there, and what they want to see."""

from fastnn.inspection.check import GradientError, GradientReport, check_gradients
from fastnn.inspection.dream import dream, resize
from fastnn.inspection.histograms import Distribution, Histograms
from fastnn.inspection.probe import Probe, activations, gradients, input_gradient
from fastnn.inspection.rates import RateCurve, find_lr

__all__ = [
    "Distribution",
    "GradientError",
    "GradientReport",
    "Histograms",
    "Probe",
    "RateCurve",
    "activations",
    "check_gradients",
    "dream",
    "find_lr",
    "gradients",
    "input_gradient",
    "resize",
]
