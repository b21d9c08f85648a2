"""What goes with recurrent layers: embeddings, masks, losses and metrics of steps, streams."""

import math

import numpy as np
import pytest

import fastnn
from fastnn import reference
from fastnn.data import stream_batches

# -- Embedding -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(6,), (6, 5), (3, 2, 4)])
@pytest.mark.parametrize(("size", "width"), [(1, 1), (11, 3), (300, 600)])
def test_embedding_equals_the_formula(shape, size, width, dtype, variant, threads, rng):
    layer = fastnn.Embedding(size, width, dtype=dtype)
    x = rng.integers(0, size, shape)
    dy = rng.standard_normal((*shape, width)).astype(dtype)
    assert np.array_equal(layer.forward(x), reference.embedding(x, layer.weight.data))
    assert np.array_equal(layer.predict(x), layer.weight.data[x])
    layer.weight.grad[...] = 7  # overwritten
    assert layer.backward(dy) is None
    expected = reference.embedding_backward(dy.astype("f8"), x, layer.weight.data.astype("f8"))
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(layer.weight.grad, expected, rtol=4 * eps, atol=4 * eps)


@pytest.mark.parametrize("kind", ["i1", "u2", "i4", "u8", ">i4"])
def test_any_integers_are_indices(kind):
    layer = fastnn.Embedding(100, 2)
    x = np.arange(60).reshape(20, 3)
    expected = layer.forward(x)
    for values in (x.astype(kind), x.astype(kind)[::-1][::-1], np.asfortranarray(x.astype(kind))):
        assert np.array_equal(layer.forward(values), expected)
        assert np.array_equal(layer.predict(values), expected)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.array([[0, 5]]), ValueError, r"x: expected indices in \[0, 5\), got 0 to 5"),
        (np.array([[0, -1]]), ValueError, r"x: expected indices in \[0, 5\), got -1 to 0"),
        (np.array([[2**63]], np.uint64), ValueError, "x: expected indices"),
        (np.array([[0.0]]), TypeError, "x: expected integers, got float64"),
        (np.array([[True]]), TypeError, "x: expected integers, got bool"),
        ([[1]], TypeError, "x: expected a NumPy array, got list"),
    ],
)
@pytest.mark.parametrize("use", ["forward", "predict", "fit", "evaluate"])
def test_indices_out_of_range_are_errors_before_anything_is_changed(x, error, message, use):
    model = fastnn.Sequential(fastnn.Embedding(5, 3), fastnn.Flatten(), fastnn.Linear(6, 2))
    good, y = np.array([[0, 1], [4, 2]]), np.array([0, 1])
    trainer = fastnn.Trainer(model, "cross_entropy", fastnn.SGD(0.1))
    before = model.predict(good)
    if isinstance(x, np.ndarray) and x.shape[1] == 1:
        x = np.repeat(x, 2, axis=1)
    run = {
        "forward": lambda: model.forward(x),
        "predict": lambda: model.predict(x),
        "fit": lambda: trainer.fit(x, y[: len(x)], epochs=1, validation=(good, y), progress=False),
        "evaluate": lambda: trainer.evaluate(x, y[: len(x)]),
    }[use]
    with pytest.raises((TypeError, ValueError) if isinstance(x, list) else error) as caught:
        run()
    if not isinstance(x, list):
        assert caught.match(message)
    assert np.array_equal(model.predict(good), before)
    with pytest.raises(ValueError, match="x: expected indices"):
        trainer.fit(good, y, epochs=1, validation=(good + 3, y), progress=False)
    with pytest.raises(ValueError, match="augment: expected None for a model of indices"):
        trainer.fit(good, y, epochs=1, augment=lambda x, **_: x, progress=False)
    assert np.array_equal(model.predict(good), before)


def test_padding_vectors_begin_as_zeros_and_stay():
    layer = fastnn.Embedding(5, 3, padding_idx=-2)
    assert layer.padding_idx == 3
    assert not layer.weight.data[3].any()
    assert layer.weight.data.std() > 0.5
    model = fastnn.Sequential(layer, fastnn.GRU(3, 4, output="last"), fastnn.Linear(4, 2))
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 5, (40, 6)), rng.integers(0, 2, 40)
    fastnn.Trainer(model, "cross_entropy", "adam").fit(x, y, epochs=2, progress=False)
    assert not layer.weight.data[3].any()


