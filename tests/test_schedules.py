"""Schedules against the formulas of their papers, written out step by step."""

import json
import math

import numpy as np
import pytest

from fastnn import schedules
from fastnn.schedules import (
    Constant,
    CosineDecay,
    ExponentialDecay,
    LinearDecay,
    OneCycle,
    ReduceOnPlateau,
    StepDecay,
    WarmUp,
    as_schedule,
)


def cosine(start, end, progress):
    return end + (start - end) / 2 * (1 + math.cos(math.pi * progress))


def linear_decay(k):
    if k >= 40:
        return 0.2 * 0.05
    return (1 - k / 40) * 0.2 + k / 40 * (0.2 * 0.05)


def one_cycle(k):
    if k <= 0.25 * 40 - 1:
        return cosine(0.3 / 10, 0.3, k / 9)
    return cosine(0.3, 0.3 / 10 / 100, min((k - 9) / 30, 1))


CASES = {
    "constant": (Constant(0.2), lambda k: 0.2),
    "linear": (LinearDecay(0.2, 40, floor=0.05), linear_decay),
    "step": (StepDecay(0.2, 7, gamma=0.3), lambda k: 0.2 * 0.3 ** (k // 7)),
    "exponential": (ExponentialDecay(0.2, 0.97), lambda k: 0.2 * 0.97**k),
    "cosine": (
        CosineDecay(0.2, 40, min_lr=0.01),
        lambda k: cosine(0.2, 0.01, k / 40) if k < 40 else 0.01,
    ),
    "one cycle": (OneCycle(0.3, 40, 0.25, div_factor=10, final_div_factor=100), one_cycle),
    "warm-up": (
        WarmUp(StepDecay(0.2, 12), 8),
        lambda k: 0.2 * (k + 1) / 8 if k < 8 else 0.2 * 0.1 ** (k // 12),
    ),
    "plateau": (ReduceOnPlateau(0.2), lambda k: 0.2),
    "function": (as_schedule(lambda k: 1 / (1 + k)), lambda k: 1 / (1 + k)),
}
every_schedule = pytest.mark.parametrize("name", sorted(CASES))


@every_schedule
def test_formula(name):
    schedule, formula = CASES[name]
    steps = np.arange(60)
    rates = schedule(steps)
    assert rates.dtype == np.float64
    np.testing.assert_allclose(rates, [formula(int(k)) for k in steps], rtol=1e-13)


@every_schedule
def test_one_step_has_the_bits_of_many(name):
    schedule, _ = CASES[name]
    steps = np.arange(53)
    rates = schedule(steps)
    alone = [schedule(int(k)) for k in steps]
    assert all(type(rate) is float for rate in alone)
    np.testing.assert_array_equal(rates, alone)
    np.testing.assert_array_equal(schedule(steps[3:].reshape(2, 25)), rates[3:].reshape(2, 25))
    assert schedule(np.int64(5)) == rates[5]
    assert schedule(np.array([], np.int64)).shape == (0,)


@every_schedule
def test_steps_are_checked(name):
    schedule, _ = CASES[name]
    with pytest.raises(TypeError, match="step: expected integers, got float64"):
        schedule(1.0)
    with pytest.raises(ValueError, match="step: expected 0 or above, got -1"):
        schedule([3, -1])


@every_schedule
def test_state_survives_json(name):
    schedule, _ = CASES[name]
    schedule.restore(json.loads(json.dumps(schedule.state())))
    with pytest.raises(ValueError, match="state: expected"):
        schedule.restore({"momentum": 1})


def test_one_cycle_as_in_pytorch():
    # The rates that PyTorch's own test suite expects of OneCycleLR(max_lr=25, total_steps=10,
    # final_div_factor=2, anneal_strategy="cos").
    expected = [1, 13, 25, *(cosine(25, 0.5, k / 7) for k in range(1, 7)), 0.5]
    rates = OneCycle(25, 10, final_div_factor=2)(np.arange(10))
    np.testing.assert_allclose(rates, expected, rtol=1e-14)


@pytest.mark.parametrize(("total", "pct"), [(10, 0.1), (2, 0.5), (3, 0.4), (5, 0.01)])
def test_one_cycle_with_hardly_a_rise(total, pct):
    rates = OneCycle(1.0, total, pct)(np.arange(total + 5))
    assert np.isfinite(rates).all()
    np.testing.assert_allclose(rates[total - 1 :], 1 / 25 / 1e4, rtol=1e-10)
    assert rates.max() <= 1


def test_warm_up_is_a_line_that_meets_its_schedule():
    inner = CosineDecay(0.4, 100)
    rates = WarmUp(inner, 20)(np.arange(100))
    np.testing.assert_allclose(np.diff(rates[:20]), rates[0], rtol=1e-12)
    assert rates[0] > 0
    np.testing.assert_array_equal(rates[19:], inner(np.arange(19, 100)))


def torch_plateau(metrics, lr, factor, patience, threshold, cooldown, min_lr, mode):
    """ReduceLROnPlateau as PyTorch documents it, with threshold_mode="rel" and eps=0."""
    best = math.inf if mode == "min" else -math.inf
    bad = cooling = 0
    rates = []
    for metric in metrics:
        if mode == "min":
            better = metric < best * (1 - threshold)
        else:
            better = metric > best * (1 + threshold)
        best, bad = (metric, 0) if better else (best, bad + 1)
        if cooling > 0:
            cooling, bad = cooling - 1, 0
        if bad > patience:
            lr, cooling, bad = max(lr * factor, min_lr), cooldown, 0
        rates.append(lr)
    return rates


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("cooldown", [0, 3])
@pytest.mark.parametrize("patience", [0, 2])
def test_plateau_as_in_pytorch(mode, patience, cooldown):
    settings = {
        "factor": 0.5,
        "patience": patience,
        "threshold": 0.05,
        "cooldown": cooldown,
        "min_lr": 0.01,
        "mode": mode,
    }
    rng = np.random.default_rng(patience)
    metrics = (np.linspace(2, 1, 60) + rng.normal(0, 0.2, 60)).tolist()
    metrics[10] = math.nan
    schedule = ReduceOnPlateau(0.4, **settings)
    rates = []
    for epoch, metric in enumerate(metrics):
        if epoch == 25:  # a new process goes on from a checkpoint
            state = json.loads(json.dumps(schedule.state()))
            schedule = ReduceOnPlateau(0.4, **settings)
            schedule.restore(state)
        schedule.update(metric)
        rates.append(schedule(epoch))
    expected = torch_plateau(metrics, 0.4, **settings)
    assert rates == expected
    assert len(set(expected)) > 2  # or nothing was tested


def test_plateau_of_a_negative_metric():
    schedule = ReduceOnPlateau(1.0, patience=0, threshold=0.1)
    schedule.update(-1.0)
    schedule.update(-1.05)  # within the threshold, so no better
    assert schedule(0) == 0.1
    schedule.update(-1.2)
    assert schedule.state()["best"] == -1.2


def test_plateau_does_not_keep_infinity():
    schedule = ReduceOnPlateau(1.0, patience=5)
    schedule.update(math.inf)
    schedule.update(3.0)
    assert schedule.state()["best"] == 3.0
    json.dumps(schedule.state(), allow_nan=False)


@pytest.mark.parametrize(
    "broken", [{"rate": -1}, {"bad_epochs": 0.5}, {"best": "x"}, {"cooldown_left": -1}]
)
def test_plateau_refuses_a_broken_state(broken):
    schedule = ReduceOnPlateau(1.0)
    schedule.update(2.0)
    before = schedule.state()
    with pytest.raises((TypeError, ValueError), match=f"state.*{next(iter(broken))}"):
        schedule.restore(before | broken)
    assert schedule.state() == before


def test_warm_up_of_a_plateau():
    inner = ReduceOnPlateau(1.0, patience=0)
    schedule = WarmUp(inner, 4)
    for metric in (1.0, 1.0):
        schedule.update(metric)
    np.testing.assert_allclose(schedule([0, 3, 9]), [0.025, 0.1, 0.1])
    assert schedule.state() == inner.state()


def test_as_schedule():
    assert as_schedule(0.1) == Constant(0.1)
    assert as_schedule(np.float32(0.5)) == Constant(0.5)
    cosine_decay = CosineDecay(1.0, 5)
    assert as_schedule(cosine_decay) is cosine_decay
    for wrong in ("0.1", None, True, Constant):
        with pytest.raises(TypeError, match="lr: expected a number, a function"):
            as_schedule(wrong)


def test_a_schedule_of_ones_own():
    class Root(schedules.Schedule):
        def rates(self, steps):
            return (1 + steps) ** -0.5

    assert Root()(3) == 0.5
    assert WarmUp(Root(), 2)(3) == 0.5


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Constant(-1), ValueError, "lr: expected 0 <= lr .*, got -1"),
        (lambda: Constant(math.nan), ValueError, "lr: .*, got nan"),
        (lambda: Constant(math.inf), ValueError, "lr: .*, got inf"),
        (lambda: Constant("0.1"), TypeError, "lr: expected a number, got '0.1'"),
        (lambda: Constant(True), TypeError, "lr: expected a number, got True"),
        (lambda: LinearDecay(1, 0), ValueError, "tau: expected at least 1, got 0"),
        (lambda: LinearDecay(1, 2.5), TypeError, "tau: expected a whole number, got 2.5"),
        (lambda: LinearDecay(1, 5, floor=2), ValueError, "floor: .*, got 2"),
        (lambda: StepDecay(1, 0), ValueError, "step_size: .*, got 0"),
        (lambda: StepDecay(1, 5, gamma=0), ValueError, "gamma: expected 0 < gamma <= 1, got 0"),
        (lambda: ExponentialDecay(1, 1.1), ValueError, "gamma: .*, got 1.1"),
        (lambda: CosineDecay(1, 0), ValueError, "t_max: .*, got 0"),
        (lambda: CosineDecay(1, 5, min_lr=2), ValueError, "min_lr: .* <= 1, got 2"),
        (lambda: OneCycle(1, 1), ValueError, "total_steps: expected at least 2, got 1"),
        (lambda: OneCycle(1, 5, 1.0), ValueError, "pct_start: .*, got 1.0"),
        (lambda: OneCycle(1, 5, div_factor=0.5), ValueError, "div_factor: .*, got 0.5"),
        (lambda: OneCycle(1, 5, final_div_factor=0), ValueError, "final_div_factor: .*, got 0"),
        (lambda: WarmUp(0.1, 0), ValueError, "steps: .*, got 0"),
        (lambda: WarmUp("x", 3), TypeError, "lr: .*, got 'x'"),
        (lambda: ReduceOnPlateau(1, factor=1.0), ValueError, "factor: .* < 1, got 1.0"),
        (lambda: ReduceOnPlateau(1, patience=-1), ValueError, "patience: .*, got -1"),
        (lambda: ReduceOnPlateau(1, threshold=-1), ValueError, "threshold: .*, got -1"),
        (lambda: ReduceOnPlateau(1, cooldown=0.5), TypeError, "cooldown: .*, got 0.5"),
        (lambda: ReduceOnPlateau(1, min_lr=3), ValueError, "min_lr: .*, got 3"),
        (lambda: ReduceOnPlateau(1, mode="low"), ValueError, "mode: .*, got 'low'"),
    ],
)
def test_fields_are_checked(make, error, message):
    with pytest.raises(error, match=message):
        make()
