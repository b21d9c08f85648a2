"""What the engine accepts without the checks in Python, and that it leaves the rest untouched."""

import numpy as np
import pytest

from fastnn import _engine, functional
from fastnn._dispatch import pair

MEMORY = np.zeros(100, np.float32)


def ones(shape=(3, 4), dtype=np.float32):
    return np.ones(shape, dtype)


def misaligned(a):
    b = np.empty(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    b[...] = a
    return b


def read_only(a):
    a.flags.writeable = False
    return a


RELU, RELU_GRAD = pair("relu.forward"), pair("relu.backward")
SOFTMAX, SOFTMAX_GRAD = pair("softmax.forward"), pair("softmax.backward")
BIAS, SUMS = pair("bias.add"), pair("columns.sum")
MSE = pair("mse.values")
ENTROPY = pair("softmax_cross_entropy.probabilities"), pair("softmax_cross_entropy.labels")

# A call, and its arrays by name; what it writes is listed.
CALLS = {
    "map": (lambda x, y: _engine.run_map(RELU, x, y, ()), ["x", "y"], ["y"]),
    "grad": (
        lambda grad, saved, dx: _engine.run_grad(RELU_GRAD, grad, saved, dx, ()),
        ["grad", "saved", "dx"],
        ["dx"],
    ),
    "rows": (lambda x, y: _engine.run_rows(SOFTMAX, x, y), ["x", "y"], ["y"]),
    "rows_grad": (
        lambda grad, y, dx: _engine.run_rows_grad(SOFTMAX_GRAD, grad, y, dx),
        ["grad", "y", "dx"],
        ["dx"],
    ),
    "bias_map": (
        lambda x, bias, y: _engine.run_bias_map(BIAS, RELU, x, bias, y, ()),
        ["x", "bias", "y"],
        ["y"],
    ),
    "bias_grad": (
        lambda grad, saved, dx, dbias: _engine.run_bias_grad(
            RELU_GRAD, SUMS, grad, saved, dx, dbias, ()
        ),
        ["grad", "saved", "dx", "dbias"],
        ["dx", "dbias"],
    ),
    "loss": (
        lambda pred, target, weight, grad: _engine.run_loss(
            MSE, None, pred, target, weight, grad, ()
        ),
        ["pred", "target", "weight", "grad"],
        ["grad"],
    ),
    "cross entropy": (
        lambda pred, labels, weight, grad: _engine.run_loss(
            *ENTROPY, pred, labels, weight, grad, (0.0,)
        ),
        ["pred", "labels", "weight", "grad"],
        ["grad"],
    ),
}
SHAPES = {"bias": (4,), "dbias": (4,), "weight": (3,), "labels": (3,)}

UNUSUAL = {
    "other type": lambda a: a.astype(np.float16),
    "other floating type": lambda a: a.astype(np.float64),
    "booleans": lambda a: a.astype(bool),
    "complex": lambda a: a.astype(complex),
    "dates": lambda a: a.astype("M8[s]"),
    "records": lambda a: np.zeros(a.shape, "f4,f4"),
    "byte order": lambda a: a.astype(a.dtype.newbyteorder()),
    "strides": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "misaligned": misaligned,
    "subclass": lambda a: a.view(np.recarray),
    "list": lambda a: a.tolist(),
    "longer": lambda a: np.concatenate([a, a]),
    "one more axis": lambda a: a[None],
    "no axis": lambda a: a.ravel()[0].reshape(()),
    "one axis": lambda a: np.ones(a.size + 1, a.dtype),
}


def arrays_of(names):
    return {
        name: ones(SHAPES.get(name, (3, 4)), np.int64 if name == "labels" else np.float32)
        for name in names
    }


def accepts(run, arrays):
    # Not by equality: a loss may be 0.0.
    result = run(**arrays)
    return result is not None and result is not False


def assert_refused(run, arrays, written):
    for name in written:
        if isinstance(arrays[name], np.ndarray) and arrays[name].dtype == np.float32:
            before = arrays[name].copy()
            assert not accepts(run, arrays)
            np.testing.assert_array_equal(arrays[name], before)
    assert not accepts(run, arrays)


@pytest.mark.parametrize("call", CALLS)
def test_ordinary_arrays_are_accepted(call):
    run, names, written = CALLS[call]
    assert accepts(run, arrays_of(names))
    read = {name: a if name in written else read_only(a) for name, a in arrays_of(names).items()}
    assert accepts(run, read)


@pytest.mark.parametrize("unusual", UNUSUAL)
@pytest.mark.parametrize("call", CALLS)
def test_unusual_arrays_are_refused(call, unusual):
    run, names, written = CALLS[call]
    for name in names:
        arrays = arrays_of(names)
        arrays[name] = UNUSUAL[unusual](arrays[name])
        assert_refused(run, arrays, written)


@pytest.mark.parametrize("call", CALLS)
def test_what_cannot_be_written_is_refused(call):
    run, names, written = CALLS[call]
    for name in written:
        arrays = arrays_of(names)
        read_only(arrays[name])
        assert_refused(run, arrays, written)


@pytest.mark.parametrize("call", CALLS)
def test_overlap_in_part_is_refused(call):
    run, names, written = CALLS[call]
    for target in written:
        for name in set(names) - {target, "labels"}:
            arrays = arrays_of(names)
            size = arrays[target].size
            arrays[target] = MEMORY[:size].reshape(arrays[target].shape)
            arrays[name] = MEMORY[size - 1 :][: arrays[name].size].reshape(arrays[name].shape)
            assert_refused(run, arrays, written)


@pytest.mark.parametrize(
    ("call", "read", "written"),
    [("bias_map", "bias", "y"), ("bias_grad", "dx", "dbias"), ("loss", "target", "grad")],
)
def test_what_is_not_elementwise_is_not_done_in_place(call, read, written):
    run, names, outputs = CALLS[call]
    arrays = arrays_of(names)
    shapes = arrays[read].shape, arrays[written].shape
    arrays[read], arrays[written] = (MEMORY[: np.prod(s)].reshape(s) for s in shapes)
    assert_refused(run, arrays, outputs)


@pytest.mark.parametrize("labels", [[0, 1, 4], [-1, 0, 0], [0, 2**63 - 1, 0], [-(2**63), 0, 0]])
def test_labels_out_of_range_are_refused(labels):
    run, names, written = CALLS["cross entropy"]
    assert_refused(run, arrays_of(names) | {"labels": np.array(labels)}, written)


@pytest.mark.parametrize("kind", "bBhHiIlLqQ")
def test_labels_of_any_native_integers_are_accepted(kind):
    run, names, written = CALLS["cross entropy"]
    arrays = arrays_of(names)
    arrays["labels"] = np.array([3, 0, 2], kind)
    assert accepts(run, arrays)
    for bad in {np.iinfo(kind).min, np.iinfo(kind).max} - {0}:
        arrays["labels"][1] = bad
        assert_refused(run, arrays, written)


@pytest.mark.parametrize("weight", [-1, np.nan, np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_out_of_range_are_refused(weight, dtype):
    run, names, written = CALLS["loss"]
    arrays = {name: a.astype(dtype) for name, a in arrays_of(names).items()}
    assert accepts(run, arrays)
    arrays["weight"][1] = weight
    assert_refused(run, arrays, written)


def test_inputs_may_overlap_each_other():
    memory = np.linspace(-1, 1, 16, dtype=np.float32)
    a, b = memory[:12].reshape(3, 4), memory[4:].reshape(3, 4)
    loss, grad = functional.mse(a, b)
    expected, expected_grad = functional.mse(a.copy(), b.copy())
    assert loss == expected
    np.testing.assert_array_equal(grad, expected_grad)
    np.testing.assert_array_equal(
        functional.relu_backward(a, b), functional.relu_backward(a.copy(), b.copy())
    )
    np.testing.assert_array_equal(
        functional.bias_activation(a, memory[2:6], "relu"), np.maximum(a + memory[2:6], 0)
    )


def test_empty_arrays_have_no_memory_in_common():
    inside = MEMORY[4:4].reshape(0, 3)
    loss, grad = functional.mse(inside, inside, grad_out=inside)
    assert loss == 0.0
    assert grad is inside
    assert functional.softmax_cross_entropy(inside, np.zeros(0, int), grad_out=inside)[0] == 0.0
    dx, dbias = functional.bias_activation_backward(
        inside, inside, "relu", out=inside, bias_grad=MEMORY[3:6]
    )
    assert dx is inside
    assert not dbias.any()


def test_memory_mapped_gradients_are_written_in_place(tmp_path):
    x, bias = np.linspace(-2, 2, 12, dtype="f4").reshape(3, 4), np.ones(4, "f4")
    mapped = np.memmap(tmp_path / "x", "f4", "w+", shape=(3, 4))
    sums = np.memmap(tmp_path / "sums", "f4", "w+", shape=4)
    assert functional.mse(x, np.zeros_like(x), grad_out=mapped)[1] is mapped
    np.testing.assert_array_equal(mapped, functional.mse(x, np.zeros_like(x))[1])
    assert functional.bias_activation(x, bias, "relu", out=mapped) is mapped
    np.testing.assert_array_equal(mapped, np.maximum(x + bias, 0))
    functional.bias_activation_backward(x, x, "relu", out=mapped, bias_grad=sums)
    np.testing.assert_array_equal(sums, mapped.sum(axis=0))