def test_plain_descent_leaves_vectors_alone_that_were_not_read():
    """The same as with momentum 0 in PyTorch; a NaN there would show any arithmetic."""
    layer = fastnn.Embedding(6, 3)
    layer.weight.data[4] = np.nan
    model = fastnn.Sequential(layer, fastnn.Flatten(), fastnn.Linear(6, 2))
    x, y = np.array([[0, 1], [2, 5]]), np.array([0, 1])
    before = layer.weight.data.copy()
    fastnn.Trainer(model, "cross_entropy", fastnn.SGD(0.1)).fit(x, y, epochs=1, progress=False)
    moved = (layer.weight.data != before).any(1)
    assert moved.tolist() == [True, True, True, False, True, True]  # NaN is unlike itself
    assert np.array_equal(layer.weight.data[3:5], before[3:5], equal_nan=True)


@pytest.mark.parametrize("optimizer", [fastnn.SGD(0.1), fastnn.Adam(), fastnn.Adam(clip_norm=1)])
def test_embedding_bits_do_not_depend_on_threads(optimizer):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 400, (300, 20)), rng.integers(0, 3, 300)

    def run(threads):
        fastnn.set_num_threads(threads)
        model = fastnn.Sequential(
            fastnn.Embedding(400, 33), fastnn.Flatten(), fastnn.Linear(660, 3)
        )
        fastnn.Trainer(model, "cross_entropy", optimizer).fit(
            x, y, epochs=2, batch_size=128, progress=False
        )
        return np.concatenate([p.data.ravel() for p in model.parameters()])

    before = fastnn.get_num_threads()
    runs = [run(threads) for threads in (1, 2, 3, 8)]
    fastnn.set_num_threads(before)
    for other in runs[1:]:
        assert np.array_equal(runs[0], other)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: fastnn.Embedding(0, 3), ValueError, "num_embeddings: expected at least 1"),
        (lambda: fastnn.Embedding(3, 0), ValueError, "embedding_dim: expected at least 1"),
        (lambda: fastnn.Embedding(3, 2, 3), ValueError, "padding_idx: expected -3 to 2, got 3"),
        (lambda: fastnn.Embedding(3, 2, -4), ValueError, "padding_idx: expected at least -3"),
        (lambda: fastnn.Embedding(3, 2, 1.0), TypeError, "padding_idx: expected a whole number"),
        (lambda: fastnn.Masking(math.inf), ValueError, "value: expected a finite number"),
        (
            lambda: fastnn.Sequential(fastnn.Linear(2, 2), fastnn.Embedding(3, 2)).predict(
                np.zeros((1, 2), np.float32)
            ),
            TypeError,
            "Embedding: expected to be the first layer, got float32 inputs",
        ),
        (
            lambda: fastnn.Masking().forward(np.zeros((2, 3), np.float32)),
            ValueError,
            r"Masking: expected samples of shape \(T, features\), got \(3,\)",
        ),
    ],
)
def test_construction_errors(build, error, message):
    with pytest.raises(error, match=message):
        build()


# -- lengths -------------------------------------------------------------------------------------


@pytest.mark.parametrize("padding", [0.0, -1.5])
def test_masking_tells_recurrent_layers_the_lengths(padding, dtype, threads, rng):
    x = rng.standard_normal((50, 7, 3)).astype(dtype)
    x[:, 2] = padding  # within a sequence it counts
    lengths = rng.integers(0, 8, 50)
    for row, length in enumerate(lengths):
        x[row, length:] = padding
    lengths = reference.steps_that_count(x, padding)
    assert {0, 2, 7} <= set(lengths)
    lstm = fastnn.LSTM(3, 4, bidirectional=True, dtype=dtype)
    model = fastnn.Sequential(
        fastnn.Masking(padding), fastnn.Dropout(0.2), fastnn.Linear(3, 3, dtype=dtype), lstm
    )
    inner = model[2].forward(x)
    expected = lstm.forward(inner, lengths=lengths)
    assert np.array_equal(model.forward(x), expected)
    assert np.array_equal(model.predict(x), expected)
    dy = rng.standard_normal(expected.shape).astype(dtype)
    dx = model[2].backward(lstm.backward(dy))
    assert np.array_equal(model.backward(dy), dx)
    assert not dx[np.arange(7) >= lengths[:, None]].any()


