"""What the networks of both modules share: the book's algorithm, and when it is compiled."""

import random
from numbers import Real

import numpy as np

from fastnn.compat.nielsen._compiled import Compiled, Descent, is_layered
from fastnn.compat.nielsen._samples import Samples, stack

# Batches of a whole training, and samples to evaluate, that take as long as compiling does.
_FEW_BATCHES, _FEW_SAMPLES = 50, 200


class BookNetwork:
    """Sigmoid layers, as the book's classes have them.

    What a user can put in the place of a part of it, by a subclass, on an instance, or as a
    function of the module, is looked up where the book looks it up; what nobody has replaced may
    be compiled.

    Attributes
    ----------
    sizes : sequence of int
        Units of each layer, the input's first.
    num_layers : int
    weights : list of arrays of shape (out, in)
    biases : list of arrays of shape (out, 1)
        New arrays after each epoch. Others may be assigned, or values changed, between epochs.
    """

    _globals: dict  # of the module, where users may put functions of their own
    _functions: dict  # what was there when the class was made
    _methods: dict  # and of the class

    def __init_subclass__(cls, module: dict | None = None, **rest):
        super().__init_subclass__(**rest)
        if module is not None:
            cls._globals, cls._functions = module, dict(module)
            cls._methods = {name: getattr(cls, name) for name in dir(cls)}

    def _has_replaced(self, name: str) -> bool:
        """Whether a user has replaced a function of the module, or a method."""
        if name in self._functions:
            return self._globals.get(name) is not self._functions[name]
        return getattr(type(self), name) is not self._methods[name] or name in vars(self)

    def _has_the_books(self, *names: str) -> bool:
        """Whether these, and the sigmoid, are the book's."""
        return not any(map(self._has_replaced, (*names, "sigmoid", "sigmoid_prime")))

    # -- the book's algorithm ---------------------------------------------------------------

    def feedforward(self, a):
        """The output of the network for an input column `a`, or for several side by side."""
        sigmoid = self._globals["sigmoid"]
        for b, w in zip(self.biases, self.weights, strict=False):
            a = sigmoid(np.dot(w, a) + b)
        return a

    def backprop(self, x, y):
        """The gradient of the cost of one sample.

        Parameters
        ----------
        x, y : arrays of shape (in, 1) and (out, 1)

        Returns
        -------
        (nabla_b, nabla_w) : lists of arrays
            Shaped as `biases` and `weights`.
        """
        return self._backprop(x, y, self._output_error)

    def _backprop(self, x, y, output_error):
        # For columns side by side as well: then nabla_b has a column for each, nabla_w is the sum.
        sigmoid, sigmoid_prime = self._globals["sigmoid"], self._globals["sigmoid_prime"]
        activations, zs = [x], []
        for b, w in zip(self.biases, self.weights, strict=False):
            zs.append(np.dot(w, activations[-1]) + b)
            activations.append(sigmoid(zs[-1]))
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        delta = output_error(zs[-1], activations[-1], y)
        for back in range(1, max(2, self.num_layers)):
            if back > 1:
                delta = np.dot(self.weights[1 - back].T, delta) * sigmoid_prime(zs[-back])
            nabla_b[-back] = delta
            nabla_w[-back] = np.dot(delta, activations[-back - 1].T)
        return nabla_b, nabla_w

    def _output_error(self, z, a, y):
        """The error of the last layer, from its inputs, its outputs and the targets."""
        raise NotImplementedError

    def _step(self, mini_batch, rate, shrink=None) -> None:
        """One step of descent: weights times `shrink`, less `rate` times the sum of gradients."""
        nabla_b, nabla_w = self._batch_gradient(mini_batch)
        weights = self.weights if shrink is None else [shrink * w for w in self.weights]
        self.weights = [w - rate * nw for w, nw in zip(weights, nabla_w, strict=True)]
        self.biases = [b - rate * nb for b, nb in zip(self.biases, nabla_b, strict=True)]

    def _batch_gradient(self, mini_batch):
        # Side by side, where each column goes its own way; else one sample after the other.
        if self._has_the_books("backprop"):
            x, y = (stack([sample[i] for sample in mini_batch]) for i in (0, 1))
            if x is not None and y is not None and is_layered(self.weights, self.biases):
                error = self._output_error
                if self._cost() is None:
                    error = _for_each_column(error)
                nabla_b, nabla_w = self._backprop(x.T, y.T, error)
                return [nb.sum(axis=1, keepdims=True) for nb in nabla_b], nabla_w
        sums = [np.zeros(p.shape) for p in (*self.biases, *self.weights)]
        for x, y in mini_batch:
            nabla_b, nabla_w = self.backprop(x, y)
            sums = [s + g for s, g in zip(sums, (*nabla_b, *nabla_w), strict=True)]
        return sums[: len(self.biases)], sums[len(self.biases) :]

    # -- what is compiled -------------------------------------------------------------------

    def _cost(self) -> str | None:
        """The name of the cost for `Descent`, or None where it is the user's own."""
        raise NotImplementedError

    def _descend(self, training_data: list, samples: Samples, epochs, mini_batch_size, eta, *lmbda):
        """Train, and say after each epoch with what: a `Descent`, or None.

        `training_data` is shuffled, as the book does it; `samples` are the same and stay. `lmbda`
        is there where `update_mini_batch` takes it, with the number of samples.
        """
        order = list(range(len(samples)))
        starts = range(0, len(order), mini_batch_size)
        last = (*lmbda, len(order)) if lmbda else ()
        compiled = None
        for _ in range(epochs):
            random.shuffle(order)
            training_data[:] = [samples[i] for i in order]
            if len(starts) * epochs > _FEW_BATCHES:
                decay = lmbda[0] / len(order) if lmbda else 0.0
                compiled = self._compile(compiled, samples, starts.step, eta, decay)
            if compiled is None:
                for k in starts:
                    self.update_mini_batch(training_data[k : k + mini_batch_size], eta, *last)
            else:
                compiled.put(self.weights, self.biases)
                try:
                    compiled.epoch(np.array(order), float(eta))
                finally:  # Ctrl-C leaves what has been learned
                    self.weights, self.biases = compiled.take()
            yield compiled

    def _compile(self, compiled, samples: Samples, size: int, eta, decay) -> Descent | None:
        """The program at hand if it still does what the book's epoch would, or another."""
        if not (isinstance(eta, Real) and isinstance(decay, Real) and 0 <= decay < np.inf):
            return None
        cost = self._cost()
        if cost is None or not self._can_compile("update_mini_batch", "backprop"):
            return None
        shapes = [w.shape for w in self.weights]
        if samples.widths != (shapes[0][1], shapes[-1][0]):
            return None
        if compiled is not None and (compiled.shapes, compiled.cost) == (shapes, cost):
            return compiled
        return Descent(shapes, cost, *samples.numbered(), size, float(decay))

    def _outputs(self, data: Samples, compiled: Compiled | None = None) -> np.ndarray | None:
        """Outputs for all samples as rows, or None where `feedforward` has to be asked."""
        if compiled is None and len(data) <= _FEW_SAMPLES:
            return None
        if not self._can_compile("feedforward"):
            return None
        x, shapes = data.inputs, [w.shape for w in self.weights]
        if x is None or x.shape[1] != shapes[0][1]:
            return None
        if compiled is None or compiled.shapes != shapes:
            compiled = Compiled(shapes)
        compiled.put(self.weights, self.biases)
        return compiled.outputs(x)

    def _ask(self, name: str, data: list, samples: Samples, compiled, *arguments, **options):
        """What a method says of data: the user's of the list, the book's of its stacked form."""
        if self._has_replaced(name):
            return getattr(self, name)(data, *arguments, **options)
        return getattr(self, f"_{name}")(samples, *arguments, compiled=compiled, **options)

    def _accuracy(self, data: Samples, compiled: Compiled | None = None, *, convert=False) -> int:
        """How many have their highest output where they should: at `y`, or with `convert` where
        `y` is highest."""
        outputs = self._outputs(data, compiled)
        if outputs is not None:
            expected = data.numbers if not convert else data.targets
            if expected is not None:
                expected = expected.argmax(axis=1) if convert else expected
                return int((outputs.argmax(axis=1) == expected).sum())
        pairs = [(np.argmax(self.feedforward(x)), np.argmax(y) if convert else y) for x, y in data]
        return sum(int(found == wanted) for found, wanted in pairs)

    def _can_compile(self, *methods: str) -> bool:
        whole = self.num_layers == len(self.weights) + 1
        known = self._has_the_books(*methods)
        return whole and known and is_layered(self.weights, self.biases)


def _for_each_column(function):
    """`function`, asked for one column at a time."""

    def of_columns(*matrices):
        columns = range(matrices[0].shape[1])
        return np.hstack([function(*(m[:, i : i + 1] for m in matrices)) for i in columns])

    return of_columns
