"""One step of Adam and of its relatives, in place."""

from fastnn import _settings
from fastnn.functional._docs import completed
from fastnn.functional._step import leaves, update

__all__ = ["adam_update", "adamax_update", "nadam_update", "radam_update"]

_ADAM, _ADAMAX, _NADAM, _RADAM = map(leaves, ("adam", "adamax", "nadam", "radam"))


@completed
def adam_update(
    param,
    grad,
    exp_avg,
    exp_avg_sq,
    max_exp_avg_sq=None,
    *,
    step,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.0,
    decoupled=False,
    amsgrad=False,
    eps_hat=False,
):
    """One step of Adam, or of AdamW if decoupled, in place.

    With g = grad + weight_decay param, or if decoupled g = grad and
    param = (1 - lr weight_decay) param beforehand::

        exp_avg = beta1 exp_avg + (1 - beta1) g
        exp_avg_sq = beta2 exp_avg_sq + (1 - beta2) g^2
        m = exp_avg / (1 - beta1^step)
        v = exp_avg_sq / (1 - beta2^step)
        param = param - lr m / (sqrt(v) + eps)

    If amsgrad, max_exp_avg_sq = max(max_exp_avg_sq, exp_avg_sq) takes the place of exp_avg_sq in
    v: the average before its correction, as in PyTorch.

    If eps_hat, eps is added before the correction, which makes it smaller in the first steps::

        m = sqrt(1 - beta2^step) / (1 - beta1^step) exp_avg
        param = param - lr m / (sqrt(exp_avg_sq) + eps)

    Parameters
    ----------
    {averages}
    max_exp_avg_sq : ndarray, optional
        Likewise. Needed if amsgrad, else unused.
    step : int
        1 for the first step.
    lr : float, default 1e-3
        Learning rate, >= 0.
    {adam}
    weight_decay : float, default 0.0
        >= 0.
    {decoupled}
    amsgrad : bool, default False
        Whether steps never grow again where gradients have been large.
    eps_hat : bool, default False
        Whether eps is the epsilon hat of the paper (end of its section 2), as in Keras,
        scikit-learn, thinc and much textbook code.

    {raises}

    Notes
    -----
    PyTorch's formulas of Adam and AdamW. Kingma and Ba, Adam: A Method for Stochastic
    Optimization, 2015; Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019;
    amsgrad: Reddi, Kale and Kumar, On the Convergence of Adam and Beyond, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import functional
    >>> param, grad = np.array([1.0, 2.0]), np.array([0.5, -0.5])
    >>> functional.adam_update(param, grad, np.zeros(2), np.zeros(2), step=1, lr=0.25)
    >>> param.round(6)
    array([0.75, 2.25])
    """
    config = _settings.adam(betas, eps, weight_decay, decoupled, eps_hat)
    step = _settings.step(step)
    third = {"max_exp_avg_sq": max_exp_avg_sq} if _settings.flag("amsgrad", amsgrad) else {}
    update(_ADAM, config, lr, step, param, grad, exp_avg=exp_avg, exp_avg_sq=exp_avg_sq, **third)


@completed
def adamax_update(
    param,
    grad,
    exp_avg,
    exp_inf,
    *,
    step,
    lr=2e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.0,
):
    """One step of AdaMax, in place: Adam with the largest gradient in place of the mean square.

    With g = grad + weight_decay param::

        exp_avg = beta1 exp_avg + (1 - beta1) g
        exp_inf = max(beta2 exp_inf, |g| + eps)
        param = param - lr / (1 - beta1^step) exp_avg / exp_inf

    Parameters
    ----------
    {arrays}
    exp_avg, exp_inf : ndarray
        Like `param`, zeros before the first step; changed.
    step : int
        1 for the first step.
    lr : float, default 2e-3
        Learning rate, >= 0.
    {adam}
    weight_decay : float, default 0.0
        Factor of an L2 penalty, >= 0.

    {raises}

    Notes
    -----
    PyTorch's formula; the paper has no eps. With eps 0, an element whose gradients have all been
    0 becomes NaN. Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015, section 7.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import functional
    >>> param, grad = np.array([1.0, 2.0]), np.array([0.5, -0.5])
    >>> functional.adamax_update(param, grad, np.zeros(2), np.zeros(2), step=1, lr=0.25)
    >>> param.round(6)
    array([0.75, 2.25])
    """
    config = _settings.adamax(betas, eps, weight_decay)
    step = _settings.step(step)
    update(_ADAMAX, config, lr, step, param, grad, exp_avg=exp_avg, exp_inf=exp_inf)


