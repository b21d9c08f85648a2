"""Normalisation: against the reference, finite differences and PyTorch; statistics that run."""

import itertools

import numpy as np
import pytest
from peers import peer
from test_layers import numeric_gradient

import fastnn
from fastnn import reference

F8 = np.float64

# Of batches: columns, some and many; short and long channels; one sample; channels longer than
# what is worked on at once, and more of them.
SHAPES = [
    (8, 5), (2, 3), (300, 33), (70, 700), (2, 3000),
    (7, 3, 4), (5, 3, 1), (2, 3, 2100),
    (4, 6, 5, 7), (1, 3, 9, 9), (33, 20, 14, 14), (3, 2, 70, 70),
]  # fmt: skip
ROWS = [
    ((8, 5), 5), ((4, 3, 7), 7), ((4, 3, 7), (3, 7)), ((2, 5, 40, 3), (40, 3)),
    ((3, 2100), 2100), ((300, 500), 500), ((2, 1), 1),
]  # fmt: skip


def batch_norm(shape, **options):
    kind = fastnn.BatchNorm2d if len(shape) == 4 else fastnn.BatchNorm1d
    return kind(shape[1], **options)


def draw(layer, rng):
    for p in layer.parameters():
        p.data[...] = rng.standard_normal(p.shape)
    return layer


def near(dtype, scale=1.0):
    """Of sums of up to some thousand terms, divided by their number again."""
    eps = 100 * np.finfo(dtype).eps
    return {"rtol": eps, "atol": eps * scale}


def check_gradients(layer, expected, dtype):
    """Parameters' gradients are sums over a batch of numbers of about 1."""
    for p, grad in zip(layer.parameters(), expected, strict=True):
        np.testing.assert_allclose(p.grad, grad, **near(dtype, max(1.0, np.abs(grad).max())))


@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_equals_the_reference(shape, dtype, variant, rng):
    layer = draw(batch_norm(shape, dtype=dtype), rng)
    weight, bias = (p.data for p in layer.parameters())
    mean, var = np.zeros(shape[1], dtype), np.ones(shape[1], dtype)
    for _ in range(3):
        x = (3 * rng.standard_normal(shape) + 2).astype(dtype)
        dy = rng.standard_normal(shape).astype(dtype)
        y = layer.forward(x, training=True)
        np.testing.assert_allclose(y, reference.batch_norm(x, weight, bias), **near(dtype))
        dx, *grads = reference.batch_norm_backward(dy, x, weight)
        np.testing.assert_allclose(layer.backward(dy), dx, **near(dtype, 10))
        check_gradients(layer, grads, dtype)
        mean, var = reference.batch_norm_running(x, mean, var)
        np.testing.assert_allclose(layer.running_mean.data, mean, **near(dtype))
        np.testing.assert_allclose(layer.running_var.data, var, **near(dtype))
    assert layer.num_batches_tracked.data == 3
    given = {"mean": layer.running_mean.data, "var": layer.running_var.data}
    y = layer.forward(x)
    np.testing.assert_allclose(y, reference.batch_norm(x, weight, bias, **given), **near(dtype))
    np.testing.assert_array_equal(layer.predict(x), y)
    dx, *grads = reference.batch_norm_backward(dy, x, weight, **given)
    np.testing.assert_allclose(layer.backward(dy), dx, **near(dtype, 10))
    check_gradients(layer, grads, dtype)
    assert layer.num_batches_tracked.data == 3  # nothing moves in evaluation
    np.testing.assert_allclose(layer.running_var.data, var, **near(dtype))


@pytest.mark.parametrize(("shape", "axes"), ROWS)
def test_layer_norm_equals_the_reference(shape, axes, dtype, variant, rng):
    layer = draw(fastnn.LayerNorm(axes, dtype=dtype), rng)
    weight, bias = (p.data for p in layer.parameters())
    x = (3 * rng.standard_normal(shape) + 2).astype(dtype)
    dy = rng.standard_normal(shape).astype(dtype)
    y = layer.forward(x, training=True)
    expected = reference.layer_norm(x, layer.normalized_shape, weight, bias)
    np.testing.assert_allclose(y, expected, **near(dtype))
    np.testing.assert_array_equal(layer.predict(x), y)
    dx, *grads = reference.layer_norm_backward(dy, x, layer.normalized_shape, weight)
    np.testing.assert_allclose(layer.backward(dy), dx, **near(dtype, 10))
    check_gradients(layer, grads, dtype)


