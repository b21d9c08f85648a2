"""Live PyTorch modules read into fastnn and written back, where PyTorch is installed."""

import doctest
import importlib
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from peers import peer

import fastnn

torch = peer("torch")

from fastnn.io.torch import TakeLast, TakeSequence, from_torch, to_torch  # noqa: E402
from fastnn.io.torch._pairs import PAIRS  # noqa: E402

nn = torch.nn

# PyTorch says so of even kernels, to tell of the time that it takes there.
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")

# Rounding alone differs: both compute the same formula of a few hundred terms at most.
NEAR = {"float32": 1e-6, "float64": 1e-12}


@pytest.fixture
def kind(dtype):
    """PyTorch's dtype of the same name, which modules are made in."""
    kind = getattr(torch, str(dtype))
    torch.manual_seed(3)
    torch.set_default_dtype(kind)
    yield kind
    torch.set_default_dtype(torch.float32)


# Modules by name, each with the shape of a sample.
CASES = {
    "linear": (lambda: [nn.Linear(7, 5)], (7,)),
    "linear of steps, no bias": (lambda: [nn.Linear(7, 5, bias=False)], (4, 7)),
    "conv": (lambda: [nn.Conv2d(4, 6, 3)], (4, 8, 9)),
    "conv, all options": (
        lambda: [nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 2), (1, 2), 2, bias=False)], (4, 9, 9)
    ),
    "conv, same": (lambda: [nn.Conv2d(2, 3, (4, 3), padding="same")], (2, 7, 8)),
    "conv, valid": (lambda: [nn.Conv2d(2, 3, 3, stride=2, padding="valid")], (2, 7, 8)),
    "max pool": (lambda: [nn.MaxPool2d(2)], (3, 6, 8)),
    "max pool, all options": (
        lambda: [nn.MaxPool2d((3, 2), (2, 1), 1, (1, 2), ceil_mode=True)], (3, 8, 9)
    ),
    "mean pool": (lambda: [nn.AvgPool2d(2)], (3, 6, 8)),
    "mean pool, all options": (
        lambda: [nn.AvgPool2d((3, 2), 2, 1, ceil_mode=True, count_include_pad=False)], (3, 8, 9)
    ),
    "adaptive pool": (lambda: [nn.AdaptiveAvgPool2d((3, None))], (2, 7, 5)),
    "batch norm": (lambda: [nn.BatchNorm1d(6, eps=1e-3, momentum=0.3)], (6,)),
    "batch norm of steps": (lambda: [nn.BatchNorm1d(6, momentum=None, affine=False)], (6, 5)),
    "batch norm of images": (lambda: [nn.BatchNorm2d(3)], (3, 4, 5)),
    "layer norm": (lambda: [nn.LayerNorm(9)], (4, 9)),
    "layer norm of two axes": (lambda: [nn.LayerNorm((4, 9), 1e-3, bias=False)], (4, 9)),
    "layer norm, nothing learned": (lambda: [nn.LayerNorm(9, elementwise_affine=False)], (9,)),
    "dropout": (lambda: [nn.Dropout(0.3, inplace=True)], (9,)),
    "embedding": (lambda: [nn.Embedding(11, 4)], (6,)),
    "embedding with padding": (
        lambda: [nn.Embedding(11, 4, padding_idx=-3), nn.Flatten(), nn.Linear(24, 3)], (6,)
    ),
    "rnn": (lambda: [nn.RNN(5, 4, batch_first=True), TakeSequence()], (6, 5)),
    "rnn, relu, two layers": (
        lambda: [nn.RNN(5, 4, 2, nonlinearity="relu", bias=False, batch_first=True), TakeLast()],
        (6, 5),
    ),
    "lstm": (lambda: [nn.LSTM(5, 4, batch_first=True), TakeLast(), nn.Linear(4, 3)], (6, 5)),
    "lstm, both ways": (
        lambda: [nn.LSTM(5, 4, 2, batch_first=True, bidirectional=True), TakeLast()], (6, 5)
    ),
    "gru": (lambda: [nn.GRU(5, 4, batch_first=True, bidirectional=True), TakeSequence()], (6, 5)),
    "flatten": (lambda: [nn.Flatten()], (2, 3, 4)),
    "unflatten": (lambda: [nn.Unflatten(1, (2, -1))], (6, 5)),
    "unflatten the last": (lambda: [nn.Unflatten(-1, torch.Size([2, 3]))], (5, 6)),
    "prelu": (lambda: [nn.PReLU(init=0.3)], (4, 5)),
    "prelu of channels": (lambda: [nn.PReLU(4)], (4, 5)),
    "rrelu": (lambda: [nn.RReLU(0.1, 0.4)], (8,)),
    "glu": (lambda: [nn.GLU()], (3, 8)),
    "glu from the front": (lambda: [nn.GLU(dim=2)], (3, 8)),
    "softmax": (lambda: [nn.Softmax(dim=-1)], (3, 8)),
    "softmax from the front": (lambda: [nn.Softmax(dim=1)], (8,)),
    "log softmax": (lambda: [nn.LogSoftmax(dim=1)], (8,)),
    "identity": (lambda: [nn.Identity(3, unused=True)], (8,)),
    "leaky relu": (lambda: [nn.LeakyReLU(0.2)], (8,)),
    "hardtanh": (lambda: [nn.Hardtanh(-0.5, 0.7)], (8,)),
    "threshold": (lambda: [nn.Threshold(0.1, -2.0)], (8,)),
    "hardshrink": (lambda: [nn.Hardshrink(0.3)], (8,)),
    "softshrink": (lambda: [nn.Softshrink(0.3)], (8,)),
    "elu": (lambda: [nn.ELU(0.6)], (8,)),
    "celu": (lambda: [nn.CELU(0.5)], (8,)),  # PyTorch's gradient has alpha in float32
    "softplus": (lambda: [nn.Softplus(beta=2)], (8,)),
    "gelu": (lambda: [nn.GELU()], (8,)),
    "gelu, tanh": (lambda: [nn.GELU(approximate="tanh")], (8,)),
    **{
        name.lower(): (lambda name=name: [getattr(nn, name)()], (8,))
        for name in (
            "ReLU", "ReLU6", "Hardsigmoid", "Hardswish", "Softsign", "SELU", "Sigmoid",
            "LogSigmoid", "Tanh", "Tanhshrink", "SiLU", "Mish",
        )
    },
    "a net of all kinds": (
        lambda: [
            nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()),
            nn.MaxPool2d(2),
            nn.Sequential(nn.Sequential(nn.Conv2d(4, 8, 3), nn.PReLU(8)), nn.AvgPool2d(2)),
            nn.Flatten(end_dim=3),
            nn.Linear(32, 12), nn.LayerNorm(12), nn.GELU(), nn.Linear(12, 5), nn.LogSoftmax(1),
        ],
        (1, 12, 12),
    ),
}  # fmt: skip
NOISY = {"dropout", "rrelu"}


