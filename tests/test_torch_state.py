"""State dicts of PyTorch's: files under its names, and what of them is refused. What needs PyTorch
is skipped without it."""

import subprocess
import sys

import numpy as np
import pytest
from peers import peer
from safetensors import numpy as safetensors

import fastnn
from fastnn.io.torch import load_state_dict, read_state_dict

HALVES = ["float16", "bfloat16"]


def net(dtype="float32"):
    return fastnn.Sequential(
        fastnn.Conv2d(1, 2, 3, dtype=dtype),
        fastnn.BatchNorm2d(2, dtype=dtype),
        fastnn.ReLU(),
        fastnn.Flatten(),
        fastnn.Sequential(fastnn.Dropout(0.5), fastnn.Linear(32, 3, dtype=dtype)),
    )


def state_of(rng, dtype="float32"):
    """What PyTorch's state_dict of that net holds."""
    shapes = {
        "0.weight": (2, 1, 3, 3),
        "0.bias": (2,),
        "1.weight": (2,),
        "1.bias": (2,),
        "1.running_mean": (2,),
        "1.running_var": (2,),
        "4.1.weight": (3, 32),
        "4.1.bias": (3,),
    }
    state = {name: rng.random(shape).astype(dtype) for name, shape in shapes.items()}
    return state | {"1.num_batches_tracked": np.array(7)}


def same(model, state):
    own = model.state_dict()
    assert own.keys() == state.keys()
    return all(np.array_equal(own[name], value) for name, value in state.items())


# -- without PyTorch ------------------------------------------------------------------------------


@pytest.mark.parametrize("as_path", [str, lambda path: path])
def test_a_file_under_pytorchs_names(as_path, tmp_path, rng, dtype):
    state = state_of(rng, dtype)
    safetensors.save_file(state, tmp_path / "net.safetensors")
    model = net(dtype)
    load_state_dict(model, as_path(tmp_path / "net.safetensors"))
    assert same(model, state)


def test_arrays_of_any_strides_are_copied(rng):
    state = state_of(rng)
    strided = {name: np.array(value, order="F") for name, value in state.items()}
    assert not strided["4.1.weight"].flags.c_contiguous
    model = net()
    load_state_dict(model, strided)
    assert same(model, state)
    read = read_state_dict(strided)
    assert all(value.flags.c_contiguous for value in read.values())
    assert not any(np.shares_memory(read[name], strided[name]) for name in read)


def test_one_error_lists_all_that_does_not_fit(rng):
    model = net()
    before = model.state_dict()
    state = state_of(rng)
    state["0.weight"] = state["0.weight"][:, :, :2]
    state["1.weight"] = state["1.weight"].astype(np.float64)
    state["5.weight"] = state.pop("4.1.weight")
    with pytest.raises(KeyError) as found:
        load_state_dict(model, state)
    for part in (
        "missing 4.1.weight", "unknown 5.weight",
        "state['0.weight']: expected shape (2, 1, 3, 3), got (2, 1, 2, 3)",
        "state['1.weight']: expected float32, got float64",
    ):  # fmt: skip
        assert part in found.value.args[0]
    assert same(model, before)


def test_a_dtype_converts_floats_alone(rng):
    model = net()
    state = state_of(rng, np.float64)
    with pytest.raises(TypeError, match=r"\['0\.weight'\]: expected float32, got float64"):
        load_state_dict(model, state)
    load_state_dict(model, state, dtype="float32")
    assert model[1].num_batches_tracked.data == 7
    halves = {n: v.astype(np.float16) if v.ndim else v for n, v in state.items()}
    with pytest.raises(TypeError, match=r"\['0\.weight'\]: .* got float16; dtype= converts"):
        load_state_dict(model, halves)
    load_state_dict(model, halves, dtype=np.float32)
    assert same(model, {n: v.astype(np.float32) if v.ndim else v for n, v in halves.items()})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (3, "source: expected a path, a dict of tensors or a torch.nn.Module, got int"),
        ({1: np.ones(3)}, "source: expected names that are strings, got 1"),
        ({"a": [1.0]}, r"state\['a'\]: expected a tensor or a NumPy array, got list"),
        ({"a": np.ones(3, complex)}, r"state\['a'\]: expected numbers, got complex128"),
        ({"a": np.array(["b"])}, r"state\['a'\]: expected numbers, got <U1"),
    ],
)
def test_other_sources_are_refused(source, message):
    with pytest.raises(TypeError, match=message):
        read_state_dict(source)


def test_other_arguments_are_refused():
    with pytest.raises(TypeError, match="dtype: expected float32 or float64, got float16"):
        read_state_dict({}, dtype="float16")
    with pytest.raises(TypeError, match="model: expected a Layer, got dict"):
        load_state_dict({}, {})


def test_other_files_are_refused(tmp_path):
    (tmp_path / "net.pt").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match=r"net\.pt: expected an intact safetensors file"):
        read_state_dict(tmp_path / "net.pt")
    with pytest.raises(FileNotFoundError):
        read_state_dict(tmp_path / "none.pt")


def test_what_needs_pytorch_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in ("from_torch", "to_torch", "TakeLast", "TakeSequence"):
        with pytest.raises(ImportError, match=f"{name} needs PyTorch: pip install torch"):
            getattr(fastnn.io.torch, name)
        assert name in dir(fastnn.io.torch)
    (tmp_path / "net.pt").write_bytes(b"PK\x03\x04")
    with pytest.raises(ImportError, match=r"net\.pt', which torch.save wrote, needs PyTorch: pip"):
        read_state_dict(tmp_path / "net.pt")
    with pytest.raises(AttributeError, match="no attribute 'from_jax'"):
        _ = fastnn.io.torch.from_jax


