"""Reading within a model, checking gradients, finding a learning rate."""

import numpy as np
import pytest
from peers import peer
from test_branches import NETS
from test_layers import Cube, numeric_gradient
from test_training import blobs, net, weights

import fastnn
from fastnn import inspection

F8 = np.float64


def branching():
    return fastnn.Sequential(
        fastnn.Linear(6, 5, dtype=F8, activation="gelu"),
        fastnn.Residual(
            fastnn.Sequential(fastnn.Linear(5, 5, dtype=F8), fastnn.Tanh()), activation="sigmoid"
        ),
        fastnn.Flatten(),
        fastnn.Softplus(),
        fastnn.Linear(5, 3, dtype=F8),
    )


# -- outputs and gradients within a model ---------------------------------------------------------


def test_activations_are_those_of_the_layers_one_by_one(rng, threads):
    model, x = branching(), rng.standard_normal((7, 6))
    found = inspection.activations(model, x)
    assert list(found) == ["0", "1.body.0", "1.body.1", "2", "3", "4"]
    for i, name in [(0, "0"), (2, "2"), (3, "3"), (4, "4")]:
        assert np.array_equal(found[name], model[: i + 1].forward(x))
    np.testing.assert_allclose(found["1.body.1"], np.tanh(found["1.body.0"]), rtol=1e-15)
    assert np.array_equal(inspection.activations(model, x, [1])["1"], found["2"])
    assert np.array_equal(inspection.activations(model, x, [model])[""], model.forward(x))
    pixels = rng.integers(0, 256, (7, 6), dtype=np.uint8)
    assert np.allclose(
        inspection.activations(model, pixels)["4"], model.forward(pixels / 255), atol=1e-12
    )


@pytest.mark.parametrize("name", NETS)
def test_gradients_equal_those_of_what_follows(name, rng):
    """The gradient at a layer is that with respect to the input of the layers behind it."""
    model = fastnn.Sequential(
        fastnn.Linear(4, 6, dtype=F8, activation="tanh"), NETS[name](), fastnn.Flatten(),
    )  # fmt: skip
    x = rng.standard_normal((5, 4))
    w = rng.standard_normal(model.forward(x).shape)
    found = inspection.gradients(model, x, lambda out: (0.0, w), ["0", "1"])
    h = model[:1].forward(x)
    tail = model[1:]
    tail.forward(h)
    np.testing.assert_allclose(found["0"], tail.backward(w), rtol=1e-12, atol=1e-14)
    assert np.array_equal(found["1"].reshape(w.shape), w)
    model.forward(x)
    dx = inspection.input_gradient(model, x, lambda out: (0.0, w))
    np.testing.assert_allclose(dx, model.backward(w), rtol=1e-12, atol=1e-14)


def test_objectives_of_inner_layers_equal_finite_differences(rng):
    model, x = branching(), rng.standard_normal((3, 6))
    for layer in ("0", "1.body.1", model[3], 4):
        objective = lambda out: (float((out**3).sum()), 3 * out**2)  # noqa: E731
        dx = inspection.input_gradient(model, x, objective, layer=layer)
        (name,) = inspection.Probe(model, [layer]).names

        def value(name=name):
            return float((inspection.activations(model, x, [name])[name] ** 3).sum())

        np.testing.assert_allclose(dx, numeric_gradient(value, x), rtol=1e-7, atol=1e-9)