def made(name):
    """A module with running statistics that are not the initial ones, and a batch for it.

    At its end is a layer that changes nothing: without any parameter a model is float32."""
    layers, shape = CASES[name]
    module = nn.Sequential(*layers(), nn.PReLU(init=1.0))
    if "embedding" in name:
        x = torch.randint(0, 11, (5, *shape))
    else:
        x = torch.randn(5, *shape)
        with torch.no_grad():
            module(x + 1)
    return module, x, shape


def compare(ours, theirs, near):
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=near, atol=near)


def test_every_pair_has_a_case():
    kinds = {type(part) for name in CASES for part in made(name)[0].modules()}
    names = {cls.__name__ for cls in kinds - {nn.Sequential, TakeLast, TakeSequence}}
    assert {pair.name for pair in PAIRS} == {*names, "Step"}  # which PyTorch doesn't have


@pytest.mark.parametrize("name", CASES)
def test_outputs_are_pytorchs(name, kind, dtype):
    module, x, shape = made(name)
    model = from_torch(module, shape=shape)
    assert model.dtype == dtype
    assert len(model) == len(module)
    assert list(model.state_dict()) == list(module.state_dict())
    compare(model.predict(x.numpy()), module.eval()(x), NEAR[str(dtype)])


@pytest.mark.parametrize("name", CASES.keys() - NOISY)
def test_training_is_pytorchs(name, kind, dtype):
    module, x, shape = made(name)
    model = from_torch(module, shape=shape)
    if "embedding" not in name:
        x.requires_grad_()
    # PyTorch's threshold and one pass over 1 / 6 in float32: see test_torch.py.
    near = 1e-7 if name == "hardsigmoid" else NEAR[str(dtype)]
    out = module(x)
    dy = torch.randn_like(out)
    (out * dy).sum().backward()
    y = model.forward(x.detach().numpy(), training=True)
    dx = model.backward(dy.numpy())
    # Gradients are sums of up to 500 terms of about 1, and batch norm divides by deviations.
    compare(y, out, 4 * near)
    if x.requires_grad:
        compare(dx, x.grad, 20 * near)
    for key, p in module.named_parameters():
        compare(model.named_parameters()[key].grad, p.grad, 40 * near)
    for key, value in module.state_dict().items():
        compare(model.state_dict()[key], value, near)