@completed
def nadam_update(
    param,
    grad,
    exp_avg,
    exp_avg_sq,
    *,
    step,
    lr=2e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.0,
    momentum_decay=4e-3,
    decoupled=False,
):
    """One step of NAdam, in place: Adam with Nesterov's momentum, which warms up.

    With exp_avg, exp_avg_sq, v and g as in `adam_update`,
    mu(t) = beta1 (1 - 0.96^(t momentum_decay) / 2), and P the product of mu(1) ... mu(step)::

        m = (1 - mu(step)) / (1 - P) g + mu(step + 1) / (1 - P mu(step + 1)) exp_avg
        param = param - lr m / (sqrt(v) + eps)

    Parameters
    ----------
    {averages}
    step : int
        1 for the first step.
    lr : float, default 2e-3
        Learning rate, >= 0.
    {adam}
    weight_decay : float, default 0.0
        >= 0.
    momentum_decay : float, default 4e-3
        How soon momentum reaches beta1, >= 0.
    {decoupled}

    {raises}

    Notes
    -----
    PyTorch's formula; P comes from `step` and not from an argument. Dozat, Incorporating Nesterov
    Momentum into Adam, 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import functional
    >>> param, grad = np.array([1.0, 2.0]), np.array([0.5, -0.5])
    >>> functional.nadam_update(param, grad, np.zeros(2), np.zeros(2), step=1, lr=0.25)
    >>> param.round(6)
    array([0.735887, 2.264113])
    """
    config = _settings.nadam(betas, eps, weight_decay, momentum_decay, decoupled)
    step = _settings.step(step)
    update(_NADAM, config, lr, step, param, grad, exp_avg=exp_avg, exp_avg_sq=exp_avg_sq)


@completed
def radam_update(
    param,
    grad,
    exp_avg,
    exp_avg_sq,
    *,
    step,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.0,
    decoupled=False,
):
    """One step of RAdam, in place: Adam whose first steps are rectified.

    With exp_avg, exp_avg_sq, m and g as in `adam_update`, n = 2 / (1 - beta2) - 1 and
    k = n - 2 step beta2^step / (1 - beta2^step)::

        r = sqrt((k - 4) (k - 2) n / ((n - 4) (n - 2) k))
        param = param - lr m r sqrt(1 - beta2^step) / (sqrt(exp_avg_sq) + eps)    if k > 5
        param = param - lr m                                                      else

    Parameters
    ----------
    {averages}
    step : int
        1 for the first step.
    lr : float, default 1e-3
        Learning rate, >= 0.
    {adam}
    weight_decay : float, default 0.0
        >= 0.
    {decoupled}

    {raises}

    Notes
    -----
    PyTorch's formula. Liu et al., On the Variance of the Adaptive Learning Rate and Beyond, 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import functional
    >>> param, grad = np.array([1.0, 2.0]), np.array([0.5, -0.5])
    >>> functional.radam_update(param, grad, np.zeros(2), np.zeros(2), step=1, lr=0.25)
    >>> param.round(6)
    array([0.875, 2.125])
    """
    config = _settings.radam(betas, eps, weight_decay, decoupled)
    step = _settings.step(step)
    update(_RADAM, config, lr, step, param, grad, exp_avg=exp_avg, exp_avg_sq=exp_avg_sq)
