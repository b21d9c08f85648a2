"""Whole training steps, and one prediction: fastnn and its peers, each in its own process."""

import numpy as np
import pytest

import fastnn
from benchmarks import QUICK
from benchmarks.modular import MODULAR
from benchmarks.nets import NETS, PREDICTION
from benchmarks.peers import CHOSEN, Job, fastnn_steps
from benchmarks.replay import clock, in_turn, worker
from fastnn.program import Program, prepare_data

# Of training in float32: rounding errors grow from step to step (an input changed by 1e-7 moves
# the mean loss of the next epochs by up to 0.002 of it), so that the first epochs must do. That
# every step is the same is shown in float64 by tests/test_benchmarks.py.
_EPOCHS, _TOLERANCE = 3, 5e-3


_SHUFFLED = ("fastnn", "--shuffle")
_CONTENDERS = tuple((peer,) for peer in CHOSEN)
_MODULAR_PEERS = [peer for peer in ("fastnn", "torch") if peer in CHOSEN]


def _step_info(net, peer) -> dict:
    return {
        "peer": peer,
        "net": str(net),
        "flops": net.flops,
        "bytes": 2 * net.state_bytes,
        "footprint": net.state_bytes,
    }


@pytest.mark.parametrize("peer", CHOSEN)
@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
@pytest.mark.benchmark(timer=clock)
def test_step(benchmark, net, peer):
    benchmark.group = f"step {net.name}"
    result = in_turn(net.name, (*_CONTENDERS, _SHUFFLED), (peer,))
    clock.replay(benchmark, result, "step", **_step_info(net, peer))
    losses = result["losses"][:_EPOCHS]
    if None not in losses:
        expected = worker("numpy", net.name)["losses"][:_EPOCHS]
        np.testing.assert_allclose(losses, expected, rtol=_TOLERANCE)


@pytest.mark.parametrize("peer", _MODULAR_PEERS)
@pytest.mark.parametrize("net", MODULAR.values(), ids=MODULAR)
@pytest.mark.benchmark(timer=clock)
def test_modular_step(benchmark, net, peer):
    benchmark.group = f"step {net.name}"
    contenders = tuple((peer,) for peer in _MODULAR_PEERS)
    result = in_turn(net.name, contenders, (peer,))
    clock.replay(benchmark, result, "step", **_step_info(net, peer))
    expected = in_turn(net.name, contenders, ("fastnn",))["losses"][:_EPOCHS]
    np.testing.assert_allclose(result["losses"][:_EPOCHS], expected, rtol=_TOLERANCE)


@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
@pytest.mark.benchmark(timer=clock)
def test_shuffled_step(benchmark, net):
    benchmark.group = f"step {net.name}"
    result = in_turn(net.name, (*_CONTENDERS, _SHUFFLED), _SHUFFLED)
    clock.replay(benchmark, result, "step", **_step_info(net, "fastnn, shuffled"))


@pytest.mark.parametrize("peer", CHOSEN)
@pytest.mark.benchmark(timer=clock)
def test_prediction(benchmark, peer):
    benchmark.group = "prediction"
    result = in_turn("prediction", _CONTENDERS, (peer,))
    info = {"net": PREDICTION.layers, "flops": PREDICTION.forward_flops}
    clock.replay(benchmark, result, "prediction", peer=peer, **info)


@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
@pytest.mark.benchmark(max_time=0.01 if QUICK else 0.5, min_rounds=3)
def test_set_up(benchmark, net):
    """From layers to a program that is ready to run; the weights are there already."""
    benchmark.group = f"set-up {net.name}"
    benchmark.extra_info |= {"kind": "set-up", "peer": "fastnn", "net": str(net)}
    job = Job.of(net)
    model, loss, optimizer = fastnn_steps.model(job), fastnn.CrossEntropyLoss(), fastnn.Adam()
    x, target, _ = prepare_data(model, loss, job.x, job.y)

    def set_up():
        return Program(
            model,
            loss,
            optimizer,
            shape=x.shape[1:],
            target=target,
            weighted=False,
            batch_size=net.batch,
        )

    benchmark(set_up)