@pytest.mark.parametrize("name", CASES)
def test_there_and_back(name, kind, dtype):
    module, x, shape = made(name)
    model = from_torch(module, shape=shape)
    back = to_torch(model)
    assert all(part.training for part in back.modules())
    assert list(back.state_dict()) == list(module.state_dict())
    for key, value in module.state_dict().items():
        assert back.state_dict()[key].dtype == value.dtype
        assert torch.equal(back.state_dict()[key], value)
    assert torch.equal(back.eval()(x), module.eval()(x))  # PyTorch's own options are back too
    again = from_torch(back, shape=shape)
    assert np.array_equal(again.predict(x.numpy()), model.predict(x.numpy()))


@pytest.mark.parametrize("layer", [
    fastnn.Linear(6, 5, activation="relu"),
    fastnn.Linear(6, 5, activation="gelu_tanh"),
    fastnn.Sequential(fastnn.Reshape((1, 2, 3)), fastnn.Conv2d(1, 2, 2, activation="tanh")),
    fastnn.Sequential(fastnn.Unflatten(1, (3, 2)), fastnn.GRU(2, 4, bidirectional=True)),
    fastnn.Sequential(fastnn.Unflatten(1, (3, 2)), fastnn.LSTM(2, 4, output="last")),
    fastnn.Softplus(),
], ids=repr)  # fmt: skip
def test_what_is_one_layer_here_and_several_there(layer, rng):
    model = fastnn.Sequential(layer, fastnn.Identity())
    module = to_torch(model)
    assert list(module.state_dict()) == list(model.state_dict())
    x = (30 * rng.standard_normal((4, 6))).astype(np.float32)  # into the tails
    # Of sums of inputs about 30.
    np.testing.assert_allclose(
        model.predict(x), module.eval()(torch.from_numpy(x)).detach(), rtol=1e-5, atol=1e-5
    )
    again = from_torch(module)
    assert np.array_equal(again.predict(x), model.predict(x))


def test_what_is_learned_here_is_served_there_and_back(tmp_path, rng):
    """Both ways, through `fastnn.save` and a module of the same layers, strictly."""
    safetensors = pytest.importorskip("safetensors.torch")
    model = fastnn.Sequential(fastnn.Linear(4, 8), fastnn.ReLU(), fastnn.Linear(8, 3))
    x = rng.standard_normal((64, 4)).astype(np.float32)
    y = (x[:, :2] > 0).sum(axis=1)
    fastnn.Trainer(model, "cross_entropy", "adam").fit(x, y, epochs=3, progress=False)
    fastnn.save(model, tmp_path / "m.safetensors")
    module = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    for strict in (module, to_torch(model)):
        strict.load_state_dict(safetensors.load_file(tmp_path / "m.safetensors"), strict=True)
        compare(model.predict(x), strict(torch.from_numpy(x)), 1e-6)
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    nn.functional.cross_entropy(module(torch.from_numpy(x)), torch.from_numpy(y)).backward()
    optimizer.step()
    safetensors.save_file(module.state_dict(), tmp_path / "t.safetensors")
    fastnn.io.torch.load_state_dict(model, tmp_path / "t.safetensors")
    compare(model.predict(x), module(torch.from_numpy(x)), 1e-6)


@pytest.mark.parametrize("name", ["_from", "_to", "_modules"])
def test_docstrings_run(name):
    results = doctest.testmod(importlib.import_module(f"fastnn.io.torch.{name}"))
    assert results.attempted
    assert not results.failed