def test_a_large_mean_costs_no_digits(dtype, rng):
    """Standard deviation 1 about 10^4: sums of squares would lose 8 digits."""
    x = (rng.standard_normal((50, 3, 20)) + 1e4).astype(dtype)
    exact = x.astype(np.longdouble)
    for layer in (fastnn.BatchNorm1d(3, dtype=dtype), fastnn.LayerNorm((3, 20), dtype=dtype)):
        axes = (0, 2) if isinstance(layer, fastnn.BatchNorm1d) else (1, 2)
        mean, var = (f(axis=axes, keepdims=True) for f in (exact.mean, exact.var))
        expected = (exact - mean) / np.sqrt(var + np.longdouble(1e-5))
        y = layer.forward(x, training=True)
        tolerance = 16 * np.finfo(dtype).eps if dtype == np.float32 else 1e-11
        np.testing.assert_allclose(y, expected.astype(F8), rtol=tolerance, atol=tolerance)


def objective_gradients(layer, x, rng, *, training):
    """The gradients of a layer, and those by finite differences."""
    w = rng.standard_normal(layer.forward(x, training=training).shape)
    dx, grads = layer.backward(w), [p.grad.copy() for p in layer.parameters()]

    def objective():
        return float((layer.forward(x, training=training) * w).sum())

    arrays = [x, *(p.data for p in layer.parameters())]
    return [dx, *grads], [numeric_gradient(objective, a) for a in arrays]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("after", [None, "Tanh", "GELU", "ELU"])
@pytest.mark.parametrize("shape", [(6, 4), (5, 3, 4), (3, 2, 3, 4)])
def test_batch_norms_gradients_equal_finite_differences(shape, after, training, rng, threads):
    layer = draw(batch_norm(shape, dtype=F8), rng)
    layer.running_mean.data[...] = rng.standard_normal(shape[1])
    layer.running_var.data[...] = rng.random(shape[1]) + 0.5
    model = fastnn.Sequential(layer, *([getattr(fastnn, after)()] if after else []))
    found, expected = objective_gradients(model, rng.standard_normal(shape), rng, training=training)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("shape", "axes"), [((6, 4), 4), ((3, 2, 5), 5), ((3, 2, 5), (2, 5))])
def test_layer_norms_gradients_equal_finite_differences(shape, axes, rng, threads):
    model = fastnn.Sequential(draw(fastnn.LayerNorm(axes, dtype=F8), rng), fastnn.Tanh())
    found, expected = objective_gradients(model, rng.standard_normal(shape), rng, training=True)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("kind", ["BatchNorm1d", "LayerNorm"])
def test_in_a_residual_branch(kind, rng, threads):
    # The norm's input has two readers, and its activation's output one that applies no gradient.
    norm = draw(getattr(fastnn, kind)(4, dtype=F8), rng)
    branch = fastnn.Sequential(norm, fastnn.GELU(), fastnn.Residual(fastnn.Tanh()))
    model = fastnn.Sequential(fastnn.Linear(3, 4, dtype=F8), fastnn.Tanh(), fastnn.Residual(branch))
    found, expected = objective_gradients(model, rng.standard_normal((6, 3)), rng, training=True)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "leaky_relu"])
@pytest.mark.parametrize("kind", ["BatchNorm1d", "LayerNorm"])
def test_activations_before_and_after_are_fused_to_the_bit(kind, activation, rng):
    """Their gradients are applied by whoever writes last, which changes no bit."""
    norm = draw(getattr(fastnn, kind)(16), rng)
    before, after = fastnn.Linear(20, 16, activation=activation), fastnn.Linear(16, 3)
    layer = fastnn.layers.ACTIVATION_LAYERS[activation]()
    x, dy = rng.standard_normal((40, 20)).astype("f4"), rng.standard_normal((40, 3)).astype("f4")
    model = fastnn.Sequential(before, norm, layer, after)
    y, dx = model.forward(x, training=True), model.backward(dy)
    grads = [p.grad.copy() for p in model.parameters()]
    parts, value = [before, norm, layer, after], x
    for part in parts:
        value = part.forward(value, training=True)
    assert np.array_equal(value, y)
    for part in reversed(parts):
        dy = part.backward(dy)
    assert np.array_equal(dy, dx)
    for p, grad in zip(model.parameters(), grads, strict=True):
        assert np.array_equal(p.grad, grad)


