"""Times that a worker process took, handed to pytest-benchmark as if it had taken them.

A test that replays is marked ``@pytest.mark.benchmark(timer=clock)``.
"""

import pytest

import fastnn
from benchmarks.peers import run_worker


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


def worker(peer: str, task: str, *flags: str) -> dict:
    """What a worker says that may use as many threads as fastnn (see `run_worker`)."""
    return run_worker(peer, task, *flags, threads=fastnn.get_num_threads())
