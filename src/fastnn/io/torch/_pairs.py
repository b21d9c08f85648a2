"""Which layer of fastnn is which class of torch.nn, and with which options: read in both ways."""

from dataclasses import dataclass, field

from fastnn import layers
from fastnn.layers import ACTIVATION_LAYERS
from fastnn.layers.recurrent_base import Recurrent
from fastnn.registry import ACTIVATIONS


@dataclass(frozen=True, eq=False)
class Pair:
    """A layer in both.

    Attributes
    ----------
    cls : type
        fastnn's.
    name : str
        Of the class in torch.nn, if there is one: of some activations there is none.
    options : tuple of str
        What both constructors take by these names and both keep under them: fastnn in
        ``config()``, PyTorch as attributes.
    theirs, ours : dict
        Options that the other side doesn't have, or that mean something else there, with the
        values that mean the same. Axes of -1 may be written from the front too.
    axes : int, optional
        How many axes an output sample has, where the class tells it.
    """

    cls: type
    name: str
    options: tuple[str, ...] = ()
    theirs: dict = field(default_factory=dict)
    ours: dict = field(default_factory=dict)
    axes: int | None = None


def _pair(name, options="", theirs=None, ours=None, axes=None, *, cls=None) -> Pair:
    cls = cls or getattr(layers, name)
    return Pair(cls, name, tuple(options.split()), theirs or {}, ours or {}, axes)


_NORM = "num_features eps momentum affine"
_WINDOW = "kernel_size stride padding ceil_mode"
_RECURRENT = "input_size hidden_size num_layers bias dropout bidirectional"
# Without running statistics predictions depend on the batch, which is another one here: prediction
# takes some hundred rows at a time.
_TRACKED = {"track_running_stats": True}
_FIRST = {"batch_first": True}
_CARRIES = {"stateful": False}


def _activations():
    for name, cls in ACTIVATION_LAYERS.items():
        options = " ".join(ACTIVATIONS[name].params)
        if name in ("gelu", "gelu_tanh"):
            approximate = "tanh" if name == "gelu_tanh" else "none"
            yield _pair("GELU", options, {"approximate": approximate}, cls=cls)
        else:
            yield _pair(cls.__name__, options)


PAIRS = (
    _pair("Linear", "in_features out_features bias"),
    _pair(
        "Conv2d",
        "in_channels out_channels kernel_size stride padding dilation groups bias",
        {"padding_mode": "zeros"}, {"connections": None}, 3,
    ),
    _pair("MaxPool2d", f"{_WINDOW} dilation", {"return_indices": False}, axes=3),
    _pair("AvgPool2d", f"{_WINDOW} count_include_pad", {"divisor_override": None}, axes=3),
    _pair("AdaptiveAvgPool2d", "output_size", axes=3),
    _pair("BatchNorm1d", _NORM, _TRACKED, _TRACKED),
    _pair("BatchNorm2d", _NORM, _TRACKED, _TRACKED, 3),
    _pair("LayerNorm", "normalized_shape eps elementwise_affine bias"),
    _pair("Dropout", "p"),
    _pair(
        "Embedding", "num_embeddings embedding_dim padding_idx",
        {"max_norm": None, "scale_grad_by_freq": False, "sparse": False},
    ),
    _pair("RNN", f"{_RECURRENT} nonlinearity", _FIRST, _CARRIES),
    _pair("LSTM", _RECURRENT, _FIRST | {"proj_size": 0}, _CARRIES),
    _pair("GRU", _RECURRENT, _FIRST, _CARRIES),
    _pair("Flatten", "", {"start_dim": 1, "end_dim": -1}, axes=1),
    _pair("Unflatten", "dim unflattened_size"),
    _pair("PReLU", "num_parameters init"),
    _pair("RReLU", "lower upper", ours={"reciprocal": False}),
    _pair("GLU", "", {"dim": -1}),
    _pair("Softmax", "", {"dim": -1}),
    _pair("LogSoftmax", "", {"dim": -1}),
    *_activations(),
)  # fmt: skip

BY_CLASS: dict[type, Pair] = {pair.cls: pair for pair in PAIRS}


def check_lengths(model, path: str) -> None:
    """Raise ValueError where padding ends sequences, as it does in fastnn alone."""
    tree = model.tree()
    padded = [x for x in tree if isinstance(x, layers.Embedding) and x.padding_idx is not None]
    recurrent = [x for x in tree if isinstance(x, Recurrent)]
    if padded and recurrent:
        raise ValueError(
            f"{path}: expected padding_idx=None in an Embedding before {recurrent[0]!r}, got "
            f"{padded[0].padding_idx}: in fastnn recurrent layers end where padding begins, "
            "in PyTorch they go on"
        )