def test_results_do_not_depend_on_threads(rng):
    before, results = fastnn.get_num_threads(), []
    for threads in (1, 2, 3, 8):
        fastnn.set_num_threads(threads)
        fresh, values = np.random.default_rng(5), []
        for shape in [*SHAPES, (65, 3, 31, 33)]:
            model = fastnn.Sequential(draw(batch_norm(shape), fresh), fastnn.ReLU())
            x, dy = fresh.standard_normal((2, *shape)).astype("f4")
            values += [model.forward(x, training=True), model.backward(dy)]
            values += [*model.state_dict().values(), *(p.grad for p in model.parameters())]
        for shape, axes in ROWS:
            layer = draw(fastnn.LayerNorm(axes), fresh)
            x, dy = fresh.standard_normal((2, *shape)).astype("f4")
            values += [layer.forward(x), layer.backward(dy), *(p.grad for p in layer.parameters())]
        results.append([v.copy() for v in values])
    fastnn.set_num_threads(before)
    for values in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(values, results[0], strict=True))


# -- PyTorch -------------------------------------------------------------------------------------


OPTIONS = list(itertools.product([True, False], [True, False], [0.3, None]))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("affine", "track", "momentum"), OPTIONS)
@pytest.mark.parametrize("shape", [(9, 5), (2, 3), (70, 40), (7, 3, 4), (4, 6, 5, 7), (1, 3, 9, 9)])
def test_batch_norm_is_pytorchs(shape, affine, track, momentum, training, dtype, rng):
    torch = peer("torch")
    kind = "BatchNorm2d" if len(shape) == 4 else "BatchNorm1d"
    arguments = (shape[1], 1e-4, momentum, affine, track)
    ours = draw(getattr(fastnn, kind)(*arguments, dtype=dtype), rng)
    theirs = getattr(torch.nn, kind)(*arguments, dtype=getattr(torch, str(dtype)))
    assert list(theirs.state_dict()) == list(ours.state_dict())
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in ours.state_dict().items()})
    theirs.train(training)
    tolerance = 1e-5 if dtype == np.float32 else 1e-10
    for _ in range(4):
        x = (3 * rng.standard_normal(shape) + 2).astype(dtype)
        dy = rng.standard_normal(shape).astype(dtype)
        given = torch.from_numpy(x).requires_grad_()
        theirs.zero_grad()
        out = theirs(given)
        out.backward(torch.from_numpy(dy))
        y, dx = ours.forward(x, training=training), ours.backward(dy)
        # Where a channel has two values, its gradient is what cancellation leaves.
        scale = tolerance * (30 if shape[0] == 2 else 1)
        np.testing.assert_allclose(y, out.detach().numpy(), tolerance, scale)
        np.testing.assert_allclose(dx, given.grad.numpy(), tolerance, scale)
        for name, p in theirs.named_parameters():
            grad, own = p.grad.numpy(), ours.named_parameters()[name].grad
            np.testing.assert_allclose(own, grad, tolerance, tolerance * np.abs(grad).max())
        for key, value in theirs.state_dict().items():
            np.testing.assert_allclose(ours.state_dict()[key], value.numpy(), tolerance, tolerance)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})


@pytest.mark.parametrize(("affine", "bias"), [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize(("shape", "axes"), ROWS[:-1])
def test_layer_norm_is_pytorchs(shape, axes, affine, bias, dtype, rng):
    torch = peer("torch")
    arguments = (axes, 1e-4, affine, bias)
    ours = draw(fastnn.LayerNorm(*arguments, dtype=dtype), rng)
    theirs = torch.nn.LayerNorm(*arguments, dtype=getattr(torch, str(dtype)))
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in ours.state_dict().items()})
    x, dy = (a.astype(dtype) for a in rng.standard_normal((2, *shape)))
    given = torch.from_numpy(x).requires_grad_()
    out = theirs(given)
    out.backward(torch.from_numpy(dy))
    tolerance = 1e-5 if dtype == np.float32 else 1e-10
    np.testing.assert_allclose(ours.forward(x), out.detach().numpy(), tolerance, tolerance)
    np.testing.assert_allclose(ours.backward(dy), given.grad.numpy(), tolerance, tolerance)
    for name, p in theirs.named_parameters():
        grad, own = p.grad.numpy(), ours.named_parameters()[name].grad
        np.testing.assert_allclose(own, grad, tolerance, tolerance * np.abs(grad).max())
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})


