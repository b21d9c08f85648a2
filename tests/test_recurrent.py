"""Recurrent layers against their formulas in NumPy, and what they keep, carry and refuse."""

import numpy as np
import pytest
from test_layers import numeric_gradient

import fastnn
from fastnn import reference

F8 = np.float64
CELLS = {
    "tanh": (fastnn.RNN, {}, reference.rnn_cell, reference.rnn_cell_backward),
    "relu": (
        fastnn.RNN,
        {"nonlinearity": "relu"},
        lambda *args: reference.rnn_cell(*args, activation=lambda z: np.maximum(z, 0)),
        lambda *args: reference.rnn_cell_backward(*args, slope=lambda y: y > 0),
    ),
    "lstm": (fastnn.LSTM, {}, reference.lstm_cell, reference.lstm_cell_backward),
    "gru": (fastnn.GRU, {}, reference.gru_cell, reference.gru_cell_backward),
}
LENGTHS = np.array([5, 0, 3, 1, 5, 4, 2])


def make(name, *sizes, **options):
    cls, own, _, _ = CELLS[name]
    return cls(*sizes, **own, **options)


def fill(layer, rng):
    """Weights under which neither states nor gradients grow from step to step, and biases."""
    for p in layer.parameters():
        scale = 0.5 if p.data.ndim == 1 else p.shape[1] ** -0.5
        p.data[...] = scale * rng.standard_normal(p.shape)


def states_of(layer, rows, rng):
    shape = (layer.num_layers * layer.directions, rows, layer.hidden_size)
    return tuple(rng.standard_normal(shape).astype(layer.dtype) for _ in range(layer.cell.states))


def as_given(parts):
    return parts if len(parts) > 1 else parts[0]


def close(dtype, steps):
    # Errors of a step are carried on by the next; saturating gates damp them.
    eps = np.finfo(dtype).eps
    return {"rtol": 50 * steps * eps, "atol": 50 * steps * eps}


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("units", [1, 17, 150])  # less than a vector, more, more than a tile
def test_equals_the_formula(name, reverse, units, dtype, variant, threads, rng):
    """Both directions at once; the one that is compared has the only gradient."""
    _, _, cell, backward = CELLS[name]
    layer = make(name, 4, units, bidirectional=True, dtype=dtype)
    fill(layer, rng)
    x = rng.standard_normal((7, 5, 4)).astype(dtype)
    state = states_of(layer, 7, rng)
    mine = slice(units, None) if reverse else slice(0, units)
    dy = np.zeros((7, 5, 2 * units), dtype)
    dy[:, :, mine] = rng.standard_normal((7, 5, units))

    y = layer.forward(x, lengths=LENGTHS, state=as_given(state))[:, :, mine]
    dx = layer.backward(dy)
    d = int(reverse)
    last = [part[d] for part in (layer.state if len(state) > 1 else (layer.state,))]
    first = [part[d] for part in (layer.state_grad if len(state) > 1 else (layer.state_grad,))]

    weights = [p.data.astype(F8) for p in layer.parameters()][4 * d : 4 * d + 4]
    h, *rest = (part[d].astype(F8) for part in state)
    c = rest[0] if rest else np.zeros_like(h)
    expected, h_n, c_n, saved = reference.recurrent(
        cell, x.astype(F8), h, c, weights, lengths=LENGTHS, reverse=reverse
    )
    zeros = np.zeros_like(h)
    dx_e, dh_e, dc_e, *grads = reference.recurrent_backward(
        backward, dy[:, :, mine].astype(F8), zeros, zeros, saved, weights
    )
    near = close(dtype, 5)
    np.testing.assert_allclose(y, expected, **near)
    np.testing.assert_allclose(last[0], h_n, **near)
    np.testing.assert_allclose(first[0], dh_e, **near)
    if rest:
        np.testing.assert_allclose(last[1], c_n, **near)
        np.testing.assert_allclose(first[1], dc_e, **near)
    np.testing.assert_allclose(dx, dx_e, **near)
    for p, grad in zip(layer.parameters()[4 * d : 4 * d + 4], grads, strict=True):
        np.testing.assert_allclose(p.grad, grad, rtol=near["rtol"], atol=4 * near["atol"])


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bias": False, "output": "last"},
        {"num_layers": 2, "bidirectional": True},
        {"num_layers": 2, "bidirectional": True, "output": "last", "dropout": 0.4},
    ],
    ids=str,
)
def test_gradients_equal_finite_differences(name, options, rng):
    layer = make(name, 3, 4, dtype=F8, **options)
    fill(layer, rng)
    x = rng.standard_normal((4, 5, 3))
    lengths = np.array([5, 2, 0, 4])
    state = states_of(layer, 4, rng)
    w = rng.standard_normal(layer.forward(x).shape)

    def objective():
        # Another pass each time would drop other elements.
        layer._alone._passes.clear()
        y = layer.forward(x, training=True, lengths=lengths, state=as_given(state))
        return float((y * w).sum())

    objective()
    dx = layer.backward(w)
    grads = [p.grad.copy() for p in layer.parameters()]
    first = layer.state_grad if len(state) > 1 else (layer.state_grad,)
    near = {"rtol": 1e-6, "atol": 1e-8}
    np.testing.assert_allclose(dx, numeric_gradient(objective, x), **near)
    for part, grad in zip(state, first, strict=True):
        np.testing.assert_allclose(grad, numeric_gradient(objective, part), **near)
    for p, grad in zip(layer.parameters(), grads, strict=True):
        np.testing.assert_allclose(grad, numeric_gradient(objective, p.data), **near)


