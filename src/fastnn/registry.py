"""The pointwise activations: one row each, which everything else reads.

``fastnn.functional``, the layers, the tests, the documentation and the error measurements go
through :data:`ACTIVATIONS`. An activation is its two leaves in ``kernels/activations.pxi``, its
line in ``_kernels.pyx``, its formula in ``reference/activations.py`` and its row here.
"""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Activation:
    """What there is to know about an activation.

    Attributes
    ----------
    name : str
        The name in ``fastnn.functional`` and of the leaves ``name.forward``, ``name.backward``.
    saves : {"x", "y"}
        What the backward pass reads: the input of the forward pass or its output. Where it is
        the output, a layer may work in place.
    formula, gradient : str
        f(x), and f'(x) in terms of ``saves``. NaN stays NaN in f, whatever the cases say.
    source : str
        Where it was proposed.
    init : {"he", "glorot", "lecun"}
        The weight initialisation that keeps the variance of signals through such layers.
    ulp : dict
        The measured worst error of (f, f') by dtype, in units in the last place of the exact
        result, at default parameters and over all instruction sets: for float32 over every
        input, for float64 over a sample (``benchmarks/ulp.py``). f' is taken as a function of
        ``saves``, before the multiplication by the incoming gradient.
    params : dict
        Name to default, in the order in which the kernel reads them.
    checks : tuple of (str, str, callable)
        A parameter, what it must satisfy in words of the parameters, and the same as a function
        of all of them by name.
    absolute : bool
        f' is a sum of two terms that cancels somewhere, and its error is counted in units in the
        last place of the larger term.
    note : str
        How it differs from PyTorch's.
    """

    name: str
    saves: str
    formula: str
    gradient: str
    source: str
    init: str
    ulp: dict[str, tuple[float, float]]
    params: dict[str, float] = field(default_factory=dict)
    checks: tuple[tuple[str, str, Callable[..., bool]], ...] = ()
    absolute: bool = False
    note: str = ""


def _ulp(forward32, backward32, forward64, backward64):
    return {"float32": (forward32, backward32), "float64": (forward64, backward64)}