@pytest.mark.checkout
def test_the_example_runs(tmp_path):
    path = Path(__file__).resolve().parents[1] / "examples" / "torch_exchange.py"
    command = [sys.executable, path, "--quick"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "a module that fastnn builds" in done.stdout


def test_requires_grad_is_kept_both_ways():
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    module[0].requires_grad_(False)
    module[2].bias.requires_grad_(False)
    expected = {name: p.requires_grad for name, p in module.named_parameters()}
    model = from_torch(module)
    assert {name: p.requires_grad for name, p in model.named_parameters().items()} == expected
    back = to_torch(model)
    assert {name: p.requires_grad for name, p in back.named_parameters()} == expected


def test_names_become_positions_and_the_way_back_keeps_them(rng):
    from collections import OrderedDict

    module = nn.Sequential(OrderedDict(
        body=nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 2, 3), act=nn.ReLU())),
        flat=nn.Flatten(),
        head=nn.Linear(32, 3),
    ))  # fmt: skip
    model = from_torch(module)
    assert list(model.state_dict()) == ["0.0.weight", "0.0.bias", "2.weight", "2.bias"]
    before = {name: value.clone() for name, value in module.state_dict().items()}
    for p in model.parameters():
        p.data[...] += 1
    assert to_torch(model, into=module) is module
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name] + 1)
        assert value.dtype == before[name].dtype
    assert all(p.requires_grad and p.is_leaf for p in module.parameters())
    fastnn.io.torch.load_state_dict(model, module)
    x = rng.standard_normal((2, 1, 6, 6)).astype(np.float32)
    compare(model.predict(x), module(torch.from_numpy(x)), 1e-6)


def test_a_module_that_does_not_fit_stays_as_it_was():
    model = fastnn.Sequential(fastnn.Linear(3, 4), fastnn.ReLU(), fastnn.Linear(4, 2))
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 5))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with pytest.raises(ValueError, match=r"2\.weight.*\(2, 4\), got \(5, 4\).*2\.bias"):
        to_torch(model, into=module)
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    with pytest.raises(TypeError, match=r"into: expected a torch\.nn\.Module, got dict"):
        to_torch(model, into={})
    tied = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    square = fastnn.Sequential(fastnn.Linear(3, 3), fastnn.Linear(3, 3))
    with pytest.raises(ValueError, match=r"into\.1\.weight: expected a tensor of its own"):
        to_torch(square, into=tied)


def test_nothing_is_shared_and_no_random_number_is_drawn():
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    state = torch.get_rng_state()
    model = from_torch(module)
    back = to_torch(model)
    assert torch.equal(torch.get_rng_state(), state)
    for p in model.named_state().values():
        p.data[...] = 9
    for value in back.state_dict().values():
        value.fill_(7)
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert all((p.data == 9).all() for p in model.named_state().values())


def test_modules_of_either_side_can_be_copied_and_pickled(tmp_path):
    module = to_torch(fastnn.Sequential(fastnn.GRU(3, 4, output="last"), fastnn.Linear(4, 2)))
    torch.save(module, tmp_path / "whole.pt")
    again = torch.load(tmp_path / "whole.pt", weights_only=False)
    x = torch.randn(2, 5, 3)
    assert torch.equal(again(x), module(x))


def test_stateless_modules_may_stand_twice():
    relu = nn.ReLU()
    module = nn.Sequential(nn.Linear(3, 4), relu, nn.Linear(4, 4), relu)
    x = torch.randn(5, 3)
    compare(from_torch(module).predict(x.numpy()), module(x), 1e-6)


def test_half_precision_when_a_dtype_is_given(rng):
    for kind in (torch.float16, torch.bfloat16):
        module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).to(kind)
        with pytest.raises(TypeError, match=r"state\['0\.weight'\]: expected float32 or float64, "):
            from_torch(module)
        model = from_torch(module, dtype="float32")
        x = rng.standard_normal((5, 3)).astype(np.float32)
        compare(model.predict(x), module.float()(torch.from_numpy(x)), 1e-6)
    assert from_torch(module.double(), dtype="float32").dtype == np.float32
    assert from_torch(module.float(), dtype="float64").dtype == np.float64


# -- what is refused ------------------------------------------------------------------------------


class Own(nn.Sequential):
    def forward(self, x):
        return super().forward(x) + 1


def hooked():
    layer = nn.Linear(3, 3)
    layer.register_forward_hook(lambda module, args, out: out + 1)
    return layer


def normed(outdated):
    with warnings.catch_warnings():  # the old form is deprecated
        warnings.simplefilter("ignore")
        if outdated:
            return nn.utils.weight_norm(nn.Linear(3, 3))
        return nn.utils.parametrizations.weight_norm(nn.Linear(3, 3))


