"""The layers and optimizers of "Deep Learning from Scratch" in plain NumPy, as the book has them: a
matrix of all patches for a convolution, temporaries for every step. Written anew for comparisons.

Classes have the book's names and arguments, and `forward` and `backward` its attributes.
"""
# ruff: noqa: NPY002  (the book's scripts seed NumPy's global random numbers)

import numpy as np


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def cross_entropy(y, t):
    """The mean of -log(y + 1e-7) at classes (N,), or at the largest of one-hot rows."""
    classes = t.argmax(axis=1) if t.shape == y.shape else t
    return -np.mean(np.log(y[np.arange(len(y)), classes] + 1e-7))


class Relu:
    def forward(self, x):
        self.mask = x <= 0
        y = x.copy()
        y[self.mask] = 0
        return y

    def backward(self, dout):
        dout[self.mask] = 0
        return dout


class Sigmoid:
    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, dout):
        return dout * (1.0 - self.out) * self.out


class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.shape, self.x = x.shape, x.reshape(len(x), -1)
        return np.dot(self.x, self.W) + self.b

    def backward(self, dout):
        dx = np.dot(dout, self.W.T)
        self.dW = np.dot(self.x.T, dout)
        self.db = dout.sum(axis=0)
        return dx.reshape(self.shape)


class SoftmaxWithLoss:
    def forward(self, x, t):
        self.y, self.t = softmax(x), t
        self.loss = cross_entropy(self.y, t)
        return self.loss

    def backward(self, dout=1):
        one_hot = self.t if self.t.shape == self.y.shape else np.eye(self.y.shape[1])[self.t]
        return (self.y - one_hot) / len(self.y)


class Dropout:
    def __init__(self, dropout_ratio=0.5):
        self.ratio = dropout_ratio

    def forward(self, x, train_flg=True):
        if not train_flg:
            return x * (1.0 - self.ratio)
        self.mask = np.random.rand(*x.shape) > self.ratio
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


class BatchNormalization:
    def __init__(self, gamma, beta, momentum=0.9, running_mean=None, running_var=None):
        self.gamma, self.beta, self.momentum = gamma, beta, momentum
        self.running_mean, self.running_var = running_mean, running_var

    def forward(self, x, train_flg=True):
        shape, x = x.shape, x.reshape(len(x), -1)
        if self.running_mean is None:
            self.running_mean, self.running_var = np.zeros(x.shape[1]), np.zeros(x.shape[1])
        if train_flg:
            mean, var = x.mean(axis=0), x.var(axis=0)
            self.std = np.sqrt(var + 10e-7)
            self.xn = xn = (x - mean) / self.std
            keep = self.momentum
            self.running_mean = keep * self.running_mean + (1 - keep) * mean
            self.running_var = keep * self.running_var + (1 - keep) * var
        else:
            xn = (x - self.running_mean) / np.sqrt(self.running_var + 10e-7)
        return (self.gamma * xn + self.beta).reshape(shape)

    def backward(self, dout):
        # By the chain rule through the mean and the standard deviation, one after the other.
        shape, dout = dout.shape, dout.reshape(len(dout), -1)
        self.dbeta = dout.sum(axis=0)
        self.dgamma = (self.xn * dout).sum(axis=0)
        dxn = self.gamma * dout
        dcentred = dxn / self.std
        dstd = -(dxn * self.xn).sum(axis=0) / self.std
        dcentred += self.xn * dstd / len(dout)
        return (dcentred - dcentred.mean(axis=0)).reshape(shape)


