"""Recurrent layers, one step after the other. States are (N, n), sequences (N, T, features);
weights have PyTorch's shapes and order of gates. `weights` are W_ih, W_hh, b_ih, b_hh.

A cell is a function ``(x, h, c, weights) -> (h, c, saved)`` and its backward
``(dh, dc, saved) -> (da, db, dh, dc)``: the gradients of W_ih x + b_ih, of W_hh h + b_hh, and of h
and c less what comes by W_hh.
"""

import numpy as np

from fastnn.reference.activations import sigmoid


def rnn_cell(x, h, c, weights, activation=np.tanh):
    """h' = f(W_ih x + b_ih + W_hh h + b_hh), Elman 1990."""
    outer, inner = _sums(x, h, weights)
    new = activation(outer + inner)
    return new, c, new


def rnn_cell_backward(dh, dc, saved, slope=lambda y: 1 - y * y):
    dz = dh * slope(saved)
    return dz, dz, np.zeros_like(dh), dc


def lstm_cell(x, h, c, weights):
    """c' = f c + i g, h' = o tanh(c'); Hochreiter and Schmidhuber 1997, Gers et al. 2000."""
    outer, inner = _sums(x, h, weights)
    i, f, g, o = np.split(outer + inner, 4, axis=1)
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    new = f * c + i * g
    return o * np.tanh(new), new, (i, f, g, o, c, new)


def lstm_cell_backward(dh, dc, saved):
    i, f, g, o, c, new = saved
    dc = dc + dh * o * (1 - np.tanh(new) ** 2)
    gates = (dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g))
    dz = np.concatenate((*gates, dh * np.tanh(new) * o * (1 - o)), axis=1)
    return dz, dz, np.zeros_like(dh), dc * f


def gru_cell(x, h, c, weights):
    """n = tanh(W_in x + b_in + r (W_hn h + b_hn)), h' = (1 - z) n + z h; Cho et al. 2014."""
    outer, inner = _sums(x, h, weights)
    (xr, xz, xn), (hr, hz, hn) = np.split(outer, 3, axis=1), np.split(inner, 3, axis=1)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    n = np.tanh(xn + r * hn)
    return (1 - z) * n + z * h, c, (r, z, n, hn, h)


def gru_cell_backward(dh, dc, saved):
    r, z, n, hn, h = saved
    dn = dh * (1 - z) * (1 - n * n)
    dr, dz = dn * hn * r * (1 - r), dh * (h - n) * z * (1 - z)
    return np.concatenate((dr, dz, dn), 1), np.concatenate((dr, dz, dn * r), 1), dh * z, dc


def _sums(x, h, weights):
    w_ih, w_hh, b_ih, b_hh = weights
    return x @ w_ih.T + b_ih, h @ w_hh.T + b_hh


def recurrent(cell, x, h, c, weights, *, lengths=None, reverse=False):
    """Through a sequence: (y, h, c, saved). Where a sequence has ended, y is zero and its states
    stay; the way back begins at its last step."""
    y = np.zeros((*x.shape[:2], h.shape[1]), x.dtype)
    lengths = np.full(len(x), x.shape[1]) if lengths is None else lengths
    h, c, saved = h.copy(), c.copy(), []
    for step in range(x.shape[1]):
        rows = np.flatnonzero(step < lengths)
        at = lengths[rows] - 1 - step if reverse else np.full(len(rows), step)
        inputs = x[rows, at], h[rows]
        h[rows], c[rows], kept = cell(*inputs, c[rows], weights)
        y[rows, at] = h[rows]
        saved.append((rows, at, inputs, kept))
    return y, h, c, saved


def recurrent_backward(backward, dy, dh, dc, saved, weights):
    """From the gradients of y, and of the last h and c, to those of x, of the first h and c, and
    of the weights: (dx, dh, dc, dW_ih, dW_hh, db_ih, db_hh)."""
    w_ih, w_hh = weights[:2]
    dx = np.zeros((*dy.shape[:2], w_ih.shape[1]), dy.dtype)
    dh, dc = dh.copy(), dc.copy()
    grads = [np.zeros_like(w) for w in weights]
    for rows, at, (x, h), kept in reversed(saved):
        da, db, direct, dc[rows] = backward(dh[rows] + dy[rows, at], dc[rows], kept)
        dx[rows, at] = da @ w_ih
        dh[rows] = direct + db @ w_hh
        for grad, part in zip(grads, (da.T @ x, db.T @ h, da.sum(0), db.sum(0)), strict=True):
            grad += part
    return dx, dh, dc, *grads


def embedding(x, weight):
    """y = weight[x]."""
    return weight[x]


def embedding_backward(dy, x, weight, *, padding_idx=None):
    """The gradient of the weight: the sum of dy over the places of each index."""
    dweight = np.zeros_like(weight)
    counts = x != padding_idx
    np.add.at(dweight, x[counts], dy[counts])
    return dweight


def steps_that_count(x, padding=0):
    """Of sequences (N, T, ...), the number of steps up to the last that isn't all padding."""
    used = (x != padding).reshape(*x.shape[:2], -1).any(2)
    return np.where(used.any(1), x.shape[1] - used[:, ::-1].argmax(1), 0)
