"""Against PyTorch itself, where it is installed: weights exchanged, gradients, optimizers."""

import numpy as np
import pytest
from peers import peer

import fastnn

torch = peer("torch")

CLASSES = {layer.__name__ for layer in fastnn.layers.ACTIVATION_LAYERS.values()}

# Classes of the same name in both.
ACTIVATIONS = [
    name for name in fastnn.layers.__all__ if name in CLASSES and hasattr(torch.nn, name)
]


# What PyTorch's class takes where fastnn's has a default.
ARGUMENTS = {"Threshold": (0, 0)}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_same_weights_give_same_outputs_and_gradients(name, rng, dtype):
    kind = getattr(torch, str(dtype))
    theirs = torch.nn.Sequential(
        torch.nn.Linear(20, 30, dtype=kind),
        getattr(torch.nn, name)(*ARGUMENTS.get(name, ())),
        torch.nn.Linear(30, 7, dtype=kind),
    )
    ours = fastnn.Sequential(
        fastnn.Linear(20, 30, dtype=dtype),
        getattr(fastnn, name)(),
        fastnn.Linear(30, 7, dtype=dtype),
    )
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    x = rng.standard_normal((16, 20)).astype(dtype)
    y = rng.integers(0, 7, 16)
    given = torch.from_numpy(x).requires_grad_()
    their_out = theirs(given)
    torch.nn.functional.cross_entropy(their_out, torch.from_numpy(y)).backward()
    out = ours.forward(x)
    _, grad = fastnn.CrossEntropyLoss()(out, y)
    dx = ours.backward(grad)
    near = {"rtol": 1e-5, "atol": 1e-6}
    # PyTorch's gradient of hardsigmoid has 1 / 6 in float32 in both types.
    if dtype == np.float64 and name != "Hardsigmoid":
        near = {"rtol": 1e-11, "atol": 1e-12}
    np.testing.assert_allclose(out, their_out.detach().numpy(), **near)
    np.testing.assert_allclose(dx, given.grad.numpy(), **near)
    for key, p in theirs.named_parameters():
        np.testing.assert_allclose(ours.named_parameters()[key].grad, p.grad.numpy(), **near)
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in ours.state_dict().items()})