def im2col(images, rows, cols, stride, pad):
    """(N * out_h * out_w, C * rows * cols)"""
    count, channels, height, width = images.shape
    out_h, out_w = (height + 2 * pad - rows) // stride + 1, (width + 2 * pad - cols) // stride + 1
    padded = np.pad(images, [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    col = np.zeros((count, channels, rows, cols, out_h, out_w))
    for i in range(rows):
        for j in range(cols):
            down, right = i + stride * out_h, j + stride * out_w
            col[:, :, i, j] = padded[:, :, i:down:stride, j:right:stride]
    return col.transpose(0, 4, 5, 1, 2, 3).reshape(count * out_h * out_w, -1)


def col2im(col, shape, rows, cols, stride, pad):
    count, channels, height, width = shape
    out_h, out_w = (height + 2 * pad - rows) // stride + 1, (width + 2 * pad - cols) // stride + 1
    col = col.reshape(count, out_h, out_w, channels, rows, cols).transpose(0, 3, 4, 5, 1, 2)
    image = np.zeros((count, channels, height + 2 * pad + stride, width + 2 * pad + stride))
    for i in range(rows):
        for j in range(cols):
            down, right = i + stride * out_h, j + stride * out_w
            image[:, :, i:down:stride, j:right:stride] += col[:, :, i, j]
    return image[:, :, pad : height + pad, pad : width + pad]


class Convolution:
    def __init__(self, W, b, stride=1, pad=0):
        self.W, self.b, self.stride, self.pad = W, b, stride, pad

    def forward(self, x):
        maps, _, rows, cols = self.W.shape
        self.shape = x.shape
        self.col = im2col(x, rows, cols, self.stride, self.pad)
        out = np.dot(self.col, self.W.reshape(maps, -1).T) + self.b
        out_h = (x.shape[2] + 2 * self.pad - rows) // self.stride + 1
        return out.reshape(len(x), out_h, -1, maps).transpose(0, 3, 1, 2)

    def backward(self, dout):
        maps, _, rows, cols = self.W.shape
        dout = dout.transpose(0, 2, 3, 1).reshape(-1, maps)
        self.db = dout.sum(axis=0)
        self.dW = np.dot(self.col.T, dout).T.reshape(self.W.shape)
        dcol = np.dot(dout, self.W.reshape(maps, -1))
        return col2im(dcol, self.shape, rows, cols, self.stride, self.pad)


class Pooling:
    def __init__(self, pool_h, pool_w, stride=1, pad=0):
        self.pool_h, self.pool_w, self.stride = pool_h, pool_w, stride

    def forward(self, x):
        count, channels = x.shape[:2]
        self.shape = x.shape
        col = im2col(x, self.pool_h, self.pool_w, self.stride, 0)
        col = col.reshape(-1, self.pool_h * self.pool_w)
        self.arg_max = col.argmax(axis=1)
        out_h = (x.shape[2] - self.pool_h) // self.stride + 1
        return col.max(axis=1).reshape(count, out_h, -1, channels).transpose(0, 3, 1, 2)

    def backward(self, dout):
        dout = dout.transpose(0, 2, 3, 1)
        size = self.pool_h * self.pool_w
        spread = np.zeros((dout.size, size))
        spread[np.arange(dout.size), self.arg_max] = dout.reshape(-1)
        dcol = spread.reshape(dout.shape[0] * dout.shape[1] * dout.shape[2], -1)
        return col2im(dcol, self.shape, self.pool_h, self.pool_w, self.stride, 0)


# Optimizers: what one step makes of a parameter, with the state (a dict) that it keeps.


def sgd(p, g, state, lr=0.01):
    p -= lr * g


def momentum(p, g, state, lr=0.01, momentum=0.9):
    v = state["v"] = momentum * state.get("v", 0.0) - lr * g
    p += v


def nesterov(p, g, state, lr=0.01, momentum=0.9):
    v = state["v"] = momentum * state.get("v", 0.0) - lr * g
    p += momentum * momentum * v - (1 + momentum) * lr * g


def adagrad(p, g, state, lr=0.01):
    h = state["h"] = state.get("h", 0.0) + g * g
    p -= lr * g / (np.sqrt(h) + 1e-7)


def rmsprop(p, g, state, lr=0.01, decay_rate=0.99):
    h = state["h"] = decay_rate * state.get("h", 0.0) + (1 - decay_rate) * g * g
    p -= lr * g / (np.sqrt(h) + 1e-7)


def adam(p, g, state, lr=0.001, beta1=0.9, beta2=0.999):
    step = state["step"] = state.get("step", 0) + 1
    m = state["m"] = state.get("m", 0.0) + (1 - beta1) * (g - state.get("m", 0.0))
    v = state["v"] = state.get("v", 0.0) + (1 - beta2) * (g**2 - state.get("v", 0.0))
    p -= lr * np.sqrt(1.0 - beta2**step) / (1.0 - beta1**step) * m / (np.sqrt(v) + 1e-7)


OPTIMIZERS = {f.__name__: f for f in (sgd, momentum, nesterov, adagrad, rmsprop, adam)}


class Adam:
    """The book's interface to `adam`."""

    def __init__(self, lr=0.001):
        self.lr, self.states = lr, {}

    def update(self, params, grads):
        for key in params:
            adam(params[key], grads[key], self.states.setdefault(key, {}), self.lr)


class Net:
    """Layers one after the other, softmax and cross-entropy at the end."""

    def __init__(self, layers, loss):
        self.layers, self.last = layers, loss

    def predict(self, x, train=False):
        for layer in self.layers:
            steps = type(layer).__name__ in ("Dropout", "BatchNormalization")
            x = layer.forward(x, train) if steps else layer.forward(x)
        return x

    def loss(self, x, t, train=False):
        return self.last.forward(self.predict(x, train), t)

    def accuracy(self, x, t):
        return np.mean(self.predict(x).argmax(axis=1) == t)

    def gradients(self, x, t):
        """(parameter, gradient) of all layers, last ones first."""
        self.loss(x, t, train=True)
        dout, found = self.last.backward(), []
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
            for p, g in (("W", "dW"), ("b", "db"), ("gamma", "dgamma"), ("beta", "dbeta")):
                if hasattr(layer, p):
                    found.append((getattr(layer, p), getattr(layer, g)))
        return found
