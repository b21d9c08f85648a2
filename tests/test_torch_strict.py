"""Modules and state dicts that look like what fastnn has and aren't."""

import numpy as np
import pytest
from peers import peer

torch = peer("torch")

import fastnn  # noqa: E402
from fastnn.io.torch import from_torch, read_state_dict, to_torch  # noqa: E402

nn = torch.nn


class Doubled(nn.Sequential):
    def __call__(self, x):
        return 2 * super().__call__(x)


class Backwards(nn.Sequential):
    def __iter__(self):
        return iter([*super().__iter__()][::-1])


def sharing(kind):
    """Two layers with one memory behind them."""
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    if kind == "data":
        second.weight.data = first.weight.data
    elif kind == "transposed":
        second.weight = nn.Parameter(first.weight.detach().T)
    else:
        second.bias = nn.Parameter(torch.zeros(1).expand(3))
    return nn.Sequential(first, second)


def contents(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


@pytest.mark.parametrize(
    ("cls", "name"), [(Doubled, "__call__"), (Backwards, "__iter__")], ids=["call", "iter"]
)
def test_sequentials_that_run_otherwise_are_refused(cls, name):
    with pytest.raises(TypeError, match=f"^model: expected the {name} of torch.nn.Sequential, got"):
        from_torch(cls(nn.Linear(3, 3)))


@pytest.mark.parametrize("kind", ["data", "transposed", "expanded"])
def test_memory_that_is_shared_is_refused_both_ways(kind):
    module = sharing(kind)
    name = "bias" if kind == "expanded" else "weight"
    with pytest.raises(ValueError, match=rf"^model\.1\.{name}: expected .* of its own, got"):
        from_torch(module)
    model = from_torch(nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)))
    before = contents(module)
    with pytest.raises(ValueError, match=rf"^into\.1\.{name}: expected .* of its own, got"):
        to_torch(model, into=module)
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())


HOOKS = {
    "backward": lambda m: m.register_full_backward_hook(lambda *_: None),
    "before backward": lambda m: m.register_full_backward_pre_hook(lambda *_: None),
    "gradient": lambda m: m.weight.register_hook(lambda grad: 0 * grad),
    "accumulated": lambda m: m.weight.register_post_accumulate_grad_hook(lambda p: None),
}


@pytest.mark.parametrize("kind", HOOKS)
def test_hooks_on_the_way_back_are_refused(kind):
    module = nn.Sequential(nn.Linear(3, 3))
    hook = HOOKS[kind](module[0])
    with pytest.raises(ValueError, match=r"^model\.0.*: expected its .* alone, got hooks"):
        from_torch(module)
    hook.remove()
    from_torch(module)


def test_a_buffer_in_a_parameters_place_is_not_trained():
    layer = nn.Linear(3, 2)
    del layer.bias
    layer.register_buffer("bias", torch.ones(2))
    model = from_torch(nn.Sequential(layer))
    assert {n: p.requires_grad for n, p in model.named_parameters().items()} == {
        "0.weight": True,
        "0.bias": False,
    }
    fastnn.Trainer(model, "mse", "sgd").fit(
        np.ones((8, 3), np.float32), np.zeros((8, 2), np.float32), epochs=2, progress=False
    )
    np.testing.assert_array_equal(model.state_dict()["0.bias"], np.ones(2))


@pytest.mark.parametrize("dtype", [torch.float64, np.float64, np.dtype("f8"), "float64"], ids=str)
def test_dtypes_of_either_library(dtype):
    module = nn.Sequential(nn.Linear(3, 2))
    assert from_torch(module, dtype=dtype).state_dict()["0.weight"].dtype == np.float64
    assert read_state_dict(module, dtype=dtype)["0.weight"].dtype == np.float64


@pytest.mark.parametrize("dtype", [torch.float16, torch.int64, "single precision", 32])
def test_other_dtypes_are_refused_by_name(dtype):
    for function in (from_torch, read_state_dict):
        with pytest.raises(TypeError, match=r"^dtype: expected float32 or float64, got "):
            function(nn.Sequential(nn.Linear(3, 2)), dtype=dtype)


def test_lazy_modules_have_no_values_yet():
    module = nn.Sequential(nn.LazyLinear(3))
    message = r"^state\['0\.weight'\]: expected values, got none: its module is lazy"
    with pytest.raises(ValueError, match=message):
        read_state_dict(module)
    with pytest.raises(ValueError, match="expected values"):
        to_torch(fastnn.Sequential(fastnn.Linear(2, 3)), into=module)
    module(torch.zeros(1, 2))
    assert read_state_dict(module)["0.weight"].shape == (3, 2)


def test_masks_have_no_meaning():
    state = {"0.weight": np.ma.masked_array(np.ones((2, 3), np.float32), mask=True)}
    with pytest.raises(TypeError, match=r"^state\['0\.weight'\]: expected a tensor .* MaskedArray"):
        read_state_dict(state)


@pytest.mark.parametrize("old", [False, True], ids=["zip", "old"])
def test_reasons_are_one_sentence(old, tmp_path):
    path = tmp_path / "net.pt"
    module = nn.Sequential(nn.Linear(3, 2))
    torch.save(module, path, _use_new_zipfile_serialization=not old)
    begun = path.read_bytes()
    for content in (begun, begun[:4], begun[:30]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"PyTorch says: [^\x1b\n]{6,200}$"):
            read_state_dict(path)
