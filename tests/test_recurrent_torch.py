"""Recurrent layers against PyTorch, where it is installed: weights exchanged, packed sequences,
truncated back-propagation through time."""

import numpy as np
import pytest
from peers import peer

import fastnn

torch = peer("torch")

KINDS = {
    "tanh": ("RNN", {}),
    "relu": ("RNN", {"nonlinearity": "relu"}),
    "lstm": ("LSTM", {}),
    "gru": ("GRU", {}),
}
LENGTHS = [6, 3, 1, 5, 2]


def pair(name, sizes, dtype, **options):
    """The same layer twice, PyTorch's initial weights in both."""
    cls, own = KINDS[name]
    theirs = getattr(torch.nn, cls)(
        *sizes, batch_first=True, dtype=getattr(torch, str(dtype)), **own, **options
    )
    ours = getattr(fastnn, cls)(*sizes, **own, **options, dtype=dtype)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in ours.state_dict().items()})
    return ours, theirs


def near(dtype):
    return {"rtol": 1e-5, "atol": 1e-5} if dtype == np.float32 else {"rtol": 1e-10, "atol": 1e-11}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "options",
    [{}, {"bias": False}, {"bidirectional": True}, {"num_layers": 3, "bidirectional": True}],
    ids=str,
)
def test_same_weights_give_same_outputs_states_and_gradients(name, packed, options, dtype, rng):
    ours, theirs = pair(name, (3, 8), dtype, **options)
    x = rng.standard_normal((5, 6, 3)).astype(dtype)
    shape = (ours.num_layers * ours.directions, 5, 8)
    state = [rng.standard_normal(shape).astype(dtype) for _ in range(1 + (name == "lstm"))]
    given = torch.from_numpy(x).requires_grad_()
    first = [torch.from_numpy(part).requires_grad_() for part in state]
    sequence = given
    if packed:
        sequence = torch.nn.utils.rnn.pack_padded_sequence(
            given, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False
        )
    out, last = theirs(sequence, tuple(first) if len(first) > 1 else first[0])
    if packed:
        out, _ = torch.nn.utils.rnn.pad_packed_sequence(out, batch_first=True, total_length=6)
    dy = rng.standard_normal(tuple(out.shape)).astype(dtype)
    (out * torch.from_numpy(dy)).sum().backward()

    y = ours.forward(
        x,
        lengths=np.array(LENGTHS) if packed else None,
        state=tuple(state) if len(state) > 1 else state[0],
    )
    dx = ours.backward(dy)
    as_parts = lambda parts: parts if len(state) > 1 else (parts,)  # noqa: E731
    np.testing.assert_allclose(y, out.detach().numpy(), **near(dtype))
    np.testing.assert_allclose(dx, given.grad.numpy(), **near(dtype))
    for mine, part in zip(as_parts(ours.state), as_parts(last), strict=True):
        np.testing.assert_allclose(mine, part.detach().numpy(), **near(dtype))
    for mine, part in zip(as_parts(ours.state_grad), first, strict=True):
        np.testing.assert_allclose(mine, part.grad.numpy(), **near(dtype))
    for key, p in theirs.named_parameters():
        np.testing.assert_allclose(
            ours.named_parameters()[key].grad, p.grad.numpy(), **near(dtype), err_msg=key
        )


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_truncated_back_propagation_is_the_loop_with_detach(name, dtype, rng):
    """Two epochs over a stream of indices, clipped, the last steps of the loop by hand."""
    size, batch, steps = 9, 4, 5
    ids = rng.integers(0, size, batch * steps * 6 + 1)
    x, y = fastnn.data.stream_batches(ids, batch, steps)
    cls, own = KINDS[name]
    ours = fastnn.Sequential(
        fastnn.Embedding(size, 6, dtype=dtype),
        getattr(fastnn, cls)(6, 7, 2, **own, stateful=True, dtype=dtype),
        fastnn.Linear(7, size, dtype=dtype),
    )
    kind = getattr(torch, str(dtype))
    parts = torch.nn.ModuleList(
        [
            torch.nn.Embedding(size, 6, dtype=kind),
            getattr(torch.nn, cls)(6, 7, 2, **own, batch_first=True, dtype=kind),
            torch.nn.Linear(7, size, dtype=kind),
        ]
    )
    parts.load_state_dict({k: torch.from_numpy(v) for k, v in ours.state_dict().items()})
    trainer = fastnn.Trainer(ours, "cross_entropy", fastnn.SGD(0.5, clip_norm=0.25))
    history = trainer.fit(
        x, y, epochs=2, batch_size=batch, shuffle=False, validation=(x, y), progress=False
    )

    optimizer = torch.optim.SGD(parts.parameters(), 0.5)

    def epoch(train):
        state, total = None, 0.0
        for inputs, labels in zip(
            torch.from_numpy(x).split(batch), torch.from_numpy(y).split(batch), strict=True
        ):
            out, state = parts[1](parts[0](inputs), state)
            state = tuple(s.detach() for s in state) if name == "lstm" else state.detach()
            logits = parts[2](out).flatten(0, 1)
            loss = torch.nn.functional.cross_entropy(logits, labels.flatten())
            total += loss.item()
            if train:
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(parts.parameters(), 0.25)
                optimizer.step()
        return total / 6

    losses = [(epoch(True), epoch(False)) for _ in range(2)]
    np.testing.assert_allclose(history["loss"], [a for a, _ in losses], rtol=1e-5)
    np.testing.assert_allclose(history["val_loss"], [b for _, b in losses], rtol=1e-5)
    for key, p in parts.named_parameters():
        np.testing.assert_allclose(
            ours.named_parameters()[key].data, p.detach().numpy(), **near(dtype), err_msg=key
        )
    alone = trainer.evaluate(x, y, batch_size=batch)
    np.testing.assert_allclose(alone["loss"], losses[-1][1], rtol=1e-5)


