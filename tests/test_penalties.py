"""A penalty that a batch's samples share, Adam's other epsilon, and factors of losses."""

import numpy as np
import pytest

import fastnn
from fastnn import functional


def _net():
    return fastnn.Sequential(
        fastnn.Linear(5, 4, activation="tanh", dtype="float64"),
        fastnn.Linear(4, 3, dtype="float64"),
        seed=3,
    )


def _data(rng, rows=23):
    return rng.standard_normal((rows, 5)), rng.integers(0, 3, rows)


def _by_hand(model, x, y, weight, alpha, lr, batch):
    """Plain descent on mean loss + alpha / (2 n) sum w^2, from the model's own gradients of the
    mean loss; the loss of each step."""
    loss, losses = fastnn.CrossEntropyLoss(), []
    for first in range(0, len(x), batch):
        part = slice(first, first + batch)
        total = len(x[part]) if weight is None else weight[part].sum()
        w = None if weight is None else weight[part]
        value, grad = loss(model.forward(x[part], training=True), y[part], sample_weight=w)
        weights = [p for name, p in model.named_state().items() if name.endswith("weight")]
        losses.append(value + alpha / 2 * sum((p.data**2).sum() for p in weights) / total)
        model.backward(grad)
        for name, p in model.named_state().items():
            shrink = alpha / total * p.data if name.endswith("weight") else 0
            p.data[...] -= lr * (p.grad + shrink)
    return losses


class _Steps(fastnn.Callback):
    def on_fit_begin(self, trainer):
        self.losses = []

    def on_step(self, trainer, step, loss):
        self.losses.append(loss)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("clip_norm", [None, 1e9], ids=["fused", "late"])
def test_sample_l2_is_shared_by_the_samples_of_a_batch(rng, weighted, clip_norm):
    # 23 rows in batches of 6: the last is shorter, and its penalty larger.
    x, y = _data(rng)
    weight = rng.uniform(0.5, 2, len(x)) if weighted else None
    ours, theirs, steps = _net(), _net(), _Steps()
    optimizer = fastnn.SGD(lr=0.3, sample_l2=0.7, clip_norm=clip_norm)
    trainer = fastnn.Trainer(ours, "cross_entropy", optimizer, callbacks=[steps])
    options = {"epochs": 1, "batch_size": 6, "shuffle": False, "progress": False}
    trainer.fit(x, y, sample_weight=weight, **options)
    expected = _by_hand(theirs, x, y, weight, 0.7, 0.3, 6)
    np.testing.assert_allclose(steps.losses, expected, rtol=1e-12)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.data, q.data, rtol=1e-11, atol=1e-14)


def test_sample_l2_of_groups(rng):
    x, y = _data(rng, 6)
    model = _net()
    before = model.state_dict()
    groups = [{"params": "1.*", "sample_l2": 0.5, "decay": True}]
    optimizer = fastnn.SGD(lr=1.0, groups=groups)
    trainer = fastnn.Trainer(model, "cross_entropy", optimizer)
    trainer.fit(x, y, epochs=1, batch_size=6, progress=False)
    plain = _net()
    history = fastnn.Trainer(plain, "cross_entropy", fastnn.SGD(lr=1.0)).fit(
        x, y, epochs=1, batch_size=6, progress=False
    )
    for name, p in model.named_state().items():
        shrink = 0.5 / 6 * before[name] if name.startswith("1.") else 0
        expected = plain.named_state()[name].data - shrink
        np.testing.assert_allclose(p.data, expected, rtol=1e-12, atol=1e-15)
    squares = sum((before[name] ** 2).sum() for name in ("1.weight", "1.bias"))
    expected = history["loss"][0] + 0.5 / 2 / 6 * squares
    assert trainer.history["loss"][0] == pytest.approx(expected, rel=1e-13)


