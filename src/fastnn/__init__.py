"""Small and mid-size neural networks on CPUs, at the speed the machine allows."""

from fastnn import _openblas  # noqa: F401  (first: the engine is linked to it)
from fastnn._threads import get_num_threads, set_num_threads
from fastnn._version import __version__

__all__ = ["__version__", "get_num_threads", "set_num_threads"]