def test_an_objective_of_several_layers_adds_their_gradients(rng):
    model, x = branching(), rng.standard_normal((3, 6))
    probe = inspection.Probe(model, ["0", "3"])

    def backward(*names):
        found = probe.forward(x)
        dx = probe.backward({name: found[name] for name in names})
        return dx, probe.gradients["0"], found["0"]

    other, behind, _ = backward("3")
    both, inner, h = backward("0", "3")
    one, alone, _ = backward("0")
    np.testing.assert_allclose(both, one + other, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(inner, behind + h, rtol=1e-12)
    assert np.array_equal(alone, h)
    assert np.array_equal(backward("3")[0], other)  # what the calls between added is gone
    with pytest.raises(RuntimeError, match="expected a forward before it, of its own"):
        probe.backward(h)


def test_looking_changes_nothing(rng):
    class Mean(fastnn.Layer):
        """Keeps a running mean, as normalisation does."""

        def __init__(self):
            self.mean = fastnn.parameter.Tracked(np.zeros(6))

        def forward(self, x, *, training=False):
            if training:
                self.mean.data[...] = x.mean(0)
            return x - self.mean.data

        def backward(self, dy):
            return dy

    model = fastnn.Sequential(Mean(), fastnn.Linear(6, 3, dtype=F8), fastnn.Dropout(0.5))
    x, dy = rng.standard_normal((5, 6)), rng.standard_normal((5, 3))
    model.forward(x)
    model.backward(dy)
    state, grads = model.state_dict(), [p.grad.copy() for p in model.parameters()]
    inspection.gradients(model, 2 * x, lambda out: (0, out), training=True)
    inspection.check_gradients(model, 2 * x, training=True, tolerance=None)
    assert all(np.array_equal(state[k], v) for k, v in model.state_dict().items())
    for p, grad in zip(model.parameters(), grads, strict=True):
        assert np.array_equal(p.grad, grad)


def test_gradients_equal_pytorchs_hooks(rng):
    torch = peer("torch")
    nn = torch.nn
    theirs = nn.Sequential(
        nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.Sequential(nn.Tanh(), nn.Linear(4, 3))
    ).double()
    ours = fastnn.Sequential(
        fastnn.Linear(6, 5, dtype=F8),
        fastnn.ReLU(),
        fastnn.Linear(5, 4, dtype=F8),
        fastnn.Sequential(fastnn.Tanh(), fastnn.Linear(4, 3, dtype=F8)),
    )
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    x, y = rng.standard_normal((9, 6)), rng.integers(0, 3, 9)
    outputs = {}

    def keep(name):
        def hook(module, inputs, output):
            output.retain_grad()
            outputs[name] = output

        return hook

    for name, module in theirs.named_modules():
        if not list(module.children()):
            module.register_forward_hook(keep(name))
    nn.functional.cross_entropy(theirs(torch.from_numpy(x)), torch.from_numpy(y)).backward()
    loss = fastnn.CrossEntropyLoss()
    found = inspection.gradients(ours, x, lambda out: loss(out, y))
    assert list(found) == list(outputs)
    for name, output in outputs.items():
        np.testing.assert_allclose(found[name], output.grad.numpy(), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m, x: inspection.Probe(3), TypeError, "model: expected a Layer, got int"),
        (lambda m, x: inspection.Probe(m, ["7"]), ValueError, r"layers\[0\]: .* got '7'"),
        (lambda m, x: inspection.Probe(m, [fastnn.ReLU()]), ValueError, r"layers\[0\]: expected"),
        (lambda m, x: inspection.Probe(m).backward(x), RuntimeError, "expected a forward"),
        (lambda m, x: inspection.activations(m, x[:, :2]), ValueError, r"got \(2,\)"),
    ],
)
def test_probe_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(branching(), np.ones((2, 6)))


def test_probe_refuses_gradients_that_do_not_fit():
    probe = inspection.Probe(branching(), ["0", "4"])
    probe.forward(np.ones((2, 6)))
    with pytest.raises(ValueError, match="grads: expected names of 0, 4, got '3'"):
        probe.backward({"3": np.ones((2, 5))})
    with pytest.raises(ValueError, match=r"grads\['0'\]: expected shape \(2, 5\), got \(2, 4\)"):
        probe.backward({"0": np.ones((2, 4))})
    with pytest.raises(TypeError, match=r"grads\['0'\]: expected float64, got float32"):
        probe.backward({"0": np.ones((2, 5), np.float32)})
    with pytest.raises(ValueError, match=r"dy: expected shape \(2, 3\)"):
        probe.backward(np.ones((2, 4)))


