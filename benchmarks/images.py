"""Deformed images: ``python -m benchmarks.images PEER KIND`` times one peer in this process.

KIND is affine (a rotation), elastic (a smooth random field) or both, in one resampling, of images
of 28x28 bytes, with everything that is drawn for them, to float32. Prints a JSON object:

``version``
    Of the peer.
``seconds``
    An image, of each round.

A peer is a file ``<peer>_images.py`` in `benchmarks.peers` with ``VERSION``, ``IMAGES``, how many
it is given at once, and ``deformer(kind, x)``, a function of no arguments that deforms them.
"""

import argparse
import json

import numpy as np

from benchmarks import QUICK

KINDS = ("affine", "elastic", "both")
SIDE = 28
ANGLE = 15  # degrees
ELASTIC = 6.0, 36.0  # sigma and alpha, in pixels

# As in benchmarks.peers.run: seconds of a round, rounds, seconds in all.
_ROUNDS = (0.0, 1, 0.0) if QUICK else (0.1, 15, 3.0)


def rotations(rng, n: int, height: int, width: int) -> np.ndarray:
    """Maps (N, 2, 3) from places to where their pixels come from."""
    angle = np.deg2rad(rng.uniform(-ANGLE, ANGLE, n))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turn = np.moveaxis(turn, -1, 0)
    centre = np.array([height - 1, width - 1]) / 2
    offset = centre - turn @ centre
    return np.concatenate([turn, offset[:, :, None]], axis=2).astype(np.float32)


def draw(kind: str, rng, n: int) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Maps of n images, and the noise (N, 2, H, W) of their fields, as far as a kind has them."""
    maps = None if kind == "elastic" else rotations(rng, n, SIDE, SIDE)
    noise = None if kind == "affine" else 2 * rng.random((n, 2, SIDE, SIDE), np.float32) - 1
    return maps, noise


def main() -> None:
    # What follows imports this module.
    from benchmarks.peers import IMAGE_PEERS
    from benchmarks.peers.load import load
    from benchmarks.peers.run import time_calls

    parser = argparse.ArgumentParser(prog="python -m benchmarks.images")
    parser.add_argument("peer", choices=IMAGE_PEERS)
    parser.add_argument("kind", choices=KINDS)
    options = parser.parse_args()
    peer = load(options.peer, "images")
    n = 16 if QUICK else peer.IMAGES
    x = np.random.default_rng(0).integers(0, 256, (n, SIDE, SIDE)).astype(np.uint8)
    times = time_calls(peer.deformer(options.kind, x), *_ROUNDS)
    print(json.dumps({"version": peer.VERSION, "seconds": [seconds / n for seconds in times]}))


if __name__ == "__main__":
    main()
