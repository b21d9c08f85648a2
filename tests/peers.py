"""Other libraries and projects that tests compare with."""

import importlib
import os

import pytest


def peer(name: str):
    """A module of a peer; without it the test, or all of a file, is skipped.

    Where FASTNN_PEERS is "required", as under ``make test-peers``, nothing is: there a peer that
    can't be imported is an error.
    """
    if os.environ.get("FASTNN_PEERS") == "required":
        return importlib.import_module(name)
    return pytest.importorskip(name)
