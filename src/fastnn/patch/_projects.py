"""What takes whose place, and how it goes back.

Faces stand below this module: it imports them by name, when they are asked for.
"""

import sys
from contextlib import ExitStack
from functools import partial
from importlib import import_module
from types import ModuleType

_SCRATCH = "fastnn.compat.scratch"
_NIELSEN = "fastnn.compat.nielsen"
_SCRATCH_MODULES = (
    "functions",
    "gradient",
    "layers",
    "multi_layer_net",
    "multi_layer_net_extend",
    "optimizer",
    "trainer",
    "util",
)


def _modules(stands_for: dict[str, str]) -> ExitStack:
    """Whole modules, under the names by which they are imported."""
    ours = {name: import_module(module) for name, module in stands_for.items()}
    with ExitStack() as undo:
        undo.callback(sys.modules.update, {n: sys.modules[n] for n in ours if n in sys.modules})
        for name in ours:
            undo.callback(sys.modules.pop, name, None)
        sys.modules.update(ours)
        return undo.pop_all()


def _classes(original: str, face: str, names: tuple[str, ...]) -> ExitStack:
    """Classes, wherever a module that is loaded has them under some name."""
    ours, theirs = import_module(face), import_module(original)
    with ExitStack() as undo:
        for name in names:
            old, new = getattr(theirs, name), getattr(ours, name)
            # Not where it is defined: pickles of its objects, old and new ones, look for it there.
            home = vars(sys.modules[old.__module__])
            for space in [space for space in _namespaces() if space is not home]:
                for key in [key for key, value in space.items() if value is old]:
                    undo.callback(space.__setitem__, key, old)
                    space[key] = new
        return undo.pop_all()


def _namespaces() -> list[dict]:
    """The globals of all modules, but for those of fastnn, which stand on the originals."""
    return [
        vars(module)
        for name, module in list(sys.modules.items())
        if isinstance(module, ModuleType) and name.partition(".")[0] != "fastnn"
    ]


def _installed(face: str) -> ExitStack:
    """A face that knows by itself how to step in."""
    ours = import_module(face)
    with ExitStack() as undo:
        undo.callback(ours.uninstall)
        ours.install()
        return undo.pop_all()


# Each makes its change, or raises and leaves everything as it was; closing what it gives undoes it.
PROJECTS = {
    "common": partial(
        _modules,
        {"common": _SCRATCH} | {f"common.{m}": f"{_SCRATCH}.{m}" for m in _SCRATCH_MODULES},
    ),
    "nielsen": partial(_modules, {m: f"{_NIELSEN}.{m}" for m in ("network", "network2")}),
    "sklearn": partial(
        _classes, "sklearn.neural_network", "fastnn.sklearn", ("MLPClassifier", "MLPRegressor")
    ),
    "thinc": partial(_installed, "fastnn.thinc"),
}
