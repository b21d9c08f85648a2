"""What an impatient user does to a model: an error that says so, or the right answer, and never a
wrong one."""

import copy
import pickle

import numpy as np
import pytest

import fastnn
from fastnn.passes import check_batch

F8 = np.float64


LAYERS = {
    "linear": (lambda: fastnn.Linear(4, 3), (4,)),
    "rows": (lambda: fastnn.Linear(4, 3), (5, 4)),
    "maxout": (lambda: fastnn.Maxout(4, 3), (4,)),
    "prelu": (lambda: fastnn.PReLU(4), (4,)),
    "convolution": (lambda: fastnn.Conv2d(2, 3, 3, padding=1, activation="gelu"), (2, 5, 5)),
    "covered": (lambda: fastnn.Conv2d(2, 3, 5), (2, 5, 5)),
    "batch_norm": (lambda: fastnn.BatchNorm2d(2), (2, 5, 5)),
    "layer_norm": (lambda: fastnn.LayerNorm(4), (4,)),
    "recurrent": (lambda: fastnn.GRU(4, 3, 2, bidirectional=True), (5, 4)),
    "residual": (lambda: fastnn.Residual(fastnn.Linear(4, 4), activation="relu"), (4,)),
    "concat": (lambda: fastnn.Concat(fastnn.Linear(4, 2), fastnn.Identity()), (4,)),
}


@pytest.fixture(params=LAYERS)
def layer_and_shape(request):
    make, shape = LAYERS[request.param]
    return make(), shape


def test_a_batch_of_nothing_has_gradients_of_zero(layer_and_shape, threads):
    # The engine divided by the number of rows, and the process ended.
    layer, shape = layer_and_shape
    for p in layer.parameters():
        p.grad[...] = 7
    y = layer.forward(np.zeros((0, *shape), np.float32))
    assert layer.backward(y).shape == (0, *shape)
    for p in layer.parameters():
        assert not p.grad.any()


def test_indices_of_nothing():
    layer = fastnn.Embedding(5, 2, padding_idx=0)
    layer.weight.grad[...] = 7
    layer.backward(layer.forward(np.zeros((0, 4), np.int64)))
    assert not layer.weight.grad.any()


def test_a_second_backward_is_refused(layer_and_shape, rng):
    # What forward kept is gone: gradients were written over it.
    layer, shape = layer_and_shape
    x = rng.normal(size=(3, *shape)).astype(np.float32)
    dy = layer.forward(x)
    dx = layer.backward(dy)
    with pytest.raises(RuntimeError, match="backward: expected a forward since the last one"):
        layer.backward(dy)
    layer.forward(x)
    np.testing.assert_array_equal(layer.backward(dy), dx)


def test_a_refused_gradient_uses_nothing_up(rng):
    layer, x = fastnn.Linear(3, 2), rng.normal(size=(4, 3)).astype(np.float32)
    y = layer.forward(x)
    with pytest.raises(ValueError, match="dy: expected shape"):
        layer.backward(y[:3])
    np.testing.assert_allclose(layer.backward(y), y @ layer.weight.data, rtol=1e-5, atol=1e-6)


def test_a_refused_forward_leaves_the_one_before(rng):
    layer = fastnn.Embedding(5, 2)
    y = layer.forward(np.array([1, 2]))
    with pytest.raises(ValueError, match="expected indices"):
        layer.forward(np.array([1, 2, 9]))  # a larger batch, for which there are other calls
    layer.backward(np.ones_like(y))
    np.testing.assert_array_equal(layer.weight.grad[:, 0], [0, 1, 1, 0, 0])


def test_backward_after_parameters_have_moved(rng):
    # Gradients went to where the parameters had been.
    layer, x = fastnn.Linear(3, 2), rng.normal(size=(4, 3)).astype(np.float32)
    dy = layer.forward(x)
    fastnn.Trainer(layer, "mse", "sgd").fit(x, dy, epochs=1, progress=False)
    with pytest.raises(RuntimeError, match="parameters were moved"):
        layer.backward(dy)


@pytest.mark.parametrize("run", ["forward", "predict", "fit"])
@pytest.mark.parametrize("container", [fastnn.Sequential, fastnn.Add, fastnn.Concat])
def test_layers_of_two_dtypes(container, run):
    # Weights of one were read as the other's.
    model = container(fastnn.Linear(3, 3, dtype=F8), fastnn.Linear(3, 3))
    x, trainer = np.zeros((2, 3)), fastnn.Trainer(model, "mse", "sgd")
    runs = {
        "forward": lambda: model.forward(x),
        "predict": lambda: model.predict(x),
        "fit": lambda: trainer.fit(x, x, epochs=1, progress=False),
    }
    with pytest.raises(TypeError, match=r"got float64 \(0.weight\) and float32 \(1.weight\)"):
        runs[run]()


@pytest.mark.parametrize("container", [fastnn.Add, fastnn.Concat])
@pytest.mark.parametrize("beside", [fastnn.Identity, fastnn.Tanh, lambda: fastnn.Linear(2, 2)])
def test_indices_are_no_numbers(container, beside):
    # Their bytes were read as float32.
    embedding = fastnn.Sequential(fastnn.Embedding(9, 1), fastnn.Flatten())
    with pytest.raises(TypeError, match="indices to be read by embeddings alone"):
        container(embedding, beside()).predict(np.array([[1, 2]]))


