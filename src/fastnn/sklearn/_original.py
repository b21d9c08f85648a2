"""scikit-learn's own perceptrons, and the places in them where the face steps in."""

import inspect

try:
    import sklearn
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.neural_network._multilayer_perceptron import BaseMultilayerPerceptron
except ImportError as error:
    raise ImportError(
        "fastnn.sklearn needs scikit-learn 1.7 or newer: pip install 'scikit-learn>=1.7'",
        name="sklearn",
    ) from error

__all__ = ["BaseMultilayerPerceptron", "MLPClassifier", "MLPRegressor"]

_OLDEST = (1, 7)  # the first whose perceptrons know sample_weight and Poisson's loss

# Methods of scikit-learn's that the face overrides or calls, and their arguments.
_BUFFERS = "activations deltas coef_grads intercept_grads"
_SEAMS = {
    BaseMultilayerPerceptron: {
        "_initialize": "y layer_units dtype",
        "_init_coef": "fan_in fan_out dtype",
        "_fit": "X y sample_weight incremental",
        "_fit_stochastic": f"X y sample_weight {_BUFFERS} layer_units incremental",
        "_loss_grad_lbfgs": f"packed_coef_inter X y sample_weight {_BUFFERS}",
        "_unpack": "packed_parameters",
        "_forward_pass_fast": "X check_input",
        "_check_solver": "",
    },
    MLPClassifier: {
        "_validate_input": "X y incremental reset",
        "_predict": "X check_input",
        "partial_fit": "X y sample_weight classes",
    },
    MLPRegressor: {
        "_validate_input": "X y incremental reset",
        "_predict": "X check_input",
        "partial_fit": "X y sample_weight",
    },
}


def check_version(version: str, seams: dict) -> None:
    """Raise ImportError where scikit-learn is too old, or has moved what the face holds on to."""
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST:
        raise ImportError(
            f"fastnn.sklearn needs scikit-learn 1.7 or newer, got {version}: "
            "pip install --upgrade 'scikit-learn>=1.7'",
            name="sklearn",
        )
    for cls, methods in seams.items():
        for name, arguments in methods.items():
            method = getattr(cls, name, None)
            found = None
            if method is not None:
                found = " ".join(list(inspect.signature(method).parameters)[1:])
            if found != arguments:
                raise ImportError(
                    f"fastnn.sklearn does not support scikit-learn {version}: expected a method "
                    f"{cls.__name__}.{name} with arguments ({arguments}), got "
                    + ("none" if found is None else f"one with ({found})"),
                    name="sklearn",
                )


check_version(sklearn.__version__, _SEAMS)