@pytest.mark.parametrize("name", CELLS)
def test_outputs_beyond_a_length_are_zero_and_the_last_is_at_it(name, rng):
    x = rng.standard_normal((7, 5, 3)).astype("f4")
    whole = make(name, 3, 6, bidirectional=True)
    last = make(name, 3, 6, bidirectional=True, output="last")
    last.load_state_dict(whole.state_dict())
    y = whole.forward(x, lengths=LENGTHS)
    end = last.forward(x, lengths=LENGTHS)
    for row, length in enumerate(LENGTHS):
        assert not y[row, length:].any()
        if length == 0:
            assert not end[row].any()
            continue
        assert np.array_equal(end[row], np.r_[y[row, length - 1, :6], y[row, 0, 6:]])
        alone = whole.forward(x[row : row + 1, :length])
        np.testing.assert_allclose(y[row, :length], alone[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", CELLS)
def test_a_sequence_in_two_parts_is_the_same_to_the_bit(name, rng):
    layer = make(name, 3, 20, num_layers=2)
    x = rng.standard_normal((9, 8, 3)).astype("f4")
    whole, end = layer.forward(x), layer.state
    first = layer.forward(x[:, :5])
    second = layer.forward(x[:, 5:], state=layer.state)
    assert np.array_equal(np.concatenate((first, second), 1), whole)
    assert np.array_equal(layer.state, end)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize(("batch", "steps", "units"), [(3, 4, 7), (130, 6, 33), (65, 3, 128)])
@pytest.mark.parametrize(
    "optimizer", [fastnn.SGD(0.1), fastnn.Adam(), fastnn.Adam(clip_norm=0.5)], ids=repr
)
def test_same_bits_for_any_number_of_threads(name, batch, steps, units, optimizer, dtype):
    rng = np.random.default_rng(0)
    n = batch * 7 // 3  # the last batch is shorter
    x = rng.standard_normal((n, steps, 5)).astype(dtype)
    x[rng.random(n) < 0.3, steps // 2 :] = 0  # shorter sequences
    y = rng.integers(0, 3, n)

    def run(threads):
        fastnn.set_num_threads(threads)
        model = fastnn.Sequential(
            fastnn.Masking(),
            make(name, 5, units, 2, bidirectional=True, dropout=0.3, output="last", dtype=dtype),
            fastnn.Linear(2 * units, 3, dtype=dtype),
        )
        history = fastnn.Trainer(model, "cross_entropy", optimizer).fit(
            x, y, epochs=2, batch_size=batch, validation=(x, y), progress=False
        )
        return np.concatenate([p.data.ravel() for p in model.parameters()]), history["val_loss"]

    before = fastnn.get_num_threads()
    runs = [run(threads) for threads in (1, 2, 3, 8)]
    fastnn.set_num_threads(before)
    assert np.isfinite(runs[0][0]).all()
    for other in runs[1:]:
        assert np.array_equal(runs[0][0], other[0])
        assert runs[0][1] == other[1]


@pytest.mark.parametrize("name", CELLS)
def test_a_row_does_not_depend_on_its_batch(name, rng):
    layer = make(name, 6, 40)
    x = rng.standard_normal((101, 7, 6)).astype("f4")
    y = layer.forward(x)
    parts = [layer.forward(x[a:b]) for a, b in ((0, 13), (13, 64), (64, 101))]
    assert np.array_equal(np.concatenate(parts), y)
    for rows in (1, 2, 5):  # few rows may take another way
        np.testing.assert_allclose(layer.forward(x[:rows]), y[:rows], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.predict(x), y, rtol=1e-5, atol=1e-6)
    assert layer.predict(x[:0]).shape == layer.forward(x[:0]).shape == (0, 7, 40)


def counting(rng, n, steps):
    """Whether a sequence of signs has more pluses in all: the sum has to be remembered."""
    x = rng.choice(np.array([-1, 1], "f4"), (n, steps, 1))
    return x, (x.sum((1, 2)) > 0).astype(np.int64)


@pytest.mark.parametrize("name", ["tanh", "lstm", "gru"])
def test_training_learns_to_remember(name, rng):
    x, y = counting(rng, 1500, 15)
    model = fastnn.Sequential(make(name, 1, 16, output="last"), fastnn.Linear(16, 2))
    trainer = fastnn.Trainer(model, "cross_entropy", fastnn.Adam(0.01, clip_norm=1))
    trainer.fit(x, y, epochs=12, batch_size=50, progress=False)
    test = counting(rng, 500, 15)
    assert trainer.evaluate(*test)["accuracy"] > 0.95


@pytest.mark.parametrize("name", CELLS)
def test_files_make_the_same_layer_again(name, tmp_path, dtype, rng):
    layer = make(
        name, 3, 4, 2, bias=False, dropout=0.2, bidirectional=True, output="last", dtype=dtype
    )
    fastnn.save(layer, tmp_path / "m")
    again = fastnn.load(tmp_path / "m")
    assert repr(again) == repr(layer)
    assert again.config() == layer.config()
    x = rng.standard_normal((2, 3, 3)).astype(dtype)
    assert np.array_equal(again.predict(x), layer.predict(x))
    stateful = fastnn.load(_saved(make(name, 3, 4, stateful=True), tmp_path))
    assert stateful.stateful


def _saved(layer, folder):
    fastnn.save(layer, folder / "stateful")
    return folder / "stateful"


def test_initial_values():
    layer = fastnn.LSTM(300, 64, num_layers=2)
    bound = 1 / 8
    for key, p in layer.named_parameters().items():
        if key.startswith("weight"):
            assert bound * 0.99 < np.abs(p.data).max() <= bound
            assert abs(p.data.std() - bound / np.sqrt(3)) < 0.01 * bound
    assert np.array_equal(layer.bias_ih_l0.data, np.repeat([0, 1, 0, 0], 64))
    assert not layer.bias_hh_l0.data.any()
    assert not fastnn.GRU(3, 4).bias_ih_l0.data.any()


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: fastnn.LSTM(0, 1), ValueError, "input_size: expected at least 1, got 0"),
        (lambda: fastnn.LSTM(1, 2.5), TypeError, "hidden_size: expected a whole number"),
        (lambda: fastnn.GRU(1, 1, 0), ValueError, "num_layers: expected at least 1"),
        (lambda: fastnn.RNN(1, 1, nonlinearity="elu"), ValueError, "nonlinearity: expected tanh"),
        (lambda: fastnn.GRU(1, 1, dropout=1), ValueError, r"dropout: .* in \[0, 1\), got 1"),
        (lambda: fastnn.GRU(1, 1, output="all"), ValueError, "output: expected one of sequence"),
        (lambda: fastnn.GRU(1, 1, bias=1), TypeError, "bias: expected a bool"),
        (lambda: fastnn.GRU(1, 1, dtype="f2"), TypeError, "dtype: expected float32"),
        (
            lambda: fastnn.GRU(1, 1, bidirectional=True, stateful=True),
            ValueError,
            "stateful: expected False with bidirectional",
        ),
    ],
)
def test_construction_errors(build, error, message):
    with pytest.raises(error, match=message):
        build()


