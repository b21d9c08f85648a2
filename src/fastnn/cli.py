"""The command ``fastnn``: errors and exit codes.

What the commands do is in `fastnn._commands`, imported when one runs: help and mistyped options
need none of it.
"""

import os
import sys

from fastnn._arguments import parser
from fastnn._terminal import CommandError, explain

_FAILURE, _INTERRUPTED, _BROKEN_PIPE = 1, 130, 141


def main(argv=None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : list of str, optional
        By default the arguments of the process.

    Returns
    -------
    int
        0; 2 for wrong usage or data, 1 for other failures, 130 after Ctrl-C.
    """
    try:
        try:
            _run(parser().parse_args(argv))
            sys.stdout.flush()
        except SystemExit as done:  # how argparse ends --help and --version
            sys.stdout.flush()
            return done.code or 0
        return 0
    except CommandError as error:
        return _fail(str(error), error.code)
    except BrokenPipeError:
        # Whoever read the output has seen enough. What is left in the buffer goes nowhere, or
        # the interpreter would complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except KeyboardInterrupt as interrupt:
        print(f"\nfastnn: {interrupt or 'interrupted'}", file=sys.stderr)
        return _INTERRUPTED
    except MemoryError as error:
        return _fail(f"out of memory: {explain(error)}", _FAILURE)
    except (OSError, ImportError) as error:
        return _fail(explain(error), _FAILURE)


def _run(args):
    from fastnn import _commands

    getattr(_commands, args.command)(args)


def _fail(message: str, code: int) -> int:
    print(f"fastnn: error: {message}", file=sys.stderr)
    return code
