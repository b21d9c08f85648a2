"""The benchmark of deformed images: its peers do the same, and its workers and report run."""

import numpy as np
import pytest
from peers import peer as other

from fastnn import reference

pytestmark = [pytest.mark.checkout, pytest.mark.usefixtures("quick_suite")]


def _peer(name):
    return other(f"benchmarks.peers.{name}_images")


@pytest.mark.parametrize("kind", ["affine", "elastic", "both"])
@pytest.mark.parametrize("name", ["numpy", "scipy", "torch"])
def test_peers_deform_alike(name, kind):
    from benchmarks.images import ELASTIC, draw

    peer, rng = _peer(name), np.random.default_rng(0)
    x = rng.random((5, 28, 28), np.float32)
    maps, noise = draw(kind, rng, 5)
    fields = [0.0] * 5
    if noise is not None:
        fields = [reference.elastic_field(u.swapaxes(0, 1), *ELASTIC) for u in noise]
    matrices = [np.eye(3)[:2]] * 5 if maps is None else maps
    wanted = [reference.warp(*each) for each in zip(x, matrices, fields, strict=True)]
    if name == "torch":
        torch = other("torch")
        x, maps, noise = (None if a is None else torch.from_numpy(a) for a in (x, maps, noise))
    np.testing.assert_allclose(peer.deform(x, maps, noise), wanted, atol=1e-4)


@pytest.mark.parametrize("kind", ["affine", "elastic", "both"])
@pytest.mark.parametrize("name", ["fastnn", "numpy", "scipy", "torch"])
def test_every_peer_deforms(name, kind):
    from benchmarks.peers import IMAGE_PEERS

    assert name in IMAGE_PEERS
    x = np.random.default_rng(0).integers(0, 256, (3, 28, 28)).astype(np.uint8)
    y = np.asarray(_peer(name).deformer(kind, x)())
    assert y.dtype == np.float32
    assert y.shape == x.shape
    assert abs(y.mean() - x.mean() / 255) < 0.1
    assert abs(y - x / 255).max() > 0.1


def test_a_worker_times_an_image():
    from benchmarks.peers import run_worker

    result = run_worker("fastnn", "both", module="benchmarks.images")
    assert 0 < result["seconds"][0] < 1
