"""What layers lower themselves to: values with several readers, rows within samples, state."""

import numpy as np
import pytest

import fastnn
from fastnn.graph import Call, Node
from fastnn.parameter import Tracked

F8 = np.float64


class Sum(Node):
    """a + b, and the gradient for both."""

    inputs = ()

    def __init__(self, a, b):
        super().__init__(a)
        self.inputs = (a, b)

    def forward(self, graph):
        buffers = (*(v.data for v in self.inputs), self.y.data)
        return [Call("add", (graph.leaf("add.apply"),), buffers, (self.y.width,))]

    def backward(self, graph):
        def run(rows):
            for v in self.inputs:
                if v.grad is not None:
                    v.grad_rows(rows)[...] = self.y.grad_rows(rows)

        return [Call("python", (run,), (self.y.grad, *(v.grad for v in self.inputs)))]


class Together(fastnn.Layer):
    """The sum of what layers make of one input."""

    def __init__(self, *layers, fork=True):
        self.layers, self.fork = layers, fork

    def children(self):
        return {str(i): layer for i, layer in enumerate(self.layers)}

    def output_shape(self, shape):
        return self.layers[0].output_shape(shape)

    def lower(self, graph, x):
        n = len(self.layers)
        values = graph.fork(x, n) if self.fork else [x] * n
        first, *others = (
            layer.lower(graph, value) for layer, value in zip(self.layers, values, strict=True)
        )
        for other in others:
            first = graph.add(Sum(first, other), first.shape)
        return first


@pytest.mark.parametrize("readers", [1, 2, 3, 5])
@pytest.mark.parametrize("before", [fastnn.Tanh, fastnn.GELU, fastnn.Flatten])
def test_gradients_of_a_values_readers_are_added(readers, before, rng):
    layers = [fastnn.Linear(4, 3, dtype=F8) for _ in range(readers)]
    first = fastnn.Linear(6, 4, dtype=F8)
    model = fastnn.Sequential(first, before(), Together(*layers), fastnn.Linear(3, 2, dtype=F8))
    x, dy = rng.standard_normal((5, 6)), rng.standard_normal((5, 2))
    y = model.forward(x)
    dx = model.backward(dy)
    # The same net with the sum inside one layer's weight.
    summed = fastnn.Linear(4, 3, dtype=F8)
    summed.weight.data[...] = sum(layer.weight.data for layer in layers)
    summed.bias.data[...] = sum(layer.bias.data for layer in layers)
    plain = fastnn.Sequential(first, before(), summed, model[3])
    np.testing.assert_allclose(y, plain.forward(x), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(dx, plain.backward(dy), rtol=1e-12, atol=1e-13)
    for layer in layers:
        np.testing.assert_allclose(layer.weight.grad, summed.weight.grad, rtol=1e-12, atol=1e-13)


def test_readers_without_a_fork_are_an_error(rng):
    model = Together(fastnn.Linear(4, 3, dtype=F8), fastnn.Linear(4, 3, dtype=F8), fork=False)
    x = rng.standard_normal((5, 4))
    assert model.predict(x).shape == (5, 3)  # no gradients, no harm
    with pytest.raises(RuntimeError, match="fork"):
        model.forward(x)


@pytest.mark.parametrize("shape", [(4,), (7, 4), (2, 3, 4), (1, 4)])
@pytest.mark.parametrize(("n", "activation"), [(3, None), (3, "gelu"), (40, "tanh")])
def test_linear_takes_each_row_of_a_sample(shape, n, activation, rng, threads):
    layer = fastnn.Linear(4, n, activation=activation, dtype=F8)
    model = fastnn.Sequential(fastnn.Tanh(), layer)
    x, dy = rng.standard_normal((5, *shape)), rng.standard_normal((5, *shape[:-1], n))
    y, dx = model.forward(x), model.backward(dy)
    grads = [p.grad.copy() for p in model.parameters()]
    assert y.shape == dy.shape
    assert np.array_equal(model.predict(x), y)
    flat_y, flat_dx = model.forward(x.reshape(-1, 4)), model.backward(dy.reshape(-1, n))
    np.testing.assert_array_equal(y.reshape(-1, n), flat_y)
    np.testing.assert_array_equal(dx.reshape(-1, 4), flat_dx)
    for p, grad in zip(model.parameters(), grads, strict=True):
        np.testing.assert_array_equal(p.grad, grad)


def test_linear_in_rows_is_trained_as_on_the_rows_alone(rng):
    x = rng.standard_normal((16, 3, 4)).astype("f4")
    y = rng.standard_normal((16, 3, 2)).astype("f4")
    weights = []
    for inputs, targets, size in [(x, y, 8), (x.reshape(-1, 4), y.reshape(-1, 2), 24)]:
        model = fastnn.Sequential(fastnn.Linear(4, 5), fastnn.Tanh(), fastnn.Linear(5, 2))
        trainer = fastnn.Trainer(model, "mse", fastnn.Adam(lr=0.01))
        trainer.fit(inputs, targets, epochs=3, batch_size=size, shuffle=False, progress=False)
        weights.append(model.state_dict())
    for key, value in weights[0].items():
        np.testing.assert_allclose(value, weights[1][key], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(3,), (4, 3), (0, 4), ()])
def test_linear_refuses_other_rows(shape):
    with pytest.raises(ValueError, match="expected samples of shape"):
        fastnn.Linear(4, 2).output_shape(shape)


class Counted(fastnn.Layer):
    """Counts the batches it has seen in training."""

    def __init__(self):
        self.seen = Tracked(np.zeros((), np.int64))
        self.scale = fastnn.Parameter((1,), fastnn.init.constant)

    def forward(self, x, *, training=False):
        if training:
            self.seen.data += 1
        return x * self.scale.data

    def backward(self, dy):
        self.scale.grad[...] = 0
        return dy * self.scale.data


def test_tracked_arrays_are_in_files_and_no_parameters(tmp_path, rng):
    model = fastnn.Sequential(fastnn.Linear(4, 3), Counted())
    assert list(model.state_dict()) == ["0.weight", "0.bias", "1.scale", "1.seen"]
    assert [p.shape for p in model.parameters()] == [(3, 4), (3,), (1,)]
    x, y = rng.standard_normal((12, 4)).astype("f4"), rng.integers(0, 3, 12)
    trainer = fastnn.Trainer(model, "cross_entropy", "sgd")
    trainer.fit(x, y, epochs=2, batch_size=4, progress=False)
    assert model.state_dict()["1.seen"] == 6
    fastnn.save(model, tmp_path / "m.safetensors")
    again = fastnn.load(tmp_path / "m.safetensors", layers=[Counted])
    assert again[1].seen.data == 6
    with pytest.raises(TypeError, match=r"state\['1.seen'\]: expected int64"):
        again.load_state_dict(model.state_dict() | {"1.seen": np.zeros((), np.float32)})


def test_best_weights_come_with_what_was_tracked(rng):
    model = fastnn.Sequential(fastnn.Linear(4, 3), Counted())
    x, y = rng.standard_normal((12, 4)).astype("f4"), rng.integers(0, 3, 12)

    class Worse(fastnn.Callback):
        def on_epoch_end(self, trainer, record):
            record["val_score"] = -record["epoch"]

    stop = fastnn.EarlyStopping("val_score", patience=2)
    trainer = fastnn.Trainer(model, "cross_entropy", "sgd", callbacks=[Worse(), stop])
    trainer.fit(x, y, epochs=5, batch_size=4, progress=False)
    assert model[1].seen.data == 3  # of the first epoch's end