def test_padding_indices_tell_the_lengths(rng):
    x = rng.integers(1, 9, (30, 6))
    lengths = rng.integers(0, 7, 30)
    x[np.arange(6) >= lengths[:, None]] = 0
    x[:, 1] = 0
    lengths = reference.steps_that_count(x[:, :, None])
    model = fastnn.Sequential(fastnn.Embedding(9, 4, padding_idx=0), fastnn.GRU(4, 5))
    expected = model[1].forward(model[0].forward(x), lengths=lengths)
    assert np.array_equal(model.forward(x), expected)
    plain = fastnn.Sequential(fastnn.Embedding(9, 4), fastnn.GRU(4, 5))
    plain.load_state_dict(model.state_dict())
    assert plain.forward(x)[lengths > 0, -1].all()


def test_files_make_the_same_layers_again(tmp_path, dtype, rng):
    model = fastnn.Sequential(
        fastnn.Embedding(9, 4, padding_idx=-1, dtype=dtype),
        fastnn.Masking(2.5),
        fastnn.GRU(4, 3, output="last", dtype=dtype),
    )
    fastnn.save(model, tmp_path / "m")
    again = fastnn.load(tmp_path / "m")
    assert repr(again) == repr(model)
    assert [layer.config() for layer in again] == [layer.config() for layer in model]
    assert again.input_dtype == np.int64
    x = rng.integers(0, 9, (5, 6))
    assert np.array_equal(again.predict(x), model.predict(x))


# -- losses and metrics of steps -----------------------------------------------------------------


def by_hand(logits, labels, weights, smoothing):
    """The weighted mean over all steps that count, of the formula of single samples."""
    counts = labels != -100
    loss, grad = reference.softmax_cross_entropy(
        logits[counts], labels[counts], sample_weight=weights[counts], label_smoothing=smoothing
    )
    full = np.zeros_like(logits)
    full[counts] = grad
    return loss, full