def test_sample_l2_has_the_same_bits_on_any_number_of_threads(rng):
    x = rng.standard_normal((256, 300)).astype(np.float32)
    y = rng.integers(0, 10, 256)
    results, before = [], fastnn.get_num_threads()
    try:
        for threads in (1, 2, 3, 8):
            fastnn.set_num_threads(threads)
            model = fastnn.Sequential(
                fastnn.Linear(300, 200, activation="relu"), fastnn.Linear(200, 10), seed=0
            )
            trainer = fastnn.Trainer(model, "cross_entropy", fastnn.Adam(sample_l2=0.1))
            history = trainer.fit(x, y, epochs=2, batch_size=100, progress=False)
            results.append((history["loss"], [p.data.tobytes() for p in model.parameters()]))
    finally:
        fastnn.set_num_threads(before)
    assert all(result == results[0] for result in results)


def test_sample_l2_needs_a_batch():
    model = _net()
    before = model.state_dict()
    with pytest.raises(ValueError, match="sample_l2: expected 0 outside of Trainer"):
        fastnn.Adam(sample_l2=0.1).step(model)
    with pytest.raises(ValueError, match="sample_l2: expected"):
        fastnn.Adam(sample_l2=-1.0)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize("amsgrad", [False, True])
def test_eps_hat_is_added_to_the_uncorrected_root(rng, dtype, amsgrad):
    # The end of section 2 of Kingma and Ba (2015), written out; an eps that is not small.
    eps, lr, (b1, b2) = 0.1, 0.01, (0.9, 0.99)
    param, m, v, largest = (np.zeros(7, dtype) for _ in range(4))
    expected, em, ev, el = (np.zeros(7) for _ in range(4))
    for step in range(1, 6):
        grad = rng.standard_normal(7).astype(dtype)
        functional.adam_update(
            param, grad, m, v, largest if amsgrad else None,
            step=step, lr=lr, betas=(b1, b2), eps=eps, amsgrad=amsgrad, eps_hat=True,
        )  # fmt: skip
        em = b1 * em + (1 - b1) * grad
        ev = b2 * ev + (1 - b2) * grad.astype(np.float64) ** 2
        el = np.maximum(el, ev)
        rate = lr * np.sqrt(1 - b2**step) / (1 - b1**step)
        expected -= rate * em / (np.sqrt(el if amsgrad else ev) + eps)
    rtol = 1e-5 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(param, expected, rtol=rtol, atol=rtol * lr)


def test_eps_hat_in_training(rng):
    x, y = _data(rng, 6)
    ours, theirs = _net(), _net()
    optimizer = fastnn.Adam(lr=0.05, eps=0.1, eps_hat=True)
    trainer = fastnn.Trainer(ours, "cross_entropy", optimizer)
    trainer.fit(x, y, epochs=3, batch_size=6, shuffle=False, progress=False)
    states = [(np.zeros(p.shape), np.zeros(p.shape)) for p in theirs.parameters()]
    for step in range(1, 4):
        _, grad = fastnn.CrossEntropyLoss()(theirs.forward(x, training=True), y)
        theirs.backward(grad)
        for p, (m, v) in zip(theirs.parameters(), states, strict=True):
            functional.adam_update(p.data, p.grad, m, v, step=step, lr=0.05, eps=0.1, eps_hat=True)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.data, q.data, rtol=1e-12)
    with pytest.raises(TypeError, match="eps_hat"):
        fastnn.Adam(eps_hat="yes")


def test_factors_of_a_loss(rng):
    class Cost(fastnn.MSELoss):
        factors = (1.5, 3.0)

    x, y = rng.standard_normal((8, 5)), rng.standard_normal((8, 3))
    results = {}
    for loss in (fastnn.MSELoss(), Cost()):
        model = _net()
        start = np.concatenate([p.data.ravel() for p in model.parameters()])
        trainer = fastnn.Trainer(model, loss, fastnn.SGD(lr=0.1))
        history = trainer.fit(x, y, epochs=1, batch_size=8, progress=False)
        change = np.concatenate([p.data.ravel() for p in model.parameters()]) - start
        results[type(loss)] = history["loss"][0], change
    (plain, step), (scaled, longer) = results.values()
    assert scaled == pytest.approx(1.5 * plain, rel=1e-14)
    np.testing.assert_allclose(longer, 3 * step, rtol=1e-9, atol=1e-15)
