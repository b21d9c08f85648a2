"""Training: against the same steps in plain NumPy, and what a user of `Trainer` relies on."""

import itertools
import os
import signal
import threading
import time

import numpy as np
import pytest

import fastnn
from fastnn import reference


def net(*, dtype="float32", activation="tanh", sizes=(6, 9, 4)):
    pairs = list(itertools.pairwise(sizes))
    return fastnn.Sequential(
        *(
            fastnn.Linear(a, b, activation=activation if b != sizes[-1] else None, dtype=dtype)
            for a, b in pairs
        )
    )


def blobs(n=200, features=6, classes=4, dtype="float32", seed=3):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    centres = 2 * rng.standard_normal((classes, features))
    return (centres[y] + rng.standard_normal((n, features))).astype(dtype), y


def weights(model):
    return np.concatenate([p.data.ravel() for p in model.parameters()])


# What each optimizer's formula does in NumPy: (make, update(param, grad, state), state arrays).
OPTIMIZERS = {
    "sgd": (
        lambda **o: fastnn.SGD(0.1, **o),
        lambda p, g, s, t: reference.sgd_update(p, g, lr=0.1),
    ),
    "momentum": (
        lambda **o: fastnn.SGD(0.05, momentum=0.9, weight_decay=0.01, **o),
        lambda p, g, s, t: reference.sgd_update(
            p, g, s[0], lr=0.05, momentum=0.9, weight_decay=0.01
        ),
    ),
    "nesterov": (
        lambda **o: fastnn.SGD(0.05, momentum=0.9, nesterov=True, **o),
        lambda p, g, s, t: reference.sgd_update(p, g, s[0], lr=0.05, momentum=0.9, nesterov=True),
    ),
    "adagrad": (
        lambda **o: fastnn.Adagrad(0.1, **o),
        lambda p, g, s, t: reference.adagrad_update(p, g, s[0], lr=0.1),
    ),
    "rmsprop": (
        lambda **o: fastnn.RMSprop(0.01, momentum=0.5, nesterov=True, **o),
        lambda p, g, s, t: reference.rmsprop_update(
            p, g, s[0], s[1], lr=0.01, momentum=0.5, nesterov=True
        ),
    ),
    "adam": (
        lambda **o: fastnn.Adam(0.01, weight_decay=0.1, **o),
        lambda p, g, s, t: reference.adam_update(
            p, g, s[0], s[1], step=t, lr=0.01, weight_decay=0.1
        ),
    ),
    "adamw": (
        lambda **o: fastnn.AdamW(0.01, weight_decay=0.1, **o),
        lambda p, g, s, t: reference.adam_update(
            p, g, s[0], s[1], step=t, lr=0.01, weight_decay=0.1, decoupled=True
        ),
    ),
    "amsgrad": (
        lambda **o: fastnn.Adam(0.01, betas=(0.5, 0.8), amsgrad=True, **o),
        lambda p, g, s, t: reference.adam_update(
            p, g, *s, step=t, lr=0.01, betas=(0.5, 0.8), amsgrad=True
        ),
    ),
    "adadelta": (
        lambda **o: fastnn.Adadelta(weight_decay=0.1, **o),
        lambda p, g, s, t: reference.adadelta_update(p, g, s[0], s[1], weight_decay=0.1),
    ),
    "rprop": (
        lambda **o: fastnn.Rprop(0.001, **o),
        lambda p, g, s, t: reference.rprop_update(p, g, s[0], s[1], step=t, lr=0.001),
    ),
    "lion": (
        lambda **o: fastnn.Lion(0.001, weight_decay=0.1, **o),
        lambda p, g, s, t: reference.lion_update(p, g, s[0], lr=0.001, weight_decay=0.1),
    ),
    "adamax": (
        lambda **o: fastnn.Adamax(0.01, weight_decay=0.1, **o),
        lambda p, g, s, t: reference.adamax_update(
            p, g, s[0], s[1], step=t, lr=0.01, weight_decay=0.1
        ),
    ),
    "nadam": (
        lambda **o: fastnn.NAdam(0.01, weight_decay=0.1, decoupled_weight_decay=True, **o),
        lambda p, g, s, t: reference.nadam_update(
            p, g, s[0], s[1], step=t, lr=0.01, weight_decay=0.1, decoupled=True
        ),
    ),
    "radam": (
        lambda **o: fastnn.RAdam(0.01, betas=(0.9, 0.9), weight_decay=0.1, **o),
        lambda p, g, s, t: reference.radam_update(
            p, g, s[0], s[1], step=t, lr=0.01, betas=(0.9, 0.9), weight_decay=0.1
        ),
    ),
}
LOSSES = {
    "cross_entropy": (fastnn.CrossEntropyLoss, reference.softmax_cross_entropy),
    "mse": (fastnn.MSELoss, reference.mse),
    "huber": (fastnn.HuberLoss, reference.huber),
    "bce": (fastnn.BCEWithLogitsLoss, reference.binary_cross_entropy_with_logits),
    "squared_hinge": (fastnn.SquaredHingeLoss, reference.squared_hinge),
}


