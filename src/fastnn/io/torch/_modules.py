"""What stands behind a recurrent layer in a ``torch.nn.Sequential``."""

import torch


class TakeSequence(torch.nn.Module):
    """Of what a recurrent layer of PyTorch's returns, the outputs of all steps.

    `fastnn.LSTM` gives those with ``output="sequence"``.

    Examples
    --------
    >>> from fastnn.io.torch import TakeSequence
    >>> net = torch.nn.Sequential(torch.nn.GRU(3, 5, batch_first=True), TakeSequence())
    >>> tuple(net(torch.zeros(2, 7, 3)).shape)
    (2, 7, 5)
    """

    def forward(self, returned):
        return returned[0]


class TakeLast(torch.nn.Module):
    """Of what a recurrent layer of PyTorch's returns, the last layer's last state, of the way
    forward and, if there is one, of the way back.

    `fastnn.LSTM` gives that with ``output="last"``.

    Examples
    --------
    >>> from fastnn.io.torch import TakeLast
    >>> net = torch.nn.Sequential(torch.nn.LSTM(3, 5, batch_first=True), TakeLast())
    >>> tuple(net(torch.zeros(2, 7, 3)).shape)
    (2, 5)
    """

    def forward(self, returned):
        outputs, state = returned
        hidden = state[0] if isinstance(state, tuple) else state  # an LSTM's are h and c
        directions = outputs.shape[-1] // hidden.shape[-1]
        return torch.cat(tuple(hidden[-directions:]), dim=-1)