@pytest.mark.parametrize("padding", [None, 3, -1])
def test_embedding(padding, dtype, rng):
    kind = getattr(torch, str(dtype))
    theirs = torch.nn.Embedding(12, 5, padding_idx=padding, dtype=kind)
    ours = fastnn.Embedding(12, 5, padding, dtype=dtype)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    x = rng.integers(0, 12, (7, 9))
    dy = rng.standard_normal((7, 9, 5)).astype(dtype)
    out = theirs(torch.from_numpy(x))
    (out * torch.from_numpy(dy)).sum().backward()
    assert np.array_equal(ours.forward(x), out.detach().numpy())
    assert ours.backward(dy) is None
    np.testing.assert_allclose(ours.weight.grad, theirs.weight.grad.numpy(), **near(dtype))


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_an_embedding_trains_as_pytorchs(optimizer, rng):
    ours_of, theirs_of = {
        "sgd": (lambda: fastnn.SGD(0.5), lambda p: torch.optim.SGD(p, 0.5)),
        "momentum": (
            lambda: fastnn.SGD(0.5, momentum=0.9),
            lambda p: torch.optim.SGD(p, 0.5, momentum=0.9),
        ),
        "adam": (lambda: fastnn.Adam(0.05), lambda p: torch.optim.Adam(p, 0.05)),
    }[optimizer]
    ours = fastnn.Sequential(fastnn.Embedding(10, 4, 0), fastnn.Flatten(), fastnn.Linear(12, 3))
    theirs = torch.nn.Sequential(
        torch.nn.Embedding(10, 4, 0), torch.nn.Flatten(), torch.nn.Linear(12, 3)
    )
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    x, y = rng.integers(0, 10, (30, 3)), rng.integers(0, 3, 30)
    trainer = fastnn.Trainer(ours, "cross_entropy", ours_of())
    trainer.fit(x, y, epochs=4, batch_size=5, shuffle=False, progress=False)
    step = theirs_of(theirs.parameters())
    for _ in range(4):
        for inputs, labels in zip(
            torch.from_numpy(x).split(5), torch.from_numpy(y).split(5), strict=True
        ):
            step.zero_grad()
            torch.nn.functional.cross_entropy(theirs(inputs), labels).backward()
            step.step()
    for key, p in theirs.named_parameters():
        np.testing.assert_allclose(
            ours.named_parameters()[key].data, p.detach().numpy(), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("ignore", [-100, 2])
def test_cross_entropy_of_sequences(smoothing, ignore, dtype, rng):
    logits = rng.standard_normal((4, 5, 6)).astype(dtype)
    labels = rng.integers(0, 6, (4, 5))
    labels[rng.random((4, 5)) < 0.3] = ignore
    given = torch.from_numpy(logits).requires_grad_()
    theirs = torch.nn.functional.cross_entropy(
        given.transpose(1, 2),
        torch.from_numpy(labels),
        ignore_index=ignore,
        label_smoothing=smoothing,
    )
    theirs.backward()
    loss, grad = fastnn.CrossEntropyLoss(smoothing, ignore_index=ignore)(logits, labels)
    np.testing.assert_allclose(loss, theirs.item(), rtol=1e-6)
    np.testing.assert_allclose(grad, given.grad.numpy(), **near(dtype))
