"""What this fastnn is made of and runs on."""

import os
import platform

import numpy as np

from fastnn import _dispatch, _engine, _threads
from fastnn._version import __version__


def show_config(as_dict=False):
    """Print version, kernels, threads, libraries and machine, or return them.

    Parameters
    ----------
    as_dict : bool
        Whether to return a dict of strings, numbers and lists instead of printing a table.

    Returns
    -------
    dict or None

    Examples
    --------
    >>> config = show_config(as_dict=True)
    >>> config["kernels selected"] in config["kernels supported"]
    True
    """
    config = {
        "fastnn": __version__,
        "kernels built": _dispatch.BUILT,
        "kernels supported": _dispatch.VARIANTS,
        "kernels selected": _dispatch.selected(),
        "threads": _threads.get_num_threads(),
        "OpenMP": "yes" if _engine.has_openmp() else "no",
        "NumPy": np.__version__,
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _processor(),
        "CPUs": os.cpu_count() or 1,
    }
    if as_dict:
        return config
    width = max(map(len, config))
    for name, value in config.items():
        text = ", ".join(value) if isinstance(value, list) else value
        print(f"{name:<{width}}  {text}")
    return None


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = file.read().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown")
