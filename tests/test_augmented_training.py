"""Training on inputs that are made anew in each epoch, on a thread that runs ahead."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import fastnn
from fastnn import _ahead
from fastnn.data import Augment

AUGMENT = Augment(rotation=20, shift=1, elastic=(2, 5), shape=(8, 8), seed=4)


def data(dtype="float32"):
    digits = fastnn.data.load_digits()
    x = digits.x_train[:330].astype(dtype)
    return ((16 * x).astype(np.uint8) if dtype == "uint8" else x), digits.y_train[:330]


def trainer(dtype="float32", **options):
    layers = [
        fastnn.Linear(64, 16, activation="tanh", dtype=dtype),
        fastnn.Dropout(0.1),
        fastnn.Linear(16, 10, dtype=dtype),
    ]
    model = fastnn.Sequential(*layers, seed=1)
    return fastnn.Trainer(model, "cross_entropy", fastnn.Adam(0.01), seed=2, **options)


def weights(trained):
    return np.concatenate([p.data.ravel() for p in trained.model.parameters()])


def threads_ahead():
    return [t for t in threading.enumerate() if t.name == "fastnn-ahead"]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Several to an epoch; and no thread that outlives its fit."""
    monkeypatch.setattr(_ahead, "_BYTES", 64 * 4 * 64)
    yield
    assert threads_ahead() == []


# -- what is trained on --------------------------------------------------------------------------


@pytest.mark.parametrize("stored", ["uint8", "float32", "float64"])
@pytest.mark.parametrize("batch_size", [1, 32, 50, None])
def test_no_deformation_is_training_without(stored, batch_size):
    x, y = data(stored)
    x, y = (x[:40], y[:40]) if batch_size == 1 else (x, y)
    results = []
    for augment in (None, Augment(shape=(8, 8))):
        trained = trainer("float64" if stored == "float64" else "float32")
        options = {"batch_size": batch_size, "augment": augment, "progress": False}
        history = trained.fit(x, y, epochs=2, sample_weight=1 + y % 2, **options)
        results.append((weights(trained), history["loss"], trained.rng.bit_generator.state))
    assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-12)
    assert results[0][2] == results[1][2]


def test_epochs_are_those_of_the_steps_before(threads):
    x, y = data()
    trained, by_hand = trainer(), trainer()
    trained.fit(x, y, epochs=3, shuffle=False, augment=AUGMENT, progress=False)
    for steps in (0, 11, 22):  # 330 samples in batches of 32
        new = AUGMENT(x, epoch=steps)
        by_hand.fit(new, y, epochs=1, shuffle=False, progress=False)
    assert_array_equal(weights(trained), weights(by_hand))


def test_the_same_bits_on_any_number_of_threads():
    x, y = data()
    before, results = fastnn.get_num_threads(), []
    for count in (1, 2, 3, 8):
        fastnn.set_num_threads(count)
        trained = trainer()
        trained.fit(x, y, epochs=2, augment=AUGMENT, progress=False)
        results.append(weights(trained))
    fastnn.set_num_threads(before)
    for result in results[1:]:
        assert_array_equal(result, results[0])


def test_going_on_is_like_not_having_stopped():
    x, y = data()
    once, twice = trainer(), trainer()
    once.fit(x, y, epochs=4, augment=AUGMENT, progress=False)
    for _ in range(2):
        twice.fit(x, y, epochs=2, augment=AUGMENT, progress=False)
    assert_array_equal(weights(once), weights(twice))


def test_any_function_will_do():
    x, y = data()
    seen = []

    def negative(x, *, index, epoch, dtype):
        seen.append((threading.current_thread().name, epoch, len(index)))
        return -x[index]

    trained, by_hand = trainer(), trainer()
    trained.fit(x, y, epochs=2, augment=negative, progress=False)
    by_hand.fit(-x, y, epochs=2, progress=False)
    assert_array_equal(weights(trained), weights(by_hand))
    _, *ahead = seen  # the first is the trial
    assert {name for name, *_ in ahead} == {"fastnn-ahead"}
    assert sum(n for _, epoch, n in ahead if epoch == 0) == len(x)
    assert {epoch for _, epoch, _ in ahead} == {0, 11}


def test_deformed_digits_are_still_digits():
    digits = fastnn.data.load_digits()
    trained = trainer()
    augment = Augment(rotation=10, shift=0.5, elastic=(2, 4), shape=(8, 8))
    trained.fit(digits.x_train, digits.y_train, epochs=15, augment=augment, progress=False)
    assert trained.evaluate(digits.x_test, digits.y_test)["accuracy"] > 0.93


# -- errors --------------------------------------------------------------------------------------


def wrong(result):
    return lambda x, *, index, epoch, dtype: result(x[index])


BAD = [
    (Augment(), ValueError, "x: expected shape .N, H, W."),
    (Augment(shape=(9, 9)), ValueError, "x: expected shape .N, 81."),
    (Augment(rotation=np.ones(4), shape=(8, 8)), ValueError, "rotation: expected 330 limits"),
    ("elastic", TypeError, "augment: expected a callable, got str"),
    (wrong(lambda x: x[:0]), ValueError, "augment: expected 1 samples, got 0"),
    (wrong(lambda x: x[:, :9]), ValueError, "augment: expected shape"),
    (wrong(lambda x: x.astype(np.float64)), TypeError, "augment: expected float32"),
    (wrong(lambda x: None), TypeError, "augment: expected a NumPy array"),
]


