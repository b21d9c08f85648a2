"""``python -m fastnn.patch``: runs a script with fastnn in place of what it imports."""

import builtins
import importlib.util
import os
import runpy
import sys
import types
import zipfile
from importlib.machinery import PathFinder, SourceFileLoader, SourcelessFileLoader

from fastnn.patch import patch
from fastnn.patch._projects import PROJECTS

_USAGE = "usage: python -m fastnn.patch NAME... (SCRIPT | - | -m MODULE | -c CODE) [ARGUMENT...]"
_HELP = f"""{_USAGE}

Runs a Python script with fastnn in place of what it imports.

names:
  sklearn   scikit-learn's MLPClassifier and MLPRegressor
  thinc     thinc's backend and optimizers, and with them spaCy's
  common    the modules of "Deep Learning from Scratch"
  nielsen   network and network2 of "Neural Networks and Deep Learning"

The rest is as after `python`: a script (or a folder or zip file with a __main__.py), - for standard
input, a module or code, and the arguments for it. It finds its own modules where it would find them
without this.
"""

_OWN_FILES = {__file__, runpy.run_path.__code__.co_filename}


class _UsageError(Exception):
    pass


def main(arguments: list[str]) -> int | None:
    """Run what the command line says. What it raises comes through; 2 is for wrong usage."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(_HELP, end="")
        return 0
    try:
        names, run = _parse(arguments)
    except _UsageError as error:
        print(f"{_USAGE}\npython -m fastnn.patch: error: {error}", file=sys.stderr)
        return 2
    try:
        patch(*names)
    except ImportError as error:
        print(f"python -m fastnn.patch: error: {error}", file=sys.stderr)
        return 1
    sys.excepthook = _without_own_frames(sys.excepthook)
    return run()


def _without_own_frames(show):
    """A hook for exceptions that no one has caught: the traceback begins in the script."""

    def hook(kind, error, trace):
        while trace is not None and trace.tb_frame.f_code.co_filename in _OWN_FILES:
            trace = trace.tb_next
        show(kind, error.with_traceback(trace), trace)

    return hook


def _parse(arguments: list[str]):
    """Names, and a function that runs the rest."""
    known = ", ".join(PROJECTS)
    count = next((i for i, a in enumerate(arguments) if a not in PROJECTS), len(arguments))
    names, rest = arguments[:count], arguments[count:]
    if not names:
        got = repr(rest[0]) if rest else "nothing"
        raise _UsageError(f"expected a name first ({known}), got {got}")
    if not rest:
        raise _UsageError(f"expected a script, -, -m or -c after {names[-1]!r}, got nothing")
    first, *after = rest
    if first == "-":
        return names, lambda: _run_input(after)
    if first in ("-m", "-c"):
        if not after:
            raise _UsageError(f"expected {'a module' if first == '-m' else 'code'} after {first}")
        run = _run_module if first == "-m" else _run_code
        return names, lambda: run(after[0], after[1:])
    if first.startswith("-"):
        raise _UsageError(f"expected a script, -, -m or -c, got {first!r}")
    if not os.path.exists(first):
        raise _UsageError(f"expected a script or a name ({known}), got {first!r}: no such file")
    if _is_package(first) and _main_of(first) is None:
        raise _UsageError(f"expected a __main__.py in {first!r}, found none")
    return names, lambda: _run_script(first, after)


def _is_package(path: str) -> bool:
    return os.path.isdir(path) or zipfile.is_zipfile(path)


def _main_of(folder: str):
    return PathFinder.find_spec("__main__", [os.path.abspath(folder)])


def _run_input(arguments: list[str]) -> None:
    sys.argv[:] = ["-", *arguments]
    _first_on_the_path("")
    _execute(compile(sys.stdin.buffer.read(), "<stdin>", "exec"), __file__="<stdin>")


def _run_code(code: str, arguments: list[str]) -> None:
    sys.argv[:] = ["-c", *arguments]
    _first_on_the_path("")
    _execute(compile(code, "<string>", "exec"))


def _run_module(name: str, arguments: list[str]) -> int | None:
    sys.argv[:] = ["-m", *arguments]  # what packages see on the way
    spec = _find(name)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = _find(f"{name}.__main__")
    code = None if spec is None else spec.loader.get_code(spec.name)
    if code is None:  # as of modules that are compiled
        expected = f"expected a module that runs, found none named {name!r}"
        print(f"python -m fastnn.patch: error: {expected}", file=sys.stderr)
        return 1
    sys.argv[0] = spec.origin
    _execute(code, **_names_of(spec))
    return None


def _find(name: str):
    """The spec of a module by its name, or None. Its package is imported."""
    if not name or name.startswith("."):
        return None
    try:
        return importlib.util.find_spec(name)
    except ModuleNotFoundError as error:
        # Either no package leads to the name, or a package that does lacks something of its own.
        if not f"{name}.".startswith(f"{error.name}."):
            raise
        return None


def _names_of(spec) -> dict:
    """What a main module that was found by a spec has of it."""
    return {
        "__file__": spec.origin,
        "__cached__": spec.cached,
        "__loader__": spec.loader,
        "__package__": spec.parent,
        "__spec__": spec,
    }


def _run_script(script: str, arguments: list[str]) -> None:
    sys.argv[:] = [script, *arguments]
    if _is_package(script):
        spec = _main_of(script)
        _first_on_the_path(os.path.abspath(script), always=True)
        _execute(spec.loader.get_code(spec.name), **_names_of(spec))
        return
    # As Python has it, not made shorter: `link/..` isn't where it seems to be.
    file = os.path.join(os.getcwd(), script)
    _first_on_the_path(os.path.dirname(os.path.realpath(file)))
    if file.endswith(".pyc"):
        loader = SourcelessFileLoader("__main__", file)
        code = loader.get_code("__main__")
    else:
        loader = SourceFileLoader("__main__", file)  # which would write a file for the code
        with open(file, "rb") as source:
            code = compile(source.read(), file, "exec")
    _execute(code, __file__=file, __loader__=loader)


def _first_on_the_path(folder: str, always: bool = False) -> None:
    # `python -m` has put the working directory there, unless it was told not to.
    sys.path[: not sys.flags.safe_path] = [folder] if always or not sys.flags.safe_path else []


def _execute(code: types.CodeType, **names) -> None:
    """Run code as the main module."""
    module = types.ModuleType("__main__")
    vars(module).update(names, __builtins__=builtins)
    sys.modules["__main__"] = module
    exec(code, vars(module))


if __name__ == "__main__" and (status := main(sys.argv[1:])) is not None:
    sys.exit(status)  # without which `python -i` goes on in silence