@pytest.mark.parametrize("weighted", ["not", "rows", "steps"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_counts_steps(weighted, smoothing, dtype, rng):
    logits = rng.standard_normal((6, 5, 4)).astype(dtype)
    labels = rng.integers(0, 4, (6, 5))
    labels[rng.random((6, 5)) < 0.4] = -100
    weights = {
        "not": None,
        "rows": rng.random(6).astype(dtype),
        "steps": rng.random((6, 5)).astype(dtype),
    }[weighted]
    all_weights = np.ones((6, 5)) if weights is None else np.array(weights, "f8")
    if weighted == "rows":
        all_weights = np.repeat(all_weights[:, None], 5, 1)
    loss, grad = by_hand(logits.astype("f8"), labels, all_weights, smoothing)
    out = np.empty_like(logits)
    criterion = fastnn.CrossEntropyLoss(smoothing)
    mine, same = criterion(logits, labels, sample_weight=weights, grad_out=out)
    eps = np.finfo(dtype).eps
    assert same.base is out or same is out
    np.testing.assert_allclose(mine, loss, rtol=10 * eps)
    np.testing.assert_allclose(out, grad, rtol=20 * eps, atol=2 * eps)

    # The same in a program, whose model hands its input on.
    scale = fastnn.Linear(4, 4, bias=False, dtype=dtype)
    scale.weight.data[...] = np.eye(4)
    trainer = fastnn.Trainer(fastnn.Sequential(scale), criterion, fastnn.SGD(0.0))
    result = trainer.evaluate(logits, labels, sample_weight=weights, batch_size=4)
    np.testing.assert_allclose(result["loss"], loss, rtol=10 * eps)
    counts = labels != -100
    right = (logits.argmax(2) == labels)[counts].mean()
    np.testing.assert_allclose(result["accuracy"], right, rtol=1e-12)
    assert sum(map(sum, result["confusion_matrix"])) == counts.sum()


def test_steps_that_do_not_count_teach_nothing(rng):
    """Ignored labels and weights of zero give the same bits, and logits there may be anything."""
    x = rng.standard_normal((40, 6, 3)).astype("f4")
    labels = rng.integers(0, 4, (40, 6))
    counts = rng.random((40, 6)) < 0.6

    def run(y, weight):
        model = fastnn.Sequential(fastnn.LSTM(3, 5), fastnn.Linear(5, 4))
        trainer = fastnn.Trainer(model, "cross_entropy", fastnn.Adam(0.01))
        history = trainer.fit(x, y, epochs=2, batch_size=16, sample_weight=weight, progress=False)
        return np.concatenate([p.data.ravel() for p in model.parameters()]), history["loss"]

    ignored, losses = run(np.where(counts, labels, -100), np.ones((40, 6), "f4"))
    weighted, same = run(labels, counts.astype("f4"))
    assert np.array_equal(ignored, weighted)
    assert losses == same


def test_labels_of_samples_may_be_ignored_as_well():
    logits = np.array([[1, 2, 3], [5, 1, 0]], np.float32)
    alone = fastnn.CrossEntropyLoss()(logits[:1], np.array([2]))[0]
    loss, grad = fastnn.CrossEntropyLoss()(logits, np.array([2, -100]))
    assert loss == alone
    assert not grad[1].any()
    nothing, grad = fastnn.CrossEntropyLoss()(logits, np.array([-100, -100]))
    assert nothing == 0
    assert not grad.any()
    model = fastnn.Sequential(fastnn.Linear(3, 3))
    trainer = fastnn.Trainer(model, "cross_entropy", "sgd")
    assert math.isnan(trainer.evaluate(logits, np.array([-100, -100]))["accuracy"])


@pytest.mark.parametrize(
    ("target", "options", "error", "message"),
    [
        (np.zeros((2, 4), int), {}, ValueError, r"labels of shape \(N, 3\), got \(2, 4\)"),
        (np.zeros(2, int), {}, ValueError, r"labels of shape \(N, 3\), got \(2,\)"),
        (np.full((2, 3), 5), {}, ValueError, r"expected integers in \[0, 5\), got 5"),
        (np.full((2, 3), -1), {}, ValueError, r"expected integers in \[0, 5\), got -1"),
        (np.zeros((2, 3, 4), "f4"), {}, ValueError, r"samples of shape \(3, 5\)"),
        (
            np.zeros((2, 3), int),
            {"sample_weight": np.ones((2, 2), "f4")},
            ValueError,
            r"sample_weight: expected shape \(2, 3\), got \(2, 2\)",
        ),
        (
            np.zeros((2, 3), int),
            {"sample_weight": np.full((2, 3), -1, "f4")},
            ValueError,
            "sample_weight: expected finite numbers >= 0",
        ),
        (
            np.zeros((2, 3), int),
            {"grad_out": np.empty((3, 2, 5), "f4").swapaxes(0, 1)},
            ValueError,
            "grad_out: expected an aligned, C-contiguous array",
        ),
    ],
)
def test_targets_of_steps_that_are_wrong(target, options, error, message):
    with pytest.raises(error, match=message):
        fastnn.CrossEntropyLoss()(np.zeros((2, 3, 5), "f4"), target, **options)


def test_values_of_steps(rng):
    x = rng.standard_normal((20, 4, 3)).astype("f4")
    y = np.cumsum(x, 1).astype("f4")
    model = fastnn.Sequential(fastnn.RNN(3, 16), fastnn.Linear(16, 3))
    trainer = fastnn.Trainer(model, "mse", fastnn.Adam(0.01))
    trainer.fit(x, y, epochs=200, batch_size=7, progress=False)
    expected = ((model.predict(x) - y) ** 2).mean()
    loss = trainer.evaluate(x, y)["loss"]
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    assert loss < 0.05 * (y**2).mean()


# -- streams and states ---------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "batch", "steps"), [(2, 1, 1), (100, 3, 7), (127, 8, 5)])
def test_rows_of_a_stream_go_on_where_they_ended(n, batch, steps):
    stream = np.arange(n)
    x, y = stream_batches(stream, batch, steps)
    batches = (n - 1) // (batch * steps)
    assert x.shape == y.shape == (batches * batch, steps)
    assert np.array_equal(y, x + 1)
    rows = x.reshape(batches, batch, steps).swapaxes(0, 1).reshape(-1)
    assert np.array_equal(rows, stream[: batches * batch * steps])


def test_streams_of_features_with_targets(rng):
    stream, target = rng.random((50, 3)), rng.random(50)
    x, y = stream_batches(stream, 2, 6, targets=target)
    assert x.shape == (8, 6, 3)
    assert y.shape == (8, 6)
    assert np.array_equal(x[1], stream[24:30])
    assert np.array_equal(y[3], target[30:36])


@pytest.mark.parametrize(
    ("args", "options", "error", "message"),
    [
        ((np.arange(9), 2, 5), {}, ValueError, "expected at least 10 steps that have a target"),
        ((np.arange(9), 0, 5), {}, ValueError, "batch_size: expected at least 1, got 0"),
        ((np.arange(9), 1, 1.5), {}, TypeError, "steps: expected a whole number, got 1.5"),
        ((np.array(3), 1, 1), {}, ValueError, r"stream: expected shape \(N, ...\)"),
        ((np.arange(9), 1, 1), {"targets": np.arange(8)}, ValueError, "targets: expected 9 rows"),
    ],
)
def test_stream_errors(args, options, error, message):
    with pytest.raises(error, match=message):
        stream_batches(*args, **options)


def stateful_model():
    return fastnn.Sequential(
        fastnn.Embedding(7, 3), fastnn.LSTM(3, 5, 2, stateful=True), fastnn.Linear(5, 7)
    )


def test_batches_of_an_iterable_carry_the_state_too(rng):
    x, y = stream_batches(rng.integers(0, 7, 161), 4, 5)
    arrays, batches = stateful_model(), stateful_model()
    for model, data in ((arrays, (x, y)), (batches, None)):
        trainer = fastnn.Trainer(model, "cross_entropy", fastnn.Adam(0.01))
        if data is None:
            parts = [(x[i : i + 4], y[i : i + 4]) for i in range(0, len(x), 4)]
            trainer.fit(parts, epochs=3, shuffle=False, progress=False)
        else:
            trainer.fit(x, y, batch_size=4, epochs=3, shuffle=False, progress=False)
    for key, p in arrays.named_parameters().items():
        assert np.array_equal(p.data, batches.named_parameters()[key].data)


def test_stateful_training_differs_from_training_without():
    rng = np.random.default_rng(5)
    x, y = stream_batches(rng.integers(0, 7, 161), 4, 5)
    losses = []
    for stateful in (True, False):
        model = fastnn.Sequential(
            fastnn.Embedding(7, 3), fastnn.LSTM(3, 5, stateful=stateful), fastnn.Linear(5, 7)
        )
        trainer = fastnn.Trainer(model, "cross_entropy", fastnn.SGD(0.1))
        history = trainer.fit(x, y, batch_size=4, epochs=1, shuffle=False, progress=False)
        losses.append(history["loss"][0])
    assert losses[0] != losses[1]


def test_evaluation_in_between_does_not_disturb_the_state(rng):
    x, y = stream_batches(rng.integers(0, 7, 161), 4, 5)

    class Look(fastnn.Callback):
        def on_step(self, trainer, step, loss):
            trainer.evaluate(x, y, batch_size=4)

    weights = []
    for callbacks in ([], [Look()]):
        model = stateful_model()
        trainer = fastnn.Trainer(model, "cross_entropy", "adam", callbacks=callbacks)
        trainer.fit(x, y, batch_size=4, epochs=2, shuffle=False, progress=False)
        weights.append(np.concatenate([p.data.ravel() for p in model.parameters()]))
    assert np.array_equal(*weights)


def test_stateful_errors(rng):
    x, y = stream_batches(rng.integers(0, 7, 161), 4, 5)
    model = stateful_model()
    before = model.predict(x)
    trainer = fastnn.Trainer(model, "cross_entropy", "adam")
    with pytest.raises(ValueError, match="shuffle: expected False for a stateful model"):
        trainer.fit(x, y, epochs=1, batch_size=4, progress=False)
    with pytest.raises(ValueError, match="augment: expected None for a stateful model"):
        trainer.fit(x, y, epochs=1, batch_size=4, shuffle=False, augment=print, progress=False)
    assert np.array_equal(model.predict(x), before)
    for second in (x[:8], x[:4, :3]):
        batches = [(x[:4], y[:4]), (second, y[: len(second), : second.shape[1]])]
        with pytest.raises(ValueError, match=r"x: expected batches of shape \(4, 5\)"):
            trainer.fit(batches, epochs=1, shuffle=False, progress=False)


def test_a_stateful_layer_by_itself_goes_on_until_it_is_reset(rng):
    x = rng.standard_normal((3, 8, 2)).astype("f4")
    layer = fastnn.GRU(2, 4, stateful=True)
    whole = layer.forward(x)
    layer.reset_state()
    parts = [layer.forward(x[:, :3]), layer.forward(x[:, 3:])]
    assert np.array_equal(np.concatenate(parts, 1), whole)
    assert not np.array_equal(layer.forward(x), whole)
    with pytest.raises(ValueError, match="x: expected 3 rows, as in the batch whose state"):
        layer.forward(x[:2])
    fastnn.Sequential(layer).reset_state()
    assert np.array_equal(layer.forward(x[:2]), whole[:2])
    assert np.array_equal(layer.predict(x), whole)  # begins with zeros, always