def quantised():
    with warnings.catch_warnings():  # it is deprecated
        warnings.simplefilter("ignore")
        return torch.ao.nn.quantized.Linear(3, 3)


TIED = nn.Linear(3, 3)
REFUSED = {
    "of one's own": (lambda: [Own(nn.ReLU())], r"1: expected the forward of torch\.nn\.Seq"),
    "unknown": (lambda: [nn.Bilinear(2, 2, 2)], r"1: expected one of Linear, .*, got Bilinear"),
    "derived": (lambda: [type("Mine", (nn.Linear,), {})(3, 3)], "1: expected one of .*Mine$"),
    "nested": (lambda: [nn.Sequential(nn.ReLU(), nn.GroupNorm(1, 3))], r"1\.1: .*got GroupNorm"),
    "empty": (lambda: [nn.Sequential()], r"1: expected at least one module"),
    "padding_mode": (lambda: [nn.Conv2d(1, 1, 3, padding_mode="circular")],
                     r"1: expected padding_mode='zeros', got 'circular'"),
    "return_indices": (lambda: [nn.MaxPool2d(2, return_indices=True)], "return_indices=False"),
    "divisor": (lambda: [nn.AvgPool2d(2, divisor_override=3)], "divisor_override=None, got 3"),
    "padding of a pool": (lambda: [nn.MaxPool2d(2, padding=3)], "1: padding: expected at most"),
    "max_norm": (lambda: [nn.Embedding(3, 3, max_norm=1.0)], r"max_norm=None, got 1\.0"),
    "by frequency": (lambda: [nn.Embedding(3, 3, scale_grad_by_freq=True)], "scale_grad_by_freq"),
    "sparse": (lambda: [nn.Embedding(3, 3, sparse=True)], "sparse=False, got True"),
    "embedding later": (lambda: [nn.Embedding(3, 3)], "1: expected an Embedding to be the first"),
    "p = 1": (lambda: [nn.Dropout(1.0)], r"1: p: expected a number in \[0, 1\), got 1\.0"),
    "alpha dropout": (lambda: [nn.AlphaDropout()], "got AlphaDropout"),
    "statistics": (lambda: [nn.BatchNorm1d(3, track_running_stats=False)],
                   "1: expected track_running_stats=True, got False"),
    "bias of a norm": (lambda: [nn.BatchNorm1d(3, bias=False)], "bias=True with affine=True"),
    "momentum": (lambda: [nn.BatchNorm1d(3, momentum=1.5)], r"1: momentum: expected a number in"),
    "projection": (lambda: [nn.LSTM(3, 4, proj_size=2, batch_first=True), TakeLast()],
                   "1: expected proj_size=0, got 2"),
    "time first": (lambda: [nn.GRU(3, 4), TakeLast()], "1: expected batch_first=True, got False"),
    "nothing taken": (lambda: [nn.GRU(3, 4, batch_first=True)], "1: expected Take.*got nothing"),
    "taken later": (lambda: [nn.GRU(3, 4, batch_first=True), nn.ReLU()], "expected Take.*got ReLU"),
    "taken of nothing": (lambda: [TakeLast()], "1: expected an RNN, LSTM or GRU right before"),
    "flatten": (lambda: [nn.Flatten(2)], "1: expected start_dim=1, got 2"),
    "flatten all": (lambda: [nn.Flatten(0)], "1: expected start_dim=1, got 0"),
    "unflatten the batch": (lambda: [nn.Unflatten(0, (1, 2))], "1: dim: expected an axis of the s"),
    "softmax of channels": (lambda: [nn.Conv2d(1, 2, 3), nn.Softmax(dim=1)],
                            "2: expected dim=-1, got 1$"),
    "softmax of unknown": (lambda: [nn.Softmax(dim=1)], "dim=-1, got 1; give shape="),
    "softmax of guesses": (lambda: [nn.Softmax(dim=None)], "dim=-1, got None"),
    "softplus": (lambda: [nn.Softplus(threshold=5)], "threshold of at least 20, got 5"),
    "slope": (lambda: [nn.LeakyReLU(-0.1)], r"1: negative_slope: expected negative_slope >= 0"),
    "rrelu": (lambda: [nn.RReLU(-0.1, 0.1)], "1: lower: expected"),
    "hook": (lambda: [hooked()], "1: expected its class's forward alone"),
    "weight norm": (lambda: [normed(False)], r"1: expected one of .*ParametrizedLinear$"),
    "old weight norm": (lambda: [normed(True)], "1: expected its class's forward alone"),
    "mode": (lambda: [nn.BatchNorm1d(3).eval()], "1: expected training mode, as the whole model"),
    "tied": (lambda: [TIED, nn.ReLU(), TIED], r"3\.weight: expected a tensor of its own.*1\.w"),
    "two dtypes": (lambda: [nn.Linear(3, 3), nn.Linear(3, 3).double()],
                   r"state\['2\.weight'\]: expected float32, got float64; .*2\.bias"),
    "no shape yet": (lambda: [nn.LazyLinear(3)], "1: expected one of .*got LazyLinear"),
    "quantised": (lambda: [quantised()], "1: expected one of .*, got torch.*quantized.*Linear$"),
    "no values": (lambda: [nn.Linear(3, 3, device="meta")], "1.weight.*the device .meta"),
    "no numbers": (lambda: [nn.Linear(3, 3, dtype=torch.complex64)], "1.weight.*complex64"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_fastnn_does_not_have_is_refused(name):
    make, message = REFUSED[name]
    module = nn.Sequential(nn.Identity(), *make())
    with pytest.raises((TypeError, ValueError), match=message) as found:
        from_torch(module)
    assert str(found.value).startswith(("model", "state["))


def test_padding_that_would_end_sequences_is_refused():
    module = nn.Sequential(nn.Embedding(5, 3, 0), nn.GRU(3, 4, batch_first=True), TakeLast())
    with pytest.raises(ValueError, match=r"expected padding_idx=None .*, got 0"):
        from_torch(module)
    model = fastnn.Sequential(fastnn.Embedding(5, 3, 0), fastnn.GRU(3, 4))
    with pytest.raises(ValueError, match=r"expected padding_idx=None .*, got 0"):
        to_torch(model)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (3, "shape: expected a tuple of whole numbers, got 3"),
        ((3.0,), r"shape\[0\]: expected a whole number, got 3\.0"),
        ((0,), r"shape\[0\]: expected at least 1, got 0"),
    ],
)
def test_shapes_are_of_whole_numbers(shape, message):
    with pytest.raises((TypeError, ValueError), match=message):
        from_torch(nn.Sequential(nn.Linear(3, 3)), shape=shape)


