"""Times that a worker process took, handed to pytest-benchmark as if it had taken them.

A test that replays is marked ``@pytest.mark.benchmark(timer=clock)``.
"""

import functools

import pytest

import fastnn
from benchmarks import QUICK
from benchmarks.peers import run_worker

_RUNS = 1 if QUICK else 3


class Clock:
    """A timer that stands still, but for the times that are replayed."""

    def __init__(self):
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def replay(self, benchmark, result: dict, kind: str, **info) -> None:
        """Replay a worker's ``seconds``, each a round; skip where its peer isn't installed.

        Parameters
        ----------
        benchmark : fixture of pytest-benchmark
        result : dict
            The worker's JSON object.
        kind : str
            The report's name for such groups.
        **info
            What else the report is to know: ``peer``, and the facts of the group.
        """
        if "missing" in result:
            pytest.skip(f"needs {result['missing']}")
        times = iter(result["seconds"])

        def step():
            self.now += next(times)

        # Parts of one library's process aren't peers, and have no version of their own.
        version = {"version": result["version"]} if "version" in result else {}
        benchmark.extra_info |= {"kind": kind, **version, **info}
        benchmark.pedantic(step, rounds=len(result["seconds"]))


clock = Clock()


def worker(peer: str, task: str, *flags: str, run: int = 0, **how) -> dict:
    """What a worker says that may use as many threads as fastnn, unless `how` says otherwise (see
    `run_worker`)."""
    how = {"threads": fastnn.get_num_threads()} | how
    return run_worker(peer, task, *flags, run=run, **how)


@functools.cache
def _in_turn(task: str, contenders: tuple, **how) -> dict[tuple, dict | Exception]:
    results = {}
    for run in range(_RUNS):
        for contender in contenders:
            peer, *flags = contender
            try:
                result = worker(peer, task, *flags, run=run, **how)
            except RuntimeError as error:
                result = error
            before = results.get(contender)
            if isinstance(before, dict) and isinstance(result, dict) and "seconds" in result:
                result["seconds"] = before["seconds"] + result["seconds"]
            results[contender] = result
    return results


def in_turn(
    task: str, contenders: tuple[tuple[str, ...], ...], one: tuple[str, ...], **how
) -> dict:
    """What the workers of one contender say of a task, the ``seconds`` of all their runs together.

    All contenders run in turn, several times, so that a bad minute of the machine hits everybody.

    Parameters
    ----------
    task : str
    contenders : tuple of (peer, *flags)
    one : (peer, *flags)
    **how
        Of `run_worker`: threads, module.
    """
    result = _in_turn(task, contenders, **how)[one]
    if isinstance(result, Exception):
        raise result
    return result