F4 = np.float32


@pytest.mark.parametrize(
    ("x", "options", "error", "message"),
    [
        (np.zeros((2, 3), F4), {}, ValueError, r"LSTM: expected samples of shape \(T, 3\), got"),
        (np.zeros((2, 4, 5), F4), {}, ValueError, r"expected samples of shape \(T, 3\)"),
        (np.zeros((2, 0, 3), F4), {}, ValueError, r"expected samples of shape \(T, 3\)"),
        (np.zeros((2, 4, 3)), {}, TypeError, "x: expected float32"),
        (np.zeros((2, 4, 3), F4), {"lengths": [4, 4]}, TypeError, "lengths: expected a NumPy"),
        (np.zeros((2, 4, 3), F4), {"lengths": np.ones(2)}, TypeError, "lengths: expected int"),
        (np.zeros((2, 4, 3), F4), {"lengths": np.ones(3, int)}, ValueError, r"shape \(2,\)"),
        (np.zeros((2, 4, 3), F4), {"lengths": np.array([1, 5])}, ValueError, "0 to 4 steps"),
        (np.zeros((2, 4, 3), F4), {"lengths": np.array([-1, 2])}, ValueError, "0 to 4 steps"),
        (np.zeros((2, 4, 3), F4), {"state": np.zeros((1, 2, 5), F4)}, ValueError, "2 arrays"),
        (
            np.zeros((2, 4, 3), F4),
            {"state": (np.zeros((1, 2, 5), F4), np.zeros((2, 1, 5), F4))},
            ValueError,
            r"state\[1\]: expected shape \(1, 2, 5\), got \(2, 1, 5\)",
        ),
        (
            np.zeros((2, 4, 3), F4),
            {"state": (np.zeros((1, 2, 5)), np.zeros((1, 2, 5)))},
            TypeError,
            r"state\[0\]: expected float32, got float64",
        ),
    ],
)
def test_forward_errors_change_nothing(x, options, error, message):
    layer = fastnn.LSTM(3, 5)
    layer.forward(np.ones((2, 4, 3), F4))
    before = layer.state
    with pytest.raises(error, match=message):
        layer.forward(x, **options)
    assert layer.state is before


def test_state_before_a_forward():
    layer = fastnn.GRU(3, 5)
    assert layer.state is None
    with pytest.raises(RuntimeError, match="state_grad: expected a forward"):
        _ = layer.state_grad
