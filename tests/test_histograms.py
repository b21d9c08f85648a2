"""Distributions within a model over training."""

import numpy as np
import pytest
from test_training import blobs, net, weights

import fastnn
from fastnn.inspection import Distribution, Histograms, activations, gradients


def watched(*, layers=None, every=1, epochs=3, model=None, y=True, callbacks=(), **fit):
    x, targets = blobs()
    watch = Histograms(x[:50], targets[:50] if y else None, layers=layers, every=every, bins=20)
    trainer = fastnn.Trainer(model or net(), "cross_entropy", "adam", callbacks=[watch, *callbacks])
    history = trainer.fit(x, targets, epochs=epochs, batch_size=32, progress=False, **fit)
    return watch, trainer.model, history


@pytest.mark.parametrize("options", [{}, {"y": False}, {"every": 2, "layers": [0]}])
def test_training_goes_on_to_the_same_bits(options, threads):
    def model():
        return fastnn.Sequential(
            fastnn.Linear(6, 9), fastnn.ReLU(), fastnn.Dropout(0.3), fastnn.Linear(9, 4)
        )

    x, y = blobs()
    _, seen, history = watched(model=model(), **options)
    unseen = model()
    plain = fastnn.Trainer(unseen, "cross_entropy", "adam").fit(
        x, y, epochs=3, batch_size=32, progress=False
    )
    assert np.array_equal(weights(seen), weights(unseen))
    assert history["loss"] == plain["loss"]


def test_numbers_are_those_of_the_layers():
    watch, model, _ = watched(every=2, epochs=5)
    assert watch.epochs == [0, 2, 4]
    assert list(watch.activations) == list(watch.gradients) == ["0", "1"]
    watch, model, _ = watched(every=1, epochs=2)
    x, y = (part[:50] for part in blobs())
    loss = fastnn.CrossEntropyLoss()
    found = {
        "activations": activations(model, x),
        "gradients": gradients(model, x, lambda out: loss(out, y)),
    }
    for kind, arrays in found.items():
        for name, values in arrays.items():
            last = getattr(watch, kind)[name][-1]
            values = values.astype("f8")
            assert np.isclose(last.mean, values.mean(), rtol=1e-12)
            assert np.isclose(last.std, values.std(), rtol=1e-12)
            assert (last.low, last.high) == (values.min(), values.max())
            assert last.percentiles[98] == np.percentile(values, 98)
            counts, edges = np.histogram(values, 20)
            assert np.array_equal(last.counts, counts)
            assert np.array_equal(last.edges, edges)
            assert last.counts.sum() == values.size
    initial = activations(net(), x)["0"].astype("f8")
    assert np.isclose(watch.activations["0"][0].mean, initial.mean(), rtol=1e-12)


# Activation, a number just within the outer part of its range, and one just outside of it.
SATURATED = [
    ("tanh", 0.951, 0.949),
    ("sigmoid", 0.976, 0.974),
    ("sigmoid", 0.024, 0.026),
    ("softsign", -0.951, -0.949),
    ("relu6", 5.86, 5.84),
    ("hardtanh", 0.951, 0.949),
]


@pytest.mark.parametrize(("name", "within", "outside"), SATURATED)
def test_saturation(name, within, outside):
    inverse = {
        "tanh": np.arctanh,
        "sigmoid": lambda y: np.log(y / (1 - y)),
        "softsign": lambda y: y / (1 - abs(y)),
        "relu6": lambda y: y,
        "hardtanh": lambda y: y,
    }[name]
    layers = (fastnn.layers.ACTIVATION_LAYERS[name](), fastnn.Linear(4, 4, init="zeros"))
    model = fastnn.Sequential(layers[0], layers[1])
    x = np.array([[inverse(within), inverse(outside), inverse(outside), inverse(outside)]], "f4")
    watch = Histograms(x)
    fastnn.Trainer(model, "mse", "sgd", callbacks=[watch]).fit(x, x, epochs=1, progress=False)
    assert watch.activations["0"][0].saturated == 0.25
    assert watch.activations["1"][0].saturated is None  # no activation


def test_limits_follow_the_parameters_of_an_activation():
    model = fastnn.Sequential(fastnn.Hardtanh(min_val=-10, max_val=10), fastnn.Linear(2, 2))
    x = np.array([[9.0, 9.6]], np.float32)
    watch = Histograms(x)
    fastnn.Trainer(model, "mse", "sgd", callbacks=[watch]).fit(x, x, epochs=1, progress=False)
    assert watch.activations["0"][0].saturated == 0.5


def test_dead_units():
    class Image(fastnn.Layer):
        """Three channels, of which the second is 0, and one other place."""

        def forward(self, x, *, training=False):
            x = x.copy()
            x[:, 1] = 0
            x[:, 0, 0, 0] = 0
            return x

        def backward(self, dy):
            return dy

    layer = fastnn.Linear(4, 5, activation="relu")
    layer.bias.data[...] = [-99, 1, 1, -99, 1]
    model = fastnn.Sequential(fastnn.Unflatten(1, (3, 2, 2)), Image(), fastnn.Flatten(),
                              fastnn.Unflatten(1, (3, 4)), layer, fastnn.Flatten())  # fmt: skip
    rng = np.random.default_rng(0)
    x, y = rng.random((20, 12), "f4"), rng.integers(0, 15, 20)
    watch = Histograms(x, layers=["1", "4"])
    trainer = fastnn.Trainer(model, "cross_entropy", fastnn.SGD(0.0), callbacks=[watch])
    trainer.fit(x, y, epochs=1, progress=False)
    assert [d.dead for d in watch.activations["1"]] == [1, 1]
    assert [d.dead for d in watch.activations["4"]] == [2, 2]


def test_numbers_that_are_none_do_not_end_training():
    d = Distribution.of(np.array([np.nan, np.inf]))
    assert np.isnan(d.mean)
    assert d.counts.sum() == 0
    with np.errstate(invalid="ignore"):
        d = Distribution.of(np.array([1.0, np.nan]))
    assert np.isnan(d.mean)
    assert d.counts.sum() == 1
    assert Distribution.of(np.full(7, 2.0)).counts.sum() == 7


def test_a_second_fit_begins_anew_and_it_draws(tmp_path):
    pytest.importorskip("matplotlib")
    watch, _, _ = watched()
    figure = watch.plot(tmp_path / "watch.png")
    assert (tmp_path / "watch.png").stat().st_size > 10_000
    assert [axes.get_title() for axes in figure.axes][::2] == [
        "activations after epoch 3", "gradients after epoch 3",
    ]  # fmt: skip
    assert len(figure.axes[1].lines) == 2 * 2
    drawn = figure.axes[1].lines[0].get_ydata()
    assert np.array_equal(drawn, [d.mean for d in watch.activations["0"]])
    watch, _, _ = watched(y=False, epochs=0)
    assert watch.epochs == [0]
    assert watch.gradients == {}
    assert len(watch.plot().axes) == 2


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"every": 0}, ValueError, "every: expected at least 1"),
        ({"bins": 0}, ValueError, "bins: expected at least 1"),
    ],
)
def test_errors(options, error, message):
    with pytest.raises(error, match=message):
        Histograms(np.zeros((1, 6), "f4"), **options)
    with pytest.raises(RuntimeError, match="plot: expected a fit"):
        Histograms(np.zeros((1, 6), "f4")).plot()
    with pytest.raises(ValueError, match=r"layers\[0\]: expected one of"):
        watched(layers=["9"])
