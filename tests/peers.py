"""Other libraries and projects that tests compare with."""

import importlib
import os

import pytest

# Whether none may be missing.
REQUIRED = os.environ.get("FASTNN_PEERS") == "required"


def peer(name: str):
    """A module of a peer; without it the test, or all of a file, is skipped.

    Where FASTNN_PEERS is "required", as under ``make test-peers``, nothing is: there a peer that
    can't be imported is an error.
    """
    if REQUIRED:
        return importlib.import_module(name)
    return pytest.importorskip(name)