def test_pytorch_is_not_imported():
    code = (
        "import sys, fastnn; fastnn.io.torch.read_state_dict({}); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# -- with PyTorch ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def torch():
    return peer("torch")


@pytest.mark.parametrize("old", [False, True], ids=["zip", "pickle"])
def test_files_of_torch_save(torch, old, tmp_path, rng):
    state = state_of(rng)
    tensors = {name: torch.from_numpy(value) for name, value in state.items()}
    torch.save(tensors, tmp_path / "net.bin", _use_new_zipfile_serialization=not old)
    model = net()
    load_state_dict(model, tmp_path / "net.bin")
    assert same(model, state)


class Trap:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return print, ("this was run",)


@pytest.mark.parametrize("old", [False, True], ids=["zip", "pickle"])
def test_code_in_files_is_not_run(torch, old, tmp_path, capsys):
    path = tmp_path / "trap.pt"
    torch.save({"a": Trap()}, path, _use_new_zipfile_serialization=not old)
    with pytest.raises(
        ValueError, match=r"trap\.pt: expected a state dict, which is tensors alone"
    ):
        read_state_dict(path)
    torch.save(torch.nn.Linear(3, 3), path, _use_new_zipfile_serialization=not old)
    with pytest.raises(ValueError, match="code in files isn't run"):
        read_state_dict(path)
    assert capsys.readouterr().out == ""


def test_files_that_hold_something_else(torch, tmp_path):
    path = tmp_path / "net.pt"
    torch.save({"state_dict": {"a": torch.ones(3)}, "epoch": 3}, path)
    with pytest.raises(ValueError, match=r"of tensors, got 'state_dict': dict; .*the part"):
        read_state_dict(path)
    torch.save([torch.ones(3)], path)
    with pytest.raises(ValueError, match=r"net\.pt: expected a state dict, got list"):
        read_state_dict(path)
    torch.save({"a": torch.ones(300)}, path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match=r"net\.pt: expected a state dict"):
        read_state_dict(path)


def test_tensors_however_they_lie(torch, rng):
    base = torch.randn(4, 6, requires_grad=True)
    tensors = {
        "view": base[1:, ::2].T,
        "expanded": torch.ones(1).expand(5),
        "parameter": torch.nn.Parameter(base.detach()),
        "tied": base,
        "number": torch.tensor(3),
        "empty": torch.empty(0, 2),
        "negative": torch._neg_view(torch.ones(3)),
    }
    read = read_state_dict(tensors)
    for name, value in tensors.items():
        assert np.array_equal(read[name], value.detach().resolve_neg().numpy()), name
        assert read[name].flags.c_contiguous
    read["tied"][...] = 0
    assert not np.array_equal(read["parameter"], read["tied"])
    assert (base != 0).all()


@pytest.mark.parametrize("kind", HALVES)
def test_tensors_of_half_precision(torch, kind):
    tensors = {"a": torch.tensor([1.0, 0.1], dtype=getattr(torch, kind)), "n": torch.tensor(3)}
    message = rf"state\['a'\]: expected float32 or float64, got {kind}; dtype= converts"
    with pytest.raises(TypeError, match=message):
        read_state_dict(tensors)
    read = read_state_dict(tensors, dtype="float64")
    assert np.array_equal(read["a"], tensors["a"].double().numpy())
    assert read["n"].dtype == np.int64


@pytest.mark.parametrize("kind", HALVES)
def test_files_of_half_precision(torch, kind, tmp_path):
    files = pytest.importorskip("safetensors.torch")
    values = torch.tensor([[1.0, -0.1], [float("inf"), 3e-5]], dtype=getattr(torch, kind))
    tensors = {"a": values, "b": torch.tensor([0.1]), "n": torch.tensor(3)}
    files.save_file(tensors, tmp_path / "half.safetensors")
    with pytest.raises((TypeError, ValueError), match=rf"'a'.*{kind}"):
        read_state_dict(tmp_path / "half.safetensors")
    read = read_state_dict(tmp_path / "half.safetensors", dtype="float64")
    for name, tensor in tensors.items():
        assert np.array_equal(read[name], tensor.double().numpy()), name
    assert [str(value.dtype) for value in read.values()] == ["float64", "float64", "int64"]


def test_tensors_without_plain_values(torch):
    for tensor, error, message in (
        (torch.empty(3, device="meta"), ValueError, 'a tensor on the device "meta"'),
        (torch.eye(3).to_sparse(), TypeError, "expected a dense tensor, got float32"),
        (torch.ones(3, dtype=torch.complex64), TypeError, "expected numbers, got complex64"),
    ):
        with pytest.raises(error, match=message):
            read_state_dict({"a": tensor})


def test_a_module_with_a_forward_of_its_own(torch, rng):
    """Its names stay; what is in its Sequential goes by position."""

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.body = torch.nn.Sequential()
            self.body.add_module("first", torch.nn.Linear(4, 6))
            self.body.add_module("relu", torch.nn.ReLU())
            self.body.add_module("second", torch.nn.Linear(6, 4))

        def forward(self, x):
            return torch.relu(self.body(x) + x)

    body = fastnn.Sequential(fastnn.Linear(4, 6), fastnn.ReLU(), fastnn.Linear(6, 4))
    model, module = fastnn.Residual(body, activation="relu"), Net()
    load_state_dict(model, module)
    x = rng.standard_normal((3, 4)).astype(np.float32)
    near = {"rtol": 1e-6, "atol": 1e-6}  # rounding of a few sums
    np.testing.assert_allclose(
        model.predict(x), module(torch.from_numpy(x)).detach().numpy(), **near
    )