@pytest.mark.parametrize(("augment", "error", "message"), BAD)
def test_bad_augmentations_are_told_before_training(augment, error, message):
    x, y = data()
    trained = trainer()
    before = weights(trained)
    with pytest.raises(error, match=message):
        trained.fit(x, y, epochs=1, augment=augment, progress=False)
    assert_array_equal(weights(trained), before)
    assert trained.optimizer.steps == 0


def test_not_with_iterables():
    with pytest.raises(TypeError, match="augment: expected None with an iterable"):
        trainer().fit([data()], epochs=1, augment=AUGMENT, progress=False)


def failing(error, epoch_of_failure):
    def augment(x, *, index, epoch, dtype):
        if epoch == epoch_of_failure:
            raise error
        return x[index]

    return augment


@pytest.mark.parametrize("error", [ValueError("no such image"), KeyboardInterrupt()])
def test_errors_of_the_thread_are_raised_in_fit(error):
    x, y = data()
    trained = trainer()
    with pytest.raises(type(error)) as raised:
        trained.fit(x, y, epochs=3, augment=failing(error, 11), progress=False)
    assert raised.value is error
    assert len(trained.history) == 1
    trained.fit(x, y, epochs=1, augment=AUGMENT, progress=False)
    assert trained.optimizer.steps == 22


# -- the thread ----------------------------------------------------------------------------------


class Raise(fastnn.Callback):
    def __init__(self, error, method="on_epoch_end"):
        self.error = error
        setattr(self, method, self._raise)

    def _raise(self, *_):
        raise self.error


class RaiseInStep(fastnn.Callback):
    def on_step(self, trainer, step, loss):
        if step == 3:
            raise RuntimeError("enough")


@pytest.mark.parametrize("callback", [
    Raise(fastnn.StopTraining("enough")),
    Raise(RuntimeError("enough")),
    Raise(KeyboardInterrupt()),
    Raise(SystemExit(3)),
    Raise(RuntimeError("enough"), "on_fit_begin"),
    RaiseInStep(),
], ids=["stop", "error", "interrupt", "exit", "begin", "step"])  # fmt: skip
def test_the_thread_ends_with_the_training(callback):
    x, y = data()
    trained = trainer(callbacks=[callback])
    try:
        trained.fit(x, y, epochs=5, augment=AUGMENT, progress=False)
        assert trained.history.stopped == "enough"
    except (RuntimeError, KeyboardInterrupt, SystemExit):
        pass
    assert threads_ahead() == []
    trained.callbacks.clear()
    steps = trained.optimizer.steps
    trained.fit(x, y, epochs=1, augment=AUGMENT, progress=False)
    assert trained.optimizer.steps == steps + 11


def test_early_stopping_leaves_the_order_of_samples_as_without():
    x, y = data()
    states = []
    for augment in (None, AUGMENT):
        trained = trainer(callbacks=[Raise(fastnn.StopTraining("enough"))])
        trained.fit(x, y, epochs=5, augment=augment, progress=False)
        states.append(trained.rng.bit_generator.state)
    assert states[0] == states[1]


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_ctrl_c_while_waiting_for_images():
    x, y = data()

    def slow(x, *, index, epoch, dtype):
        if len(index) > 1:
            waiting.set()
            time.sleep(0.2)
        return x[index]

    waiting = threading.Event()
    interrupter = threading.Thread(
        target=lambda: waiting.wait(10) and os.kill(os.getpid(), signal.SIGINT)
    )
    trained = trainer()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupter.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            trained.fit(x, y, epochs=1000, augment=slow, progress=False)
    finally:
        interrupter.join()
        signal.signal(signal.SIGINT, before)
    assert trained.history.stopped == "interrupted"


def test_the_thread_is_one_item_ahead():
    made, taken = [], []

    def items():
        for i in range(20):
            made.append(i)
            yield i

    ahead = _ahead.Ahead(items())
    try:
        for i in ahead:
            taken.append(i)
            # In use, ready, and in the making.
            assert len(made) <= len(taken) + 2
    finally:
        ahead.close()
    assert taken == list(range(20))
    with pytest.raises(StopIteration):
        next(ahead)


def test_closing_ends_a_thread_that_nobody_reads():
    def items():
        while True:
            yield 0

    ahead = _ahead.Ahead(items())
    next(ahead)
    ahead.close()
    assert threads_ahead() == []


@pytest.mark.parametrize("end", ["", "sys.exit(4)", "raise RuntimeError"])
def test_the_interpreter_ends_while_another_thread_trains(end):
    code = f"""
import sys, threading, time, numpy as np, fastnn
started = threading.Event()
class Started(fastnn.Callback):
    def on_epoch_end(self, trainer, record):
        started.set()
model = fastnn.Sequential(fastnn.Linear(64, 10))
trainer = fastnn.Trainer(model, "cross_entropy", "sgd", callbacks=[Started()])
x, y = np.zeros((4000, 64), np.float32), np.zeros(4000, int)
augment = fastnn.data.Augment(elastic=(2, 5), shape=(8, 8))
threading.Thread(
    target=trainer.fit, args=(x, y), daemon=True,
    kwargs=dict(epochs=10**6, augment=augment, progress=False),
).start()
started.wait()
{end}
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert done.returncode == {"": 0, "sys.exit(4)": 4, "raise RuntimeError": 1}[end]