def train_in_numpy(model, loss, update, x, y, batch, steps, *, w=None, around=None):
    """Steps on a two-layer tanh net in float64: every formula written out or the reference's."""
    w1, b1, w2, b2 = params = [p.data.copy() for p in model.parameters()]
    states = [[np.zeros_like(p) for _ in range(3)] for p in params]
    losses = []
    for t in range(1, steps + 1):
        first = (t - 1) * batch % len(x)
        part = slice(first, first + batch)
        h = np.tanh(x[part] @ w1.T + b1)
        value, dz = loss(h @ w2.T + b2, y[part], sample_weight=None if w is None else w[part])
        dh = (dz @ w2) * (1 - h * h)
        grads = [dh.T @ x[part], dh.sum(0), dz.T @ h, dz.sum(0)]
        if around is not None:
            grads = around(params, grads)
        for p, g, s in zip(params, grads, states, strict=True):
            update(p, g, s, t)
        losses.append(value)
    return np.concatenate([p.ravel() for p in params]), losses


def targets(kind, y, dtype):
    if kind == "cross_entropy":
        return y
    one_hot = np.eye(4, dtype=dtype)[y]
    return 2 * one_hot - 1 if kind == "squared_hinge" else one_hot


class Losses(fastnn.Callback):
    def on_fit_begin(self, trainer):
        self.seen = []

    def on_step(self, trainer, step, loss):
        self.seen.append(loss)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_steps_equal_numpy(optimizer, loss, threads):
    model, (x, y) = net(dtype="float64"), blobs(dtype="float64")
    y = targets(loss, y, "float64")
    make, update = OPTIMIZERS[optimizer]
    loss_class, loss_function = LOSSES[loss]
    expected, losses = train_in_numpy(model, loss_function, update, x, y, 50, 40)
    record = Losses()
    trainer = fastnn.Trainer(model, loss_class(), make(), callbacks=[record])
    trainer.fit(x, y, epochs=10, batch_size=50, shuffle=False, progress=False)
    np.testing.assert_allclose(weights(model), expected, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(record.seen, losses, rtol=1e-9)


def penalties(params, grads, l1=0.02, l2=0.3):
    # On weights, not on biases.
    return [
        g + l1 * np.sign(p) + l2 * p if p.ndim > 1 else g
        for p, g in zip(params, grads, strict=True)
    ]


def clip_norm(params, grads, limit=0.05):
    norm = np.sqrt(sum((g * g).sum() for g in grads))
    return [g * min(1, limit / (norm + 1e-6)) for g in grads]


def clip_value(params, grads, limit=0.01):
    return [np.clip(g, -limit, limit) for g in grads]


AROUND = {
    "penalties": ({"l1": 0.02, "l2": 0.3}, penalties),
    "clip_norm": ({"clip_norm": 0.05}, clip_norm),
    "clip_value": ({"clip_value": 0.01}, clip_value),
    "all": (
        {"l1": 0.02, "l2": 0.3, "clip_value": 0.01, "clip_norm": 0.05},
        lambda p, g: clip_norm(p, clip_value(p, penalties(p, g))),
    ),
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_penalties_and_clipping_equal_numpy(optimizer, around):
    options, function = AROUND[around]
    make, update = OPTIMIZERS[optimizer]
    x, y = blobs(dtype="float64")
    model = net(dtype="float64")
    expected, _ = train_in_numpy(
        model, reference.softmax_cross_entropy, update, x, y, 50, 12, around=function
    )
    by_hand = net(dtype="float64")
    trainer = fastnn.Trainer(model, "cross_entropy", make(**options))
    trainer.fit(x, y, epochs=3, batch_size=50, shuffle=False, progress=False)
    np.testing.assert_allclose(weights(model), expected, rtol=1e-9, atol=1e-10)
    # A loop of one's own over forward, backward and step does the same.
    stepper = make(**options)
    for t in range(12):
        part = slice(t * 50 % 200, t * 50 % 200 + 50)
        _, grad = fastnn.CrossEntropyLoss()(by_hand.forward(x[part], training=True), y[part])
        by_hand.backward(grad)
        stepper.step(by_hand)
    np.testing.assert_allclose(weights(by_hand), expected, rtol=1e-9, atol=1e-10)


def test_sample_weights_equal_numpy_and_repetition():
    x, y = blobs(dtype="float64")
    w = np.random.default_rng(0).integers(0, 3, len(x)).astype("float64")
    model, repeated = net(dtype="float64"), net(dtype="float64")
    _, update = OPTIMIZERS["sgd"]
    expected, _ = train_in_numpy(model, reference.softmax_cross_entropy, update, x, y, 200, 5, w=w)
    fit = {"epochs": 5, "batch_size": None, "shuffle": False, "progress": False}
    history = fastnn.Trainer(model, "cross_entropy", fastnn.SGD(0.1)).fit(
        x, y, sample_weight=w, **fit
    )
    np.testing.assert_allclose(weights(model), expected, rtol=1e-9, atol=1e-10)
    again = np.repeat(np.arange(len(x)), w.astype(int))
    other = fastnn.Trainer(repeated, "cross_entropy", fastnn.SGD(0.1)).fit(
        x[again], y[again], **fit
    )
    np.testing.assert_allclose(weights(repeated), expected, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(history["loss"], other["loss"], rtol=1e-12)


@pytest.mark.parametrize("batch_size", [1, 7, 64, 200, 1000, None])
def test_batches_of_any_size_reach_every_sample_once(batch_size):
    x, y = blobs(n=200)
    seen = []

    class Spy(fastnn.Layer):
        def forward(self, x, *, training=False):
            seen.append(x.copy())
            return x

        def backward(self, dy):
            return dy

    model = fastnn.Sequential(Spy(), fastnn.Linear(6, 4))
    trainer = fastnn.Trainer(model, "cross_entropy", "adam")
    trainer.fit(x, y, epochs=1, batch_size=batch_size, progress=False)
    rows = 200 if batch_size is None else min(batch_size, 200)
    sizes = [rows] * (200 // rows) + [200 % rows] * (200 % rows > 0)
    assert [len(part) for part in seen] == sizes
    order = np.lexsort(np.concatenate(seen).T)
    assert np.array_equal(np.concatenate(seen)[order], x[np.lexsort(x.T)])
    assert not np.array_equal(np.concatenate(seen), x)


# Batch size and widths, so that each call of a Linear is divided in each of the ways there are
# (see engine/ops.pxi): the forward by many columns, by few, and for a small result by rows or, of
# few rows, by columns; the gradient of the input by columns and by rows; that of the weights by
# slabs of rows and, where a batch is large, of columns too.
DIVISIONS = [(150, (300, 250, 100, 10)), (601, (300, 70, 29, 10)), (7, (2500, 14, 160, 10))]


@pytest.mark.parametrize(
    "optimizer",
    [fastnn.SGD(0.1), fastnn.Adam(), fastnn.Adam(clip_norm=0.5, l1=0.001)],
    ids=["descent", "update", "late_update"],
)
@pytest.mark.parametrize(("batch_size", "widths"), DIVISIONS)
def test_same_bits_for_any_number_of_threads(variant, dtype, optimizer, batch_size, widths):
    rng = np.random.default_rng(0)
    n = max(21, batch_size * 7 // 6)  # the last batch is shorter
    x = rng.integers(0, 256, (n, widths[0]), dtype=np.uint8)
    y = rng.integers(0, 10, n)
    w = rng.random(n, dtype="float32")

    def run(threads):
        fastnn.set_num_threads(threads)
        model = fastnn.Sequential(
            fastnn.Linear(*widths[:2], dtype=dtype),
            fastnn.GELU(),
            fastnn.Dropout(0.3),
            fastnn.Linear(*widths[1:3], dtype=dtype),
            fastnn.ReLU(),
            fastnn.Linear(*widths[2:], dtype=dtype),
        )
        history = fastnn.Trainer(model, "cross_entropy", optimizer).fit(
            x, y, epochs=3, batch_size=batch_size, sample_weight=w, validation=(x, y),
            progress=False,
        )  # fmt: skip
        return weights(model), history["loss"], history["val_loss"]

    before = fastnn.get_num_threads()
    runs = [run(n) for n in (1, 2, 3, 8)]
    fastnn.set_num_threads(before)
    assert np.isfinite(runs[0][0]).all()
    for other in runs[1:]:
        assert np.array_equal(runs[0][0], other[0])
        assert runs[0][1:] == other[1:]


def test_seed_decides_and_nothing_else():
    x, y = blobs()

    def run(seed):
        model = net()
        fastnn.Trainer(model, "cross_entropy", "adam", seed=seed).fit(
            x, y, epochs=2, batch_size=32, progress=False
        )
        return weights(model)

    assert np.array_equal(run(0), run(0))
    assert not np.array_equal(run(0), run(1))


def test_a_users_layer_trains_like_fastnns_own():
    class MyReLU(fastnn.Layer):
        def forward(self, x, *, training=False):
            self.positive = x > 0
            return np.where(self.positive, x, np.float32(0))

        def backward(self, dy):
            return dy * self.positive

    x, y = blobs()
    mine = fastnn.Sequential(fastnn.Linear(6, 9, init="he_normal"), MyReLU(), fastnn.Linear(9, 4))
    own = fastnn.Sequential(
        fastnn.Linear(6, 9, init="he_normal"), fastnn.ReLU(), fastnn.Linear(9, 4)
    )
    for model in (mine, own):
        trainer = fastnn.Trainer(model, "cross_entropy", "adam")
        trainer.fit(x, y, epochs=5, batch_size=32, progress=False)
    np.testing.assert_allclose(weights(mine), weights(own), rtol=1e-5, atol=1e-6)


def test_memory_mapped_uint8_iterables_and_arrays_train_alike(tmp_path):
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (100, 6), dtype=np.uint8)
    y = rng.integers(0, 4, 100)
    np.save(tmp_path / "x.npy", pixels)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    floats = pixels * np.float32(1 / 255)
    fit = {"epochs": 3, "progress": False}

    def run(*data, **options):
        model = net()
        fastnn.Trainer(model, "cross_entropy", "adam").fit(*data, **fit, **options)
        return weights(model)

    expected = run(floats, y, batch_size=30, shuffle=False)
    assert np.array_equal(run(pixels, y, batch_size=30, shuffle=False), expected)
    assert np.array_equal(run(mapped, y, batch_size=30, shuffle=False), expected)
    batches = [(floats[i : i + 30], y[i : i + 30]) for i in range(0, 100, 30)]
    assert np.array_equal(run(batches), expected)
    doubled = np.zeros((100, 12), np.float32)
    doubled[:, ::2] = floats
    assert np.array_equal(run(doubled[:, ::2], y, batch_size=30, shuffle=False), expected)
    # Shuffled: the gathered rows are the same numbers too.
    assert np.array_equal(run(pixels, y, batch_size=30), run(floats, y, batch_size=30))


def test_data_is_only_read():
    x, y = blobs()
    x.flags.writeable = y.flags.writeable = False
    before = x.copy()
    model = fastnn.Sequential(fastnn.ReLU(), fastnn.Dropout(0.5), fastnn.Linear(6, 4))
    trainer = fastnn.Trainer(model, "cross_entropy", "adam")
    for shuffle in (False, True):
        trainer.fit(x, y, epochs=1, batch_size=50, shuffle=shuffle, progress=False)
    trainer.evaluate(x, y)
    assert np.array_equal(x, before)


def test_validation_and_metrics_are_in_the_history():
    x, y = blobs()

    def first_class(targets, outputs):
        return (outputs.argmax(1) == 0).mean()

    trainer = fastnn.Trainer(net(), "cross_entropy", fastnn.Adam(0.01), metrics=["f1", first_class])
    history = trainer.fit(
        x[:150], y[:150], epochs=4, batch_size=32, validation=(x[150:], y[150:]), progress=False
    )
    assert len(history) == 4
    assert history.names() == [
        "epoch", "loss", "lr", "val_loss", "val_accuracy", "val_f1", "val_first_class", "seconds",
    ]  # fmt: skip
    assert history["epoch"] == [1, 2, 3, 4]
    result = trainer.evaluate(x[150:], y[150:])
    assert result["loss"] == history["val_loss"][-1]
    outputs = trainer.predict(x[150:]).astype("float64")
    loss, _ = reference.softmax_cross_entropy(outputs, y[150:])
    assert result["loss"] == pytest.approx(loss, rel=1e-5)
    assert result["accuracy"] == (outputs.argmax(1) == y[150:]).mean()
    assert np.sum(result["confusion_matrix"]) == 50


def test_one_hot_targets_of_a_quadratic_cost_count_as_classes():
    x, y = blobs()
    trainer = fastnn.Trainer(net(), "mse", "adam")
    assert "accuracy" in trainer.evaluate(x, np.eye(4, dtype="f4")[y])
    values = np.random.default_rng(0).standard_normal((200, 4)).astype("f4")
    result = trainer.evaluate(x, values)
    assert set(result) == {"loss", "r2"}


def test_binary_loss_of_one_output():
    x, y = blobs(classes=2)
    model = fastnn.Sequential(fastnn.Linear(6, 1))
    trainer = fastnn.Trainer(model, "bce_with_logits", fastnn.Adam(0.05))
    trainer.fit(x, y, epochs=30, batch_size=32, progress=False)
    result = trainer.evaluate(x, y)
    assert result["accuracy"] > 0.9
    assert result["accuracy"] == ((model.predict(x)[:, 0] > 0) == y).mean()


def test_early_stopping_restores_the_best_weights():
    x, y = blobs(n=60)
    kept = {}

    class Keep(fastnn.Callback):
        def on_epoch_end(self, trainer, record):
            kept[record["epoch"]] = weights(trainer.model)

    stop = fastnn.EarlyStopping(patience=3)
    trainer = fastnn.Trainer(
        net(sizes=(6, 64, 4)), "cross_entropy", fastnn.Adam(0.05), callbacks=[Keep(), stop]
    )
    noise = np.random.default_rng(9).integers(0, 4, 40)  # nothing to learn: it must get worse
    history = trainer.fit(
        x[:20], y[:20], epochs=200, batch_size=5, validation=(x[20:], noise), progress=False
    )
    best = int(np.argmin(history["val_loss"])) + 1
    assert len(history) == best + 3
    assert history.best_epoch == best
    assert "val_loss has not improved for 3 epochs" in history.stopped
    assert np.array_equal(weights(trainer.model), kept[best])


def test_schedule_gives_each_steps_rate():
    x, y = blobs()
    model, by_hand = net(dtype="float64"), net(dtype="float64")
    x = x.astype("float64")
    schedule = fastnn.schedules.StepDecay(0.1, step_size=3, gamma=0.5)
    trainer = fastnn.Trainer(model, "cross_entropy", fastnn.SGD(9.0), schedule=schedule)
    history = trainer.fit(x, y, epochs=2, batch_size=50, shuffle=False, progress=False)
    rates = [0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025, 0.025]
    assert history["lr"] == [rates[3], rates[7]]
    expected, _ = train_in_numpy(
        by_hand,
        reference.softmax_cross_entropy,
        lambda p, g, s, t: reference.sgd_update(p, g, lr=rates[t - 1]),
        x, y, 50, 8,
    )  # fmt: skip
    np.testing.assert_allclose(weights(model), expected, rtol=1e-9, atol=1e-10)


def test_reduce_on_plateau_is_told_the_validation_loss():
    x, y = blobs(n=60)
    schedule = fastnn.schedules.ReduceOnPlateau(0.05, patience=1, factor=0.1)
    noise = np.random.default_rng(9).integers(0, 4, 40)
    history = fastnn.Trainer(net(), "cross_entropy", "adam", schedule=schedule).fit(
        x[:20], y[:20], epochs=40, batch_size=5, validation=(x[20:], noise), progress=False
    )
    assert history["lr"][0] == 0.05
    assert history["lr"][-1] < 0.006


def test_training_goes_on_where_it_stopped():
    x, y = blobs()
    once, twice = net(), net()
    fit = {"batch_size": 50, "shuffle": False, "progress": False}
    fastnn.Trainer(once, "cross_entropy", "adam").fit(x, y, epochs=4, **fit)
    trainer = fastnn.Trainer(twice, "cross_entropy", "adam")
    for _ in range(4):
        trainer.fit(x, y, epochs=1, **fit)
    assert np.array_equal(weights(once), weights(twice))


def test_a_model_can_be_trained_inside_another():
    x, y = blobs()
    inner = net()
    fastnn.Trainer(inner, "cross_entropy", "adam").fit(x, y, epochs=1, progress=False)
    outer = fastnn.Sequential(inner, fastnn.Tanh(), fastnn.Linear(4, 4))
    before = weights(inner)
    fastnn.Trainer(outer, "cross_entropy", "adam").fit(x, y, epochs=1, progress=False)
    assert not np.array_equal(weights(inner), before)
    np.testing.assert_array_equal(
        inner.predict(x), inner.forward(x)
    )  # both see where the weights are now
    fastnn.Trainer(inner, "cross_entropy", "adam").fit(x, y, epochs=1, progress=False)


class At(fastnn.Callback):
    """Does something after a number of steps."""

    def __init__(self, step, action):
        self.step, self.action, self.ended = step, action, False

    def on_step(self, trainer, step, loss):
        if step == self.step:
            self.action()

    def on_fit_end(self, trainer):
        self.ended = True


def test_callbacks_can_stop_training():
    x, y = blobs()

    def stop():
        raise fastnn.StopTraining("enough")

    callback = At(5, stop)
    trainer = fastnn.Trainer(net(), "cross_entropy", "adam", callbacks=[callback])
    history = trainer.fit(x, y, epochs=10, batch_size=50, progress=False)
    assert trainer.optimizer.steps == 5
    assert history.stopped == "enough"
    assert callback.ended
    assert len(history) == 1


def test_interrupt_leaves_the_model_usable():
    # A large step, so that the signal comes while the engine runs.
    x = np.random.default_rng(0).random((6000, 784), dtype="float32")
    y = np.zeros(6000, np.int64)
    model = net(sizes=(784, 512, 512, 10))
    trainer = fastnn.Trainer(model, "cross_entropy", "adam")
    sender = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    sender.start()
    began = time.monotonic()
    # A shell's background job begins with the signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(x, y, epochs=1000, batch_size=None, progress=False)
    finally:
        sender.cancel()
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - began < 60  # far from the end of 1000 epochs
    assert trainer.history.stopped == "interrupted"
    assert np.isfinite(model.predict(x[:10])).all()
    trainer.fit(x[:100], y[:100], epochs=1, progress=False)


def test_errors_change_nothing():
    x, y = blobs()
    model = net()
    before = weights(model)
    trainer = fastnn.Trainer(model, "cross_entropy", "adam")
    fit = {"epochs": 1, "progress": False}
    cases = [
        ((x, y - 1), {}, ValueError, r"target: expected integers in \[0, 4\), got -1"),
        ((x, y + 1), {}, ValueError, r"target: expected integers in \[0, 4\), got 4"),
        ((x, y[:-1]), {}, ValueError, "y: expected 200 targets, one for each row of x, got 199"),
        ((x, y.astype("f8")), {}, ValueError, "target: expected samples of shape"),
        ((x.astype("f8"), y), {}, TypeError, "x: expected float32 .*, got float64"),
        ((x[:, :5], y), {}, ValueError, r"expected samples of shape \(6,\), got \(5,\)"),
        ((x, list(y)), {}, TypeError, "target: expected a NumPy array, got list"),
        ((x[:0], y[:0]), {}, ValueError, "x: expected at least one sample"),
        ((3,), {}, TypeError, "x: expected a NumPy array or an iterable"),
        ((x, y), {"batch_size": 0}, ValueError, "batch_size: expected at least 1, got 0"),
        ((x, y), {"batch_size": 2.5}, TypeError, "batch_size: expected a whole number"),
        ((x, y), {"sample_weight": -np.ones(200)}, ValueError, "sample_weight: expected finite"),
        ((x, y), {"sample_weight": np.ones(3)}, ValueError, r"sample_weight: expected shape"),
        ((x, y), {"validation": x}, TypeError, r"validation: expected \(x, y\)"),
        ((x, y), {"validation": (x, y[:5])}, ValueError, "y: expected 200 targets"),
        ((iter([(x, y)]),), {"epochs": 2}, ValueError, "got an iterator"),
        (([(x, y)], y), {}, TypeError, "y: expected None with an iterable"),
        (([],), {}, ValueError, "expected at least one batch"),
        (([x],), {}, TypeError, "expected batches"),
    ]
    for data, options, error, message in cases:
        with pytest.raises(error, match=message):
            trainer.fit(*data, **(fit | options))
    assert np.array_equal(weights(model), before)
    with pytest.raises(ValueError, match="model: expected parameters to train, found none"):
        fastnn.Trainer(fastnn.Sequential(fastnn.Tanh()), "mse", "adam").fit(x, x, epochs=1)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: fastnn.SGD(-1), ValueError, "lr: expected a finite number >= 0, got -1"),
        (lambda: fastnn.SGD(0.1, momentum=-1), ValueError, "momentum: expected a finite number"),
        (lambda: fastnn.SGD(0.1, nesterov=True), ValueError, "nesterov: expected momentum > 0"),
        (lambda: fastnn.SGD(float("nan")), ValueError, "lr: expected"),
        (lambda: fastnn.Adam(betas=(0.9, 1.0)), ValueError, r"betas\[1\]: expected"),
        (lambda: fastnn.Adam(betas=0.9), TypeError, "betas: expected two numbers"),
        (
            lambda: fastnn.Adam(clip_norm=0),
            ValueError,
            "clip_norm: expected a finite number > 0, got 0",
        ),
        (lambda: fastnn.RMSprop(alpha="a"), TypeError, "alpha: expected a number in"),
        (lambda: fastnn.HuberLoss(0), ValueError, "delta: expected a finite number > 0"),
        (lambda: fastnn.CrossEntropyLoss(2), ValueError, "label_smoothing: expected"),
        (lambda: fastnn.EarlyStopping(patience=0), ValueError, "patience: expected"),
        (lambda: fastnn.Trainer(net(), "nothing", "adam"), ValueError, "loss: expected a Loss or"),
        (lambda: fastnn.Trainer(net(), "mse", "nothing"), ValueError, "optimizer: expected an"),
        (lambda: fastnn.Trainer(net(), "mse", "adam", metrics=["x"]), ValueError, r"metrics\[0\]"),
        (lambda: fastnn.Trainer(net(), "mse", "adam", callbacks=[1]), TypeError, r"callbacks\[0\]"),
    ],
)
def test_settings_are_checked(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_diverged_training_says_so_in_the_loss():
    x, y = blobs()
    trainer = fastnn.Trainer(net(), "mse", fastnn.SGD(1e6))
    history = trainer.fit(x, np.eye(4, dtype="f4")[y], epochs=5, progress=False)
    assert not np.isfinite(history["loss"][-1])


def test_progress_bar_shows_epoch_and_loss(capsys):
    x, y = blobs()
    fastnn.Trainer(net(), "cross_entropy", "adam").fit(
        x, y, epochs=2, batch_size=50, validation=(x, y)
    )
    shown = capsys.readouterr().err
    assert "epoch 2/2" in shown
    assert "val_accuracy=" in shown
    assert "8/8" in shown


def test_history_exports_and_plots(tmp_path):
    x, y = blobs()
    history = fastnn.Trainer(net(), "cross_entropy", "adam").fit(
        x, y, epochs=3, validation=(x, y), progress=False
    )
    history.to_csv(tmp_path / "h.csv")
    lines = (tmp_path / "h.csv").read_text().splitlines()
    assert lines[0] == "epoch,loss,lr,val_loss,val_accuracy,seconds"
    assert len(lines) == 4
    history.to_json(tmp_path / "h.json")
    pytest.importorskip("matplotlib")
    history.plot(tmp_path / "h.png")
    assert (tmp_path / "h.png").read_bytes().startswith(b"\x89PNG")


def test_digits_are_learned():
    data = fastnn.data.load_digits()
    model = fastnn.Sequential(fastnn.Linear(64, 128), fastnn.ReLU(), fastnn.Linear(128, 10))
    trainer = fastnn.Trainer(model, "cross_entropy", "adam")
    trainer.fit(data.x_train, data.y_train, epochs=30, progress=False)
    assert trainer.evaluate(data.x_test, data.y_test)["accuracy"] > 0.97


def test_mnist_is_learned(mnist_folder):
    data = fastnn.data.load_idx_folder(mnist_folder)
    model = fastnn.Sequential(
        fastnn.Flatten(), fastnn.Linear(784, 100), fastnn.ReLU(), fastnn.Linear(100, 10)
    )
    trainer = fastnn.Trainer(model, "cross_entropy", fastnn.Adam())
    trainer.fit(data.x_train, data.y_train, epochs=10, batch_size=64, progress=False)
    assert trainer.evaluate(data.x_test, data.y_test)["accuracy"] >= 0.975


def test_sigmoid_net_with_quadratic_cost_reaches_the_published_accuracy(mnist_folder):
    """[784, 30, 10], sigmoid, batches of 10, eta 3.0, 30 epochs on 50,000 images: 95.42 % at best
    in Nielsen, Neural Networks and Deep Learning (2015), chapter 1; runs spread, so the median
    of three. His cost is half the sum of squares, ours their mean: 5 times the rate."""
    data = fastnn.data.load_idx_folder(mnist_folder)
    x, y = data.x_train[:50000], np.eye(10, dtype="f4")[data.y_train[:50000]]
    accuracies = []
    for seed in range(3):
        model = fastnn.Sequential(
            fastnn.Flatten(),
            fastnn.Linear(784, 30),
            fastnn.Sigmoid(),
            fastnn.Linear(30, 10),
            fastnn.Sigmoid(),
            seed=seed,
        )
        trainer = fastnn.Trainer(model, "mse", fastnn.SGD(3.0 * 5), seed=seed)
        trainer.fit(x, y, epochs=30, batch_size=10, progress=False)
        one_hot = np.eye(10, dtype="f4")[data.y_test]
        accuracies.append(trainer.evaluate(data.x_test, one_hot)["accuracy"])
    assert np.median(accuracies) >= 0.95


def test_a_trainer_follows_a_new_optimizer_and_loss():
    x, y = blobs()
    one_hot = np.eye(4, dtype="f4")[y]
    fit = {"epochs": 2, "batch_size": 50, "shuffle": False, "progress": False}
    model, expected = net(), net()
    trainer = fastnn.Trainer(model, "cross_entropy", fastnn.SGD(0.1))
    trainer.fit(x, one_hot, **fit)
    before = trainer.evaluate(x, one_hot)["loss"]
    expected.load_state_dict(model.state_dict())
    trainer.optimizer, trainer.loss = fastnn.Adam(0.01), fastnn.MSELoss()
    assert trainer.evaluate(x, one_hot)["loss"] != before
    trainer.fit(x, one_hot, **fit)
    fastnn.Trainer(expected, "mse", fastnn.Adam(0.01)).fit(x, one_hot, **fit)
    assert np.array_equal(weights(model), weights(expected))
    assert trainer.optimizer.steps == 8


def test_an_optimizer_that_another_model_has_used_begins_anew():
    x, y = blobs()
    fit = {"epochs": 1, "batch_size": 50, "shuffle": False, "progress": False}
    shared, model, other, expected = fastnn.Adam(0.01), net(), net(), net()
    trainer = fastnn.Trainer(model, "cross_entropy", shared)
    trainer.fit(x, y, **fit)
    expected.load_state_dict(model.state_dict())
    fastnn.Trainer(other, "cross_entropy", shared).fit(x, y, **fit)
    trainer.fit(x, y, **fit)
    fastnn.Trainer(expected, "cross_entropy", fastnn.Adam(0.01)).fit(x, y, **fit)
    assert np.array_equal(weights(model), weights(expected))
