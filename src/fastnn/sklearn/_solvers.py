"""scikit-learn's solvers as fastnn's optimizers."""

import copy

from sklearn.neural_network._stochastic_optimizers import BaseOptimizer, SGDOptimizer

from fastnn.optim import OPTIMIZERS, SGD, Adam, Optimizer


def make_optimizer(estimator) -> Optimizer:
    """The optimizer that an estimator asks for. A given one is copied: parameters of estimators
    stay as they are."""
    asked = estimator.optimizer
    if isinstance(asked, Optimizer):
        return copy.deepcopy(asked)
    around = {"sample_l2": float(estimator.alpha)}
    lr = float(estimator.learning_rate_init)
    if asked is not None:
        return OPTIMIZERS[asked](lr=lr, **around)
    if estimator.solver == "adam":
        betas = (float(estimator.beta_1), float(estimator.beta_2))
        return Adam(lr, betas, float(estimator.epsilon), eps_hat=True, **around)
    momentum = float(estimator.momentum)
    return SGD(lr, momentum, bool(estimator.nesterovs_momentum and momentum > 0), **around)


def make_rates(estimator, lr: float) -> BaseOptimizer:
    """What knows the learning rate, epoch by epoch, and whether training shall end: scikit-learn's
    own object, without the arrays of its optimizers. The estimator's `_optimizer`."""
    if estimator.solver != "sgd" or estimator.optimizer is not None:
        return BaseOptimizer(lr)
    return SGDOptimizer([], lr, estimator.learning_rate, power_t=estimator.power_t)


def rescale_velocity(optimizer: Optimizer, model, factor: float) -> None:
    """scikit-learn's velocity has the learning rate in it and fastnn's hasn't: where the rate
    changes, this keeps what the past adds to the next step."""
    state = optimizer.state_dict()
    if "momentum_buffer" in state:
        state["momentum_buffer"] *= factor
        optimizer.load_state_dict(state, model)
