"""A peer's file, loaded by a worker."""

import importlib
import json
import sys
from types import ModuleType


def load(peer: str, kind: str = "steps") -> ModuleType:
    """``<peer>_<kind>.py``. Where the peer isn't installed, prints ``{"missing": module}`` and
    ends the process, which is what a worker does then."""
    try:
        return importlib.import_module(f"benchmarks.peers.{peer}_{kind}")
    except ImportError as error:
        print(json.dumps({"missing": error.name or peer}))
        sys.exit()