# -- checking gradients ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETS)
def test_right_gradients_pass(name, rng):
    report = inspection.check_gradients(NETS[name](), rng.standard_normal((4, 6)), tolerance=1e-7)
    assert list(report.errors) == ["input", *NETS[name]().named_parameters()]


class Wrong(Cube):
    """The gradient of its second parameter is wrong, or that of one element of its input."""

    def __init__(self, width, what):
        super().__init__(width)
        self.what = what

    def backward(self, dy):
        dx = super().backward(dy)
        if self.what == "scale":
            self.scale.grad[...] *= 1.001
        else:
            dx[1, 2] += 0.01
        return dx


@pytest.mark.parametrize("what", ["scale", "input"])
def test_wrong_gradients_are_found(what, rng):
    x = rng.standard_normal((3, 4))
    model = fastnn.Sequential(Wrong(4, what), fastnn.Tanh(), fastnn.Linear(4, 2, dtype=F8))
    name = "0.scale" if what == "scale" else what
    with pytest.raises(inspection.GradientError, match=f"gradients of {name}: expected errors"):
        inspection.check_gradients(model, x)
    report = inspection.check_gradients(model, x, tolerance=None)
    assert max(report.errors, key=report.errors.get) == name
    if what == "input":
        assert report.worst["input"][0] == (1, 2)
        _, gradient, quotient = report.worst["input"]
        assert np.isclose(gradient - quotient, 0.01)
    else:
        assert np.isclose(report.errors[name], 0.001, rtol=0.01)


def test_checks_with_a_loss_noise_and_few_elements(rng):
    model = fastnn.Sequential(
        fastnn.Linear(30, 20, dtype=F8), fastnn.Tanh(), fastnn.Dropout(0.5),
        fastnn.Linear(20, 4, dtype=F8),
    )  # fmt: skip
    x, y = rng.standard_normal((6, 30)), rng.integers(0, 4, 6)
    loss = fastnn.CrossEntropyLoss()
    calls = []

    def objective(out):
        calls.append(1)
        return loss(out, y)

    report = inspection.check_gradients(model, x, objective, training=True, elements=5)
    assert max(report.errors.values()) < 1e-8
    assert len(calls) == 1 + 4 * (4 * 5 + 4)  # of five arrays, the last has four elements
    assert inspection.check_gradients(fastnn.Tanh(), x).errors["input"] < 1e-8


def test_frozen_parameters_have_no_gradient_to_check(rng):
    layer = fastnn.Linear(4, 3, dtype=F8)
    layer.weight.requires_grad = False
    report = inspection.check_gradients(layer, rng.standard_normal((5, 4)))
    assert list(report.errors) == ["input", "bias"]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: inspection.check_gradients(3, x), TypeError, "layer: expected a Layer"),
        (
            lambda x: inspection.check_gradients(fastnn.Linear(3, 2), x),
            TypeError,
            "layer: expected float64, got float32",
        ),
        (lambda x: inspection.check_gradients(fastnn.Tanh(), x, step=0), ValueError, "step: "),
        (lambda x: inspection.check_gradients(fastnn.Tanh(), x, elements=0), ValueError, "elem"),
    ],
)
def test_check_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(np.ones((2, 3)))


# -- finding a learning rate ----------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_trial_leaves_training_as_it_was(optimizer):
    x, y = blobs()
    fit = {"epochs": 2, "batch_size": 30, "progress": False}

    def run(trials):
        model = net()
        trainer = fastnn.Trainer(model, "cross_entropy", optimizer)
        if trials:
            inspection.find_lr(trainer, x, y, steps=20)
        first = trainer.fit(x, y, **fit)["loss"]
        for _ in range(trials):
            inspection.find_lr(trainer, x, y, steps=20, end=1e4)
        return first, trainer.fit(x, y, **fit)["loss"], weights(model), trainer.optimizer.steps

    plain, tried = run(0), run(2)
    assert plain[:2] == tried[:2]
    assert np.array_equal(plain[2], tried[2])
    assert plain[3] == tried[3]