@pytest.fixture
def wide_scalars():
    """PyTorch keeps NAdam's product of momenta in its default dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


OPTIMIZERS = {
    "sgd": (lambda: fastnn.SGD(0.05), lambda p: torch.optim.SGD(p, 0.05)),
    "nesterov": (
        lambda: fastnn.SGD(0.01, momentum=0.9, nesterov=True, weight_decay=1e-3),
        lambda p: torch.optim.SGD(p, 0.01, momentum=0.9, nesterov=True, weight_decay=1e-3),
    ),
    "adagrad": (lambda: fastnn.Adagrad(0.05), lambda p: torch.optim.Adagrad(p, 0.05)),
    "rmsprop": (
        lambda: fastnn.RMSprop(0.001, momentum=0.5),
        lambda p: torch.optim.RMSprop(p, 0.001, momentum=0.5),
    ),
    "adam": (
        lambda: fastnn.Adam(0.001, weight_decay=1e-3),
        lambda p: torch.optim.Adam(p, 0.001, weight_decay=1e-3),
    ),
    "adamw": (
        # PyTorch multiplies by 1 - lr * weight_decay in float32, and at other numbers than these
        # its rounding adds up to 2e-5 in a thousand steps; fastnn subtracts.
        lambda: fastnn.AdamW(2**-10, weight_decay=2**-6),
        lambda p: torch.optim.AdamW(p, 2**-10, weight_decay=2**-6),
    ),
    "amsgrad": (
        lambda: fastnn.Adam(0.001, amsgrad=True),
        lambda p: torch.optim.Adam(p, 0.001, amsgrad=True),
    ),
    "adadelta": (
        lambda: fastnn.Adadelta(weight_decay=1e-3),
        lambda p: torch.optim.Adadelta(p, weight_decay=1e-3),
    ),
    "rprop": (
        lambda: fastnn.Rprop(0.01, step_sizes=(1e-6, 0.5)),
        lambda p: torch.optim.Rprop(p, 0.01, step_sizes=(1e-6, 0.5)),
    ),
    "adamax": (
        lambda: fastnn.Adamax(weight_decay=1e-3),
        lambda p: torch.optim.Adamax(p, weight_decay=1e-3),
    ),
    "nadam": (
        lambda: fastnn.NAdam(0.001, weight_decay=1e-3),
        lambda p: torch.optim.NAdam(p, 0.001, weight_decay=1e-3),
    ),
    "nadam_decoupled": (  # numbers as for AdamW
        lambda: fastnn.NAdam(2**-10, weight_decay=2**-6, decoupled_weight_decay=True),
        lambda p: torch.optim.NAdam(p, 2**-10, weight_decay=2**-6, decoupled_weight_decay=True),
    ),
    "radam": (
        lambda: fastnn.RAdam(0.001, weight_decay=1e-3),
        lambda p: torch.optim.RAdam(p, 0.001, weight_decay=1e-3),
    ),
    "radam_decoupled": (
        lambda: fastnn.RAdam(2**-10, weight_decay=2**-6, decoupled_weight_decay=True),
        lambda p: torch.optim.RAdam(p, 2**-10, weight_decay=2**-6, decoupled_weight_decay=True),
    ),
}


@pytest.mark.usefixtures("wide_scalars")
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_thousand_steps_on_the_same_gradients(name, rng, dtype):
    make, make_theirs = OPTIMIZERS[name]
    layer = fastnn.Linear(13, 11, dtype=dtype)
    layer.weight.data[...] = rng.standard_normal(layer.weight.shape)
    theirs = torch.nn.Parameter(torch.from_numpy(layer.weight.data.copy()))
    their_bias = torch.nn.Parameter(torch.from_numpy(layer.bias.data.copy()))
    ours, reference = make(), make_theirs([theirs, their_bias])
    for step in range(1000):
        # Of a bowl with a moving bottom, so that gradients change sign.
        noise = rng.standard_normal(layer.weight.shape).astype(dtype)
        for p, q in ((layer.weight, theirs), (layer.bias, their_bias)):
            g = (p.data - np.sin(step / 50) + 0.1 * noise[: p.shape[0], :1].reshape(-1)[0]).astype(
                dtype
            )
            p.grad[...] = g
            q.grad = torch.from_numpy(g.copy())
        ours.step(layer)
        reference.step()
    near = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(layer.weight.data, theirs.detach().numpy(), rtol=near, atol=near)
    np.testing.assert_allclose(layer.bias.data, their_bias.detach().numpy(), rtol=near, atol=near)


def test_clipping_by_norm_is_pytorchs(rng):
    layer = fastnn.Linear(6, 5, dtype="float64")
    g = [rng.standard_normal(p.shape) for p in layer.parameters()]
    theirs = [torch.nn.Parameter(torch.from_numpy(p.data.copy())) for p in layer.parameters()]
    for p, q, grad in zip(layer.parameters(), theirs, g, strict=True):
        p.grad[...] = grad
        q.grad = torch.from_numpy(grad.copy())
    torch.nn.utils.clip_grad_norm_(theirs, 0.5)
    torch.optim.SGD(theirs, 0.1).step()
    fastnn.SGD(0.1, clip_norm=0.5).step(layer)
    for p, q in zip(layer.parameters(), theirs, strict=True):
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-12)


@pytest.mark.usefixtures("wide_scalars")
@pytest.mark.parametrize("clip_norm", [None, 0.5], ids=["fused", "late"])
@pytest.mark.parametrize("name", ["SGD", "Adam", "NAdam"])
def test_groups_are_pytorchs(name, clip_norm, rng):
    """A net in which each parameter but one is in a group, with a schedule over all of them."""
    ours = fastnn.Sequential(
        fastnn.Linear(6, 5, activation="tanh", dtype="float64"),
        fastnn.Linear(5, 4, activation="tanh", dtype="float64"),
        fastnn.Linear(4, 3, dtype="float64"),
    )
    theirs = torch.nn.Sequential(
        *[torch.nn.Linear(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 4), torch.nn.Tanh()],
        torch.nn.Linear(4, 3),
    ).double()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        b.data = torch.from_numpy(a.data.copy())
    own = {"momentum": 0.9} if name == "SGD" else {"betas": (0.8, 0.95)}
    optimizer = getattr(fastnn, name)(
        0.02, weight_decay=0.01, clip_norm=clip_norm,
        groups=[
            {"params": "*.bias", "weight_decay": 0.0, **own},
            {"params": [ours[0].weight, "2.weight"], "lr": 0.005},
        ],
    )  # fmt: skip
    rates = fastnn.schedules.LinearDecay(0.02, tau=10)
    w0, b0, w1, b1, w2, b2 = theirs.parameters()
    reference = getattr(torch.optim, name)(
        [
            {"params": [b0, b1, b2], "weight_decay": 0.0, **own},
            {"params": [w0, w2], "lr": 0.005},
            {"params": [w1]},
        ],
        0.02,
        weight_decay=0.01,
    )
    scheduler = torch.optim.lr_scheduler.LambdaLR(reference, lambda k: rates(k) / 0.02)
    x, y = rng.standard_normal((40, 6)), rng.integers(0, 3, 40)
    trainer = fastnn.Trainer(ours, "cross_entropy", optimizer, schedule=rates)
    trainer.fit(x, y, epochs=6, batch_size=16, shuffle=False, progress=False)
    for step in range(18):
        part = slice(step % 3 * 16, step % 3 * 16 + 16)
        reference.zero_grad()
        out = theirs(torch.from_numpy(x[part]))
        torch.nn.functional.cross_entropy(out, torch.from_numpy(y[part])).backward()
        if clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(theirs.parameters(), clip_norm)
        reference.step()
        scheduler.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(a.data, b.detach().numpy(), rtol=1e-10, atol=1e-10)


def test_a_frozen_layer_is_pytorchs(rng):
    ours = fastnn.Sequential(fastnn.Linear(6, 5), fastnn.Tanh(), fastnn.Linear(5, 3))
    theirs = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3))
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    ours[0].requires_grad_(False)
    theirs[0].requires_grad_(False)
    optimizer = torch.optim.Adam(theirs.parameters(), 0.01)
    x = rng.standard_normal((16, 6)).astype(np.float32)
    y = rng.integers(0, 3, 16)
    trainer = fastnn.Trainer(ours, "cross_entropy", fastnn.Adam(0.01, clip_norm=0.1))
    trainer.fit(x, y, epochs=9, batch_size=16, shuffle=False, progress=False)
    for _ in range(9):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(
            theirs(torch.from_numpy(x)), torch.from_numpy(y)
        ).backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.1)
        optimizer.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(a.data, b.detach().numpy(), rtol=1e-5, atol=1e-6)