_ROWS = (
    Activation(
        name="identity",
        saves="y",
        formula="x",
        gradient="1",
        source="Widrow and Hoff, 1960",
        init="glorot",
        ulp=_ulp(0, 0, 0, 0),
    ),
    Activation(
        name="step",
        saves="y",
        formula="1 if x >= 0 else 0",
        gradient="0",
        source="McCulloch and Pitts, 1943",
        init="glorot",
        ulp=_ulp(0, 0, 0, 0),
        note="torch.heaviside has the value at 0 as an argument, and no gradient.",
    ),
    Activation(
        name="relu",
        saves="y",
        formula="max(x, 0)",
        gradient="1 if y > 0 else 0",
        source="Nair and Hinton, 2010",
        init="he",
        ulp=_ulp(0, 0, 0, 0),
    ),
    Activation(
        name="leaky_relu",
        saves="y",
        formula="x if x > 0 else negative_slope * x",
        gradient="1 if y > 0 else negative_slope",
        source="Maas, Hannun and Ng, 2013",
        init="he",
        ulp=_ulp(0.5, 0, 0.5, 0),
        params={"negative_slope": 0.01},
        checks=(
            ("negative_slope", "negative_slope >= 0", lambda negative_slope: negative_slope >= 0),
        ),
        note="PyTorch takes a negative slope below 0 too, where the output does not tell the sign "
        "of the input.",
    ),
    Activation(
        name="relu6",
        saves="y",
        formula="min(max(x, 0), 6)",
        gradient="1 if 0 < y < 6 else 0",
        source="Krizhevsky, 2010",
        init="he",
        ulp=_ulp(0, 0, 0, 0),
    ),
    Activation(
        name="hardtanh",
        saves="y",
        formula="min(max(x, min_val), max_val)",
        gradient="1 if min_val < y < max_val else 0",
        source="Collobert, 2004",
        init="glorot",
        ulp=_ulp(0, 0, 0, 0),
        params={"min_val": -1.0, "max_val": 1.0},
        checks=(("max_val", "max_val > min_val", lambda min_val, max_val: max_val > min_val),),
    ),
    Activation(
        name="threshold",
        saves="x",
        formula="x if x > threshold else value",
        gradient="1 if x > threshold else 0",
        source="PyTorch",
        init="he",
        ulp=_ulp(0, 0, 0, 0),
        params={"threshold": 0.0, "value": 0.0},
        note="PyTorch has no defaults.",
    ),
    Activation(
        name="hardshrink",
        saves="y",
        formula="0 if |x| <= lambd else x",
        gradient="0 if y = 0 else 1",
        source="Donoho and Johnstone, 1994",
        init="glorot",
        ulp=_ulp(0, 0, 0, 0),
        params={"lambd": 0.5},
        checks=(("lambd", "lambd >= 0", lambda lambd: lambd >= 0),),
        note="PyTorch takes a lambd below 0 too, which does nothing.",
    ),
    Activation(
        name="softshrink",
        saves="y",
        formula="0 if |x| <= lambd else x - lambd sign(x)",
        gradient="0 if y = 0 else 1",
        source="Donoho, 1995",
        init="glorot",
        ulp=_ulp(0.5, 0, 0.5, 0),
        params={"lambd": 0.5},
        checks=(("lambd", "lambd >= 0", lambda lambd: lambd >= 0),),
    ),
    Activation(
        name="hardsigmoid",
        saves="x",
        formula="min(max(x + 3, 0), 6) / 6",
        gradient="1/6 if -3 < x < 3 else 0",
        source="Courbariaux, Bengio and David, 2015; this slope: Howard et al., 2019",
        init="glorot",
        ulp=_ulp(1, 0.34, 1, 0.34),
    ),
    Activation(
        name="hardswish",
        saves="x",
        formula="x min(max(x + 3, 0), 6) / 6",
        gradient="0 if x <= -3, 1 if x >= 3, else (2 x + 3) / 6",
        source="Howard et al., 2019",
        init="he",
        ulp=_ulp(1.88, 1, 1.86, 1),
        note="The limit 0 at -inf, where PyTorch has NaN.",
    ),
    Activation(
        name="softsign",
        saves="y",
        formula="x / (1 + |x|)",
        gradient="(1 - |y|)^2",
        source="Bergstra et al., 2009",
        init="glorot",
        ulp=_ulp(1.5, 1.92, 1.5, 1.92),
        note="The limits -1 and 1 at -inf and inf, where PyTorch has NaN.",
    ),
    Activation(
        name="elu",
        saves="y",
        formula="x if x > 0 else alpha (exp(x) - 1)",
        gradient="1 if y > 0 else y + alpha",
        source="Clevert, Unterthiner and Hochreiter, 2016",
        init="he",
        ulp=_ulp(1.01, 0.5, 1.12, 0.5),
        params={"alpha": 1.0},
        checks=(("alpha", "alpha >= 0", lambda alpha: alpha >= 0),),
        note="PyTorch takes an alpha below 0 too, where the output does not tell the sign of the "
        "input.",
    ),
    Activation(
        name="celu",
        saves="y",
        formula="x if x > 0 else alpha (exp(x / alpha) - 1)",
        gradient="1 if y > 0 else (y + alpha) / alpha",
        source="Barron, 2017",
        init="he",
        ulp=_ulp(1.01, 0.5, 1.12, 0.5),
        params={"alpha": 1.0},
        checks=(("alpha", "alpha > 0", lambda alpha: alpha > 0),),
        note="PyTorch takes an alpha below 0 too, where the output does not tell the sign of the "
        "input.",
    ),
    Activation(
        name="selu",
        saves="y",
        formula="s x if x > 0 else s a (exp(x) - 1), "
        "s = 1.0507009873554805, a = 1.6732632423543772",
        gradient="s if y > 0 else y + s a",
        source="Klambauer et al., 2017",
        init="lecun",
        ulp=_ulp(1.96, 0.7, 1.65, 0.57),
        absolute=True,
    ),
    Activation(
        name="sigmoid",
        saves="y",
        formula="1 / (1 + exp(-x))",
        gradient="y (1 - y)",
        source="Rumelhart, Hinton and Williams, 1986",
        init="glorot",
        ulp=_ulp(2.41, 1.5, 2.38, 1.5),
    ),
    Activation(
        name="log_sigmoid",
        saves="x",
        formula="-log(1 + exp(-x))",
        gradient="1 / (1 + exp(x))",
        source="Cox, 1958 (the logistic likelihood)",
        init="glorot",
        ulp=_ulp(2.04, 2.41, 1.94, 2.38),
    ),
    Activation(
        name="softplus",
        saves="x",
        formula="log(1 + exp(beta x)) / beta",
        gradient="1 / (1 + exp(-beta x))",
        source="Dugas et al., 2001",
        init="he",
        ulp=_ulp(2.04, 2.41, 1.94, 2.38),
        params={"beta": 1.0},
        checks=(("beta", "beta > 0", lambda beta: beta > 0),),
        note="No threshold above which it turns to x: the formula is exact for all x.",
    ),
    Activation(
        name="tanh",
        saves="y",
        formula="tanh(x)",
        gradient="1 - y^2",
        source="LeCun, Bottou, Orr and Müller, 1998",
        init="glorot",
        ulp=_ulp(1.09, 1.5, 1.02, 1.51),
    ),
    Activation(
        name="tanhshrink",
        saves="x",
        formula="x - tanh(x)",
        gradient="tanh(x)^2",
        source="PyTorch",
        init="glorot",
        ulp=_ulp(3.91, 3.39, 3.33, 2.91),
        note="Full relative precision around 0, where x - tanh(x) would cancel.",
    ),
    Activation(
        name="silu",
        saves="x",
        formula="x / (1 + exp(-x))",
        gradient="s + x s (1 - s), s = 1 / (1 + exp(-x))",
        source="Elfwing, Uchibe and Doya, 2018",
        init="he",
        ulp=_ulp(2.78, 3.08, 2.51, 2.82),
        absolute=True,
        note="The limit 0 at -inf, where PyTorch has NaN.",
    ),
    Activation(
        name="mish",
        saves="x",
        formula="x tanh(log(1 + exp(x)))",
        gradient="t + x (1 - t^2) / (1 + exp(-x)), t = tanh(log(1 + exp(x)))",
        source="Misra, 2020",
        init="he",
        ulp=_ulp(3.95, 3.97, 3.43, 3.46),
        absolute=True,
        note="The limit 0 at -inf, where PyTorch has NaN.",
    ),
    Activation(
        name="gelu_tanh",
        saves="x",
        formula="x (1 + tanh(u)) / 2, u = sqrt(2 / pi) (x + 0.044715 x^3)",
        gradient="s + x s (1 - s) 2 sqrt(2 / pi) (1 + 0.134145 x^2), s = (1 + tanh(u)) / 2",
        source="Hendrycks and Gimpel, 2016",
        init="he",
        ulp=_ulp(2.78, 3.82, 2.72, 3.77),
        absolute=True,
        note="PyTorch's gelu(approximate='tanh'), but with the limit 0 at -inf and full relative "
        "precision in the left tail.",
    ),
    Activation(
        name="gelu",
        saves="x",
        formula="x Phi(x), Phi(x) = (1 + erf(x / sqrt(2))) / 2",
        gradient="Phi(x) + x exp(-x^2 / 2) / sqrt(2 pi)",
        source="Hendrycks and Gimpel, 2016",
        init="he",
        ulp=_ulp(3.78, 3.63, 3.32, 3.77),
        absolute=True,
        note="PyTorch's gelu(), but with the limit 0 at -inf and full relative precision in the "
        "left tail.",
    ),
)

ACTIVATIONS: dict[str, Activation] = {row.name: row for row in _ROWS}
"""The rows by name, from simple to complex."""
