"""Thinc by itself: where PyTorch is installed it would import it, to wrap its models.

That would cost seconds, memory, and threads that are not Thinc's.
"""

import importlib
import sys

# An import of PyTorch fails here, as if it weren't there, unless somebody has done it already.
_hidden = sys.modules.setdefault("torch", None) is None
VERSION = importlib.import_module("thinc").__version__
api = importlib.import_module("thinc.api")
if _hidden:
    del sys.modules["torch"]
