"""RNN, LSTM and GRU."""

import numpy as np

from fastnn.layers.recurrent_base import Recurrent
from fastnn.layers.recurrent_node import Cell

_SHARED = """
    Samples are sequences of shape (T, input_size), always with the batch first: (N, T, input_size).

    Parameters
    ----------
    input_size, hidden_size : int
        Features of a step, and of the state.
    num_layers : int
        Layers on top of each other, each reading the outputs of the one below.{nonlinearity}
    bias : bool
        Whether there are `b_ih` and `b_hh`.
    dropout : float
        In [0, 1): the share of outputs that are dropped between layers, in training.
    bidirectional : bool
        Whether each layer goes through the sequence in both directions; outputs are then
        2 hidden_size wide, those of the way back second.
    output : {{"sequence", "last"}}
        "sequence": the outputs of all steps, (T, width). "last": the state after a sequence's
        last step, (width,); of the way back, that after its first.
    stateful : bool
        Whether, in a `Trainer`, row r of a batch goes on where row r of the batch before ended:
        truncated back-propagation through time (Williams and Peng 1990), gradients ending at the
        batch. Epochs and evaluations begin with zeros. `forward` of the layer by itself goes on
        likewise, until `reset_state`; `predict` doesn't.
    dtype : dtype
        float32 or float64.

    Attributes
    ----------
    weight_ih_l0, weight_hh_l0 : Parameter of shape ({gates}hidden_size, width below or hidden_size)
        And so on for each layer, ``_l1``, and direction, ``_l0_reverse``.
    bias_ih_l0, bias_hh_l0 : Parameter of shape ({gates}hidden_size,)
    state : {state}
        After the last `forward`.

    Notes
    -----
    A sequence may be shorter than T: `Masking` or `Embedding` says so, or `lengths` in
    `forward`. Outputs beyond its length are zero, the last state is the one at its length, where
    the way back begins: what PyTorch does with packed sequences. What fills it up must be finite.

    Weights, {order}keys and the shape of states are those of ``torch.nn.{name}`` with
    ``batch_first=True``. There it returns outputs and states; here the states are in `state`, and
    `output` says which outputs, so that layers can follow one another. Weights begin as
    PyTorch's, U(-a, a) with a = hidden_size^-1/2; biases begin at zero{opened}, and PyTorch's are
    drawn too.
"""


def _documented(cls):
    """Put what the three have in common where a docstring says <shared>."""
    cell = cls.kind
    shared = _SHARED.format(
        name=cls.__name__,
        gates="" if cell.gates == 1 else f"{cell.gates} ",
        state="pair of arrays, h and c, of shape (L, N, hidden_size)"
        if cell.states == 2
        else "array of shape (L, N, hidden_size)",
        order="" if cell.gates == 1 else "the order of gates, ",
        opened="" if cell.opened is None else ", those of forget gates (bias_ih) at one",
        nonlinearity='\n    nonlinearity : {"tanh", "relu"}' if cls.__name__ == "RNN" else "",
    )
    cls.__doc__ = cls.__doc__.replace("    <shared>\n", shared.lstrip("\n"))
    return cls


@_documented
class RNN(Recurrent):
    """A recurrent layer (Elman 1990),
    ``h_t = f(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh)``, f = tanh or ReLU.

    <shared>
    Examples
    --------
    >>> import fastnn, numpy as np
    >>> layer = fastnn.RNN(3, 5, nonlinearity="relu")
    >>> layer.forward(np.zeros((2, 7, 3), np.float32)).shape
    (2, 7, 5)
    """

    kind = Cell("rnn_tanh", gates=1, kept=0, states=1)

    def __init__(
        self, input_size, hidden_size, num_layers=1, *, nonlinearity="tanh", bias=True, dropout=0.0,
        bidirectional=False, output="sequence", stateful=False, dtype=np.float32,
    ):  # fmt: skip
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"nonlinearity: expected tanh or relu, got {nonlinearity!r}")
        self.nonlinearity = nonlinearity
        super().__init__(
            self.kind._replace(name=f"rnn_{nonlinearity}"), input_size, hidden_size, num_layers,
            bias=bias, dropout=dropout, bidirectional=bidirectional, output=output,
            stateful=stateful, dtype=dtype,
        )  # fmt: skip

    def config(self):
        return super().config() | {"nonlinearity": self.nonlinearity}


class _Gated(Recurrent):
    kind: Cell

    def __init__(
        self, input_size, hidden_size, num_layers=1, *, bias=True, dropout=0.0, bidirectional=False,
        output="sequence", stateful=False, dtype=np.float32,
    ):  # fmt: skip
        super().__init__(
            self.kind, input_size, hidden_size, num_layers, bias=bias, dropout=dropout,
            bidirectional=bidirectional, output=output, stateful=stateful, dtype=dtype,
        )  # fmt: skip


@_documented
class LSTM(_Gated):
    """Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gates of Gers,
    Schmidhuber and Cummins 2000)::

        i, f, o = sigmoid(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh)    a part of the rows for each
        g = tanh(likewise)
        c_t = f c_(t-1) + i g
        h_t = o tanh(c_t)

    with the rows of i, f, g, o in this order.

    <shared>
    Examples
    --------
    >>> import fastnn, numpy as np
    >>> model = fastnn.Sequential(fastnn.LSTM(28, 32, output="last"), fastnn.Linear(32, 10))
    >>> model.predict(np.zeros((4, 28, 28), np.float32)).shape
    (4, 10)
    >>> layer, x = fastnn.LSTM(3, 5), np.ones((2, 7, 3), np.float32)
    >>> y = layer.forward(x, lengths=np.array([7, 4]))
    >>> bool((layer.state[0][0, 1] == y[1, 3]).all()), bool((y[1, 4:] == 0).all())
    (True, True)
    """

    kind = Cell("lstm", gates=4, kept=2, states=2, opened=1)


@_documented
class GRU(_Gated):
    """The gated recurrent unit (Cho et al. 2014), in the form of cuDNN and PyTorch, whose reset
    gate follows the product::

        r, z = sigmoid(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh)    a part of the rows for each
        n = tanh(W_ih x_t + b_ih + r (W_hh h_(t-1) + b_hh))      likewise
        h_t = (1 - z) n + z h_(t-1)

    with the rows of r, z, n in this order.

    <shared>
    Examples
    --------
    >>> import fastnn, numpy as np
    >>> layer = fastnn.GRU(3, 5, num_layers=2, bidirectional=True)
    >>> layer.forward(np.zeros((2, 7, 3), np.float32)).shape, layer.state.shape
    ((2, 7, 10), (4, 2, 5))
    """

    kind = Cell("gru", gates=3, kept=1, states=1, inner=True)