def test_a_shape_that_does_not_fit_is_refused():
    module = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    assert from_torch(module, shape=(3, 4))
    with pytest.raises(ValueError, match=r"model\.1: Linear: expected samples of shape \(12,\)"):
        from_torch(module, shape=(3, 5))


@pytest.mark.parametrize("module", [nn.Linear(3, 3), nn.ModuleList([nn.ReLU()]), {}], ids=str)
def test_only_a_sequential_is_read(module):
    with pytest.raises(TypeError, match=r"model: expected a torch\.nn\.Sequential, got"):
        from_torch(module)


class Mine(fastnn.Layer):
    def forward(self, x, *, training=False):
        return x


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (fastnn.Step(), "model.1: expected a layer that PyTorch has, got Step"),
        (fastnn.Linear(3, 3, activation="step"), "model.1: activation: expected .*got Step"),
        (fastnn.Maxout(3, 3), "got Maxout"),
        (fastnn.Residual(fastnn.Linear(3, 3)), "got Residual"),
        (fastnn.Sequential(fastnn.Subsample2d(3)), r"model\.1\.0: expected .*got Subsample2d"),
        (fastnn.Masking(), "got Masking"),
        (Mine(), "got Mine"),
        (fastnn.GRU(3, 4, stateful=True), "model.1: expected stateful=False, got True"),
        (fastnn.BatchNorm1d(3, track_running_stats=False), "1: expected track_running_stats=True"),
        (fastnn.RReLU(0.1, 0.3, reciprocal=True), "model.1: expected reciprocal=False, got True"),
        (fastnn.Conv2d(6, 16, 5, connections=fastnn.LENET5_CONNECTIONS),
         "model.1: expected connections=None, got a table"),
    ],
    ids=repr,
)  # fmt: skip
def test_what_pytorch_does_not_have_is_refused(layer, message):
    with pytest.raises((TypeError, ValueError), match=message):
        to_torch(fastnn.Sequential(fastnn.Identity(), layer))


def test_only_a_sequential_is_written():
    with pytest.raises(TypeError, match="model: expected a Sequential, got Linear"):
        to_torch(fastnn.Linear(3, 3))