@pytest.mark.parametrize("momentum", [0.1, None])
def test_a_trained_net_is_pytorchs(momentum, dtype, rng, threads):
    """Some epochs of the same batches, the last of each shorter: weights and running statistics."""
    torch = peer("torch")
    kind = {"dtype": getattr(torch, str(dtype))}
    theirs = torch.nn.Sequential(
        torch.nn.Linear(6, 8, **kind), torch.nn.BatchNorm1d(8, momentum=momentum, **kind),
        torch.nn.Tanh(), torch.nn.Linear(8, 8, **kind), torch.nn.LayerNorm(8, **kind),
        torch.nn.Linear(8, 3, **kind),
    )  # fmt: skip
    ours = fastnn.Sequential(
        fastnn.Linear(6, 8, dtype=dtype), fastnn.BatchNorm1d(8, momentum=momentum, dtype=dtype),
        fastnn.Tanh(), fastnn.Linear(8, 8, dtype=dtype), fastnn.LayerNorm(8, dtype=dtype),
        fastnn.Linear(8, 3, dtype=dtype),
    )  # fmt: skip
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    x, y = rng.standard_normal((50, 6)).astype(dtype), rng.integers(0, 3, 50)
    optimizer = torch.optim.SGD(theirs.parameters(), 0.1)
    for _ in range(4):
        for part in np.split(np.arange(50), [16, 32, 48]):
            optimizer.zero_grad()
            out = theirs(torch.from_numpy(x[part]))
            torch.nn.functional.cross_entropy(out, torch.from_numpy(y[part])).backward()
            optimizer.step()
    trainer = fastnn.Trainer(ours, "cross_entropy", fastnn.SGD(0.1))
    trainer.fit(
        x, y, epochs=4, batch_size=16, shuffle=False, progress=False, validation=(x, y)
    )  # validation moves nothing
    # Rounding grows over the steps; the bias before a batch norm has no gradient but rounding.
    tolerance = 2e-4 if dtype == np.float32 else 1e-10
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[key], value.numpy(), tolerance, tolerance)
    theirs.eval()
    expected = theirs(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(ours.predict(x), expected, tolerance, tolerance)


# -- training ------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"momentum": 0.9, "l2": 0.1}, {"clip_norm": 0.05}])
def test_a_trainer_takes_the_steps_of_a_loop(options, rng, threads):
    def net():
        return fastnn.Sequential(
            fastnn.Linear(5, 7), fastnn.BatchNorm1d(7), fastnn.ReLU(), fastnn.LayerNorm(7),
            fastnn.Linear(7, 3),
        )  # fmt: skip

    x, y = rng.standard_normal((44, 5)).astype("f4"), rng.integers(0, 3, 44)
    model, by_hand = net(), net()
    trainer = fastnn.Trainer(model, "cross_entropy", fastnn.SGD(0.1, **options))
    trainer.fit(x, y, epochs=3, batch_size=16, shuffle=False, progress=False)
    stepper = fastnn.SGD(0.1, **options)
    for _, first in itertools.product(range(3), (0, 16, 32)):
        part = slice(first, first + 16)
        _, grad = fastnn.CrossEntropyLoss()(by_hand.forward(x[part], training=True), y[part])
        by_hand.backward(grad)
        stepper.step(by_hand)
    for key, value in model.state_dict().items():
        np.testing.assert_allclose(by_hand.state_dict()[key], value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("rows", "batch"), [(33, 16), (1, 16), (5, 1)])
def test_a_batch_with_one_value_of_a_channel_is_refused_before_anything_changes(rows, batch, rng):
    model = fastnn.Sequential(fastnn.Linear(4, 3), fastnn.BatchNorm1d(3), fastnn.Linear(3, 2))
    x, y = rng.standard_normal((rows, 4)).astype("f4"), rng.integers(0, 2, rows)
    before = model.state_dict()
    trainer = fastnn.Trainer(model, "cross_entropy", fastnn.SGD(0.1))
    message = r"at least 2 samples \(BatchNorm1d in training needs two values.*got one of 1"
    with pytest.raises(ValueError, match=message):
        trainer.fit(x, y, epochs=2, batch_size=batch, progress=False)
    with pytest.raises(ValueError, match=message):
        model.forward(x[:1], training=True)
    assert all(np.array_equal(before[k], v) for k, v in model.state_dict().items())
    assert trainer.optimizer.steps == 0
    assert trainer.evaluate(x[:1], y[:1])["loss"] > 0  # evaluation takes one
    assert model.predict(x[:1]).shape == (1, 2)


def test_one_sample_of_many_values_is_a_batch(rng):
    layer = fastnn.BatchNorm2d(3)
    x = rng.standard_normal((1, 3, 4, 4)).astype("f4")
    assert abs(layer.forward(x, training=True).mean()) < 1e-6
    with pytest.raises(ValueError, match="at least 1 samples"):
        layer.forward(x[:0], training=True)
    assert layer.forward(x[:0]).shape == (0, 3, 4, 4)


def test_the_best_epochs_statistics_come_back(rng):
    model = fastnn.Sequential(fastnn.BatchNorm1d(4), fastnn.Linear(4, 2))
    x, y = rng.standard_normal((32, 4)).astype("f4"), rng.integers(0, 2, 32)
    kept = []

    class Worse(fastnn.Callback):
        def on_epoch_end(self, trainer, record):
            record["val_score"] = -record["epoch"]
            kept.append(trainer.model.state_dict())

    stop = fastnn.EarlyStopping("val_score", patience=2)
    trainer = fastnn.Trainer(model, "cross_entropy", "sgd", callbacks=[Worse(), stop])
    trainer.fit(x, y, epochs=5, batch_size=8, progress=False)
    for key, value in model.state_dict().items():
        assert np.array_equal(kept[0][key], value)
    assert not np.array_equal(kept[0]["0.running_mean"], kept[1]["0.running_mean"])


@pytest.mark.parametrize(
    "layer",
    [
        fastnn.BatchNorm1d(3, 1e-3, None, dtype=F8),
        fastnn.BatchNorm1d(3, affine=False, dtype=F8),
        fastnn.BatchNorm1d(3, affine=False, track_running_stats=False),
        fastnn.LayerNorm(3, 1e-3, bias=False),
        fastnn.LayerNorm((3,), elementwise_affine=False, dtype=F8),
    ],
)
def test_saved_and_loaded(layer, tmp_path, rng):
    x = rng.standard_normal((6, 3)).astype(layer.dtype)
    draw(layer, rng).forward(x, training=True)
    fastnn.save(layer, tmp_path / "m.safetensors")
    again = fastnn.load(tmp_path / "m.safetensors")
    assert again.config() == layer.config()
    assert again.dtype == layer.dtype
    for key, value in layer.state_dict().items():
        np.testing.assert_array_equal(again.state_dict()[key], value, strict=True)
    np.testing.assert_array_equal(again.predict(x), layer.predict(x))


def test_nan_stays_in_its_channel(rng):
    x = rng.standard_normal((6, 3, 5)).astype("f4")
    x[2, 1, 3] = np.nan
    y = fastnn.BatchNorm1d(3).forward(x, training=True)
    assert np.isnan(y[:, 1]).all()
    assert np.isfinite(y[:, [0, 2]]).all()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: fastnn.BatchNorm1d(0), ValueError, "num_features: expected at least 1"),
        (lambda: fastnn.BatchNorm1d(3, eps=-1), ValueError, "eps: expected a finite number >= 0"),
        (lambda: fastnn.BatchNorm2d(3, momentum=2), ValueError, r"momentum: .* in \[0, 1\]"),
        (lambda: fastnn.BatchNorm2d(3, affine=1), TypeError, "affine: expected a bool"),
        (lambda: fastnn.BatchNorm1d(3, dtype="int8"), TypeError, "dtype: expected float32"),
        (lambda: fastnn.LayerNorm(()), ValueError, "normalized_shape: expected at least one"),
        (lambda: fastnn.LayerNorm((3, 0)), ValueError, "normalized_shape: expected at least 1"),
        (lambda: fastnn.LayerNorm(2.5), TypeError, "normalized_shape: expected a whole number"),
    ],
)
def test_construction_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (fastnn.BatchNorm1d(3), (4,), r"BatchNorm1d: expected samples of shape \(3,\) or \(3, L\)"),
        (fastnn.BatchNorm1d(3), (3, 2, 2), r"BatchNorm1d: expected samples of shape \(3,\) or"),
        (fastnn.BatchNorm2d(3), (3, 2), r"BatchNorm2d: expected samples of shape \(3, H, W\)"),
        (fastnn.BatchNorm2d(3), (3, 0, 2), "BatchNorm2d: expected samples of shape"),
        (fastnn.LayerNorm((2, 3)), (3,), r"LayerNorm: expected samples of shape \(\.\.\., 2, 3\)"),
        (fastnn.LayerNorm(3), (4,), r"LayerNorm: expected samples of shape \(\.\.\., 3\), got"),
    ],
)
def test_samples_of_other_shapes_are_refused(layer, shape, message):
    with pytest.raises(ValueError, match=message):
        layer.forward(np.zeros((2, *shape), np.float32))


def test_a_layer_of_another_type_is_refused(rng):
    norm = fastnn.BatchNorm1d(3, affine=False, track_running_stats=False, dtype=F8)
    model = fastnn.Sequential(fastnn.Linear(3, 3), norm)
    with pytest.raises(TypeError, match="BatchNorm1d: expected to be in a model of float64"):
        model.forward(np.zeros((2, 3), np.float32))