@pytest.mark.parametrize(
    "build",
    [
        lambda layer: fastnn.Sequential(layer, fastnn.Sequential(layer)),
        lambda layer: fastnn.Sequential(fastnn.Residual(layer), fastnn.Residual(layer)),
        lambda layer: fastnn.Residual(fastnn.Sequential(layer), layer),
        lambda layer: fastnn.Concat(fastnn.Sequential(layer), fastnn.Sequential(layer)),
    ],
    ids=["sequential", "residuals", "shortcut", "concat"],
)
def test_a_layer_twice_at_any_depth(build):
    # One of its two gradients overwrote the other.
    with pytest.raises(ValueError, match="got one twice"):
        build(fastnn.Linear(3, 3))


def test_a_parameter_of_two_layers(rng):
    first, second = fastnn.Linear(3, 3), fastnn.Linear(3, 3)
    second.weight = first.weight
    model, x = fastnn.Sequential(first, second), np.zeros((2, 3), np.float32)
    for run in (model.forward, model.predict):
        with pytest.raises(ValueError, match=r"got one as 0\.weight and 1\.weight"):
            run(x)


def test_softmax_of_rows_without_elements():
    assert fastnn.Softmax().predict(np.zeros((2, 3, 0), np.float32)).shape == (2, 3, 0)


def test_too_small_a_last_batch_is_found_before_training_on_others(rng):
    # With augment= it was found when the batches before had been trained on.
    model = fastnn.Sequential(fastnn.BatchNorm1d(3), fastnn.Linear(3, 2))
    x, before = np.zeros((2**19 + 1, 3), np.float32), model.state_dict()
    trainer = fastnn.Trainer(model, "mse", "sgd")
    with pytest.raises(ValueError, match="expected batches of at least 2 samples"):
        trainer.fit(
            x, x[:, :2], epochs=1, batch_size=2**16, progress=False,
            augment=lambda x, *, index, epoch, dtype: x[index] + 1,
        )  # fmt: skip
    assert trainer.optimizer.steps == 0
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[key])


def test_a_frozen_sum_with_an_activation(rng):
    # The activation's gradient was written to nowhere, and the process ended.
    frozen = fastnn.Residual(fastnn.Linear(3, 3), activation="silu").requires_grad_(False)
    last = fastnn.Linear(3, 2)
    x = rng.normal(size=(9, 3)).astype(np.float32)
    before, weight = frozen.state_dict(), last.weight.data.copy()
    model = fastnn.Sequential(frozen, last)
    fastnn.Trainer(model, "mse", "sgd").fit(x, x[:, :2], epochs=1, progress=False)
    for key, value in frozen.state_dict().items():
        np.testing.assert_array_equal(value, before[key])
    assert (last.weight.data != weight).all()


def test_no_samples_to_validate_with(rng):
    # It was found after an epoch of training.
    trainer = fastnn.Trainer(fastnn.Linear(3, 2), "cross_entropy", "sgd")
    x, y = np.zeros((4, 3), np.float32), np.zeros(4, np.int64)
    with pytest.raises(ValueError, match="validation: expected at least one sample"):
        trainer.fit(x, y, epochs=1, validation=(x[:0], y[:0]), progress=False)
    assert trainer.optimizer.steps == 0
    with pytest.raises(ValueError, match="x: expected at least one sample"):
        trainer.evaluate(x[:0], y[:0])


def test_a_copy_of_a_trained_model_has_a_life_of_its_own(rng):
    # Compiled calls can't be copied, and a model that had been used couldn't either.
    model = fastnn.Sequential(
        fastnn.LSTM(3, 4, output="last"), fastnn.BatchNorm1d(4), fastnn.PReLU(), fastnn.Linear(4, 2)
    )
    x = rng.normal(size=(9, 5, 3)).astype(np.float32)
    y = model.forward(x)
    model[0].forward(x)
    fastnn.Trainer(model, "mse", "adam").fit(x, y, epochs=1, progress=False)
    before = model.predict(x)
    other = copy.deepcopy(model)
    np.testing.assert_array_equal(other.predict(x), before)
    fastnn.Trainer(other, "mse", "adam").fit(x, y, epochs=1, progress=False)
    assert (other.predict(x) != before).any()
    np.testing.assert_array_equal(model.predict(x), before)
    fastnn.Trainer(model, "mse", "adam").fit(x, y, epochs=1, progress=False)
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(value, other.state_dict()[key])


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_inputs_that_are_not_aligned_are_copied(dtype):
    # Kernels may be compiled to read whole vectors from where elements begin.
    x = np.arange(12, dtype=dtype).reshape(3, 4)
    raw = np.zeros(x.nbytes + 1, np.uint8)
    raw[1:] = x.view(np.uint8).reshape(-1)
    shifted = raw[1:].view(dtype).reshape(3, 4)
    ready = check_batch(shifted, (4,), np.dtype(dtype))
    assert not shifted.flags.aligned
    assert ready.flags.aligned
    np.testing.assert_array_equal(ready, x)


def test_masks_are_refused(rng):
    model = fastnn.Sequential(fastnn.Linear(4, 3))
    x, y = rng.standard_normal((6, 4)).astype("f4"), rng.integers(0, 3, 6)
    masked = np.ma.MaskedArray(x, x > 0)
    trainer = fastnn.Trainer(model, "cross_entropy", "sgd")
    for call in (
        lambda: model.predict(masked),
        lambda: model.forward(masked),
        lambda: trainer.fit(masked, y, epochs=1, progress=False),
        lambda: trainer.fit(x, np.ma.MaskedArray(y, y > 1), epochs=1, progress=False),
    ):
        with pytest.raises(TypeError, match="got MaskedArray, whose mask has no meaning"):
            call()
    assert trainer.optimizer.steps == 0


def test_prelu_can_be_pickled(rng):
    layer = pickle.loads(pickle.dumps(fastnn.PReLU(3, init=0.5)))
    assert layer.weight.data.tolist() == [0.5] * 3