def test_the_curve_is_that_of_the_steps():
    """Against the same steps in a loop of one's own."""
    x, y = blobs(dtype="float64")
    model = net(dtype="float64")
    trainer = fastnn.Trainer(model, "cross_entropy", "adam", seed=3)
    curve = inspection.find_lr(
        trainer, x, y, start=1e-4, end=1e-1, steps=13, batch_size=64, smoothing=0.5
    )
    np.testing.assert_allclose(curve.rates, np.geomspace(1e-4, 1e-1, 13), rtol=1e-12)
    optimizer, loss, losses = fastnn.Adam(), fastnn.CrossEntropyLoss(), []
    generator = np.random.default_rng(3)
    while len(losses) < 13:
        order = generator.permutation(len(x))
        for first in range(0, len(x), 64):
            part = order[first : first + 64]
            optimizer.lr = float(curve.rates[min(12, len(losses))])
            value, grad = loss(model.forward(x[part]), y[part])
            model.backward(grad)
            optimizer.step(model)
            losses.append(value)
    np.testing.assert_allclose(curve.losses, losses[:13], rtol=1e-9)
    mean, expected = 0.0, []
    for i, value in enumerate(losses[:13], 1):
        mean = 0.5 * mean + 0.5 * value
        expected.append(mean / (1 - 0.5**i))
    np.testing.assert_allclose(curve.smoothed, expected, rtol=1e-9)


def test_the_suggestion_trains_better_than_rates_far_from_it():
    x, y = blobs(n=600)

    def loss(lr):
        trainer = fastnn.Trainer(net(), "cross_entropy", fastnn.SGD(lr))
        return trainer.fit(x, y, epochs=3, progress=False)["loss"][-1]

    trainer = fastnn.Trainer(net(), "cross_entropy", "sgd")
    curve = inspection.find_lr(trainer, x, y, end=1e3)
    assert len(curve.rates) < 200  # it ended early
    assert curve.rates[0] < curve.steepest <= 10 * curve.suggestion * (1 + 1e-9)
    assert loss(curve.suggestion) < loss(curve.suggestion / 100)
    assert loss(curve.suggestion) < loss(curve.suggestion * 100)


def test_a_trial_takes_batches_and_draws(tmp_path):
    pytest.importorskip("matplotlib")
    x, y = blobs()
    trainer = fastnn.Trainer(net(), "cross_entropy", "adam")
    batches = [(x[i : i + 50], y[i : i + 50]) for i in range(0, 200, 50)]
    curve = inspection.find_lr(trainer, batches, None, steps=9)
    assert len(curve.losses) == 9
    figure = curve.plot(tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 1000
    drawn = figure.axes[0].lines[1].get_xydata()
    np.testing.assert_array_equal(drawn, np.column_stack([curve.rates, curve.smoothed]))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"start": 0}, ValueError, "start: expected a finite number > 0"),
        ({"start": 1, "end": 0.1}, ValueError, "end: expected a rate above start = 1, got 0.1"),
        ({"steps": 1}, ValueError, "steps: expected at least 2"),
        ({"smoothing": 1}, ValueError, "smoothing: "),
        ({"diverged": 1}, ValueError, "diverged: expected a number above 1"),
        ({"batch_size": 0}, ValueError, "batch_size: "),
    ],
)
def test_trial_errors_leave_the_model_alone(options, error, message):
    x, y = blobs()
    trainer = fastnn.Trainer(net(), "cross_entropy", "adam")
    before = weights(trainer.model)
    with pytest.raises(error, match=message):
        inspection.find_lr(trainer, x, y, **options)
    x[:] = np.nan
    with pytest.raises(ValueError, match="loss: expected a finite number"):
        inspection.find_lr(trainer, x, y)
    assert np.array_equal(before, weights(trainer.model))
