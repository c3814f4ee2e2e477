"""A worker process: it runs one job at a time, and does not outlive this process."""

import multiprocessing
import pickle
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from experiments.running import worker_process
from experiments.running.executors import threads
from ufgen.errors import UserError

FEWER = "if memory ran out, fewer --workers leave more for each"


class Worker:
    """A process of its own, started (not forked) at the first `submit`.

    Ctrl-C reaches this process alone, which then ends the worker.

    Args:
        given: Sent once: `worker_process.received` of the process.
        count: Its threads; by default those of a trial.
    """

    def __init__(self, given: Any = None, count: int | None = None) -> None:
        variables = threads.variables(count or threads.of_a_trial())
        context = multiprocessing.get_context("spawn")
        receiver, self._lifeline = context.Pipe(duplex=False)
        self._steps, self._steps_seen = context.RawValue("q", 0), 0
        self._pool = ProcessPoolExecutor(
            1,
            context,
            worker_process.begin,
            (
                receiver,
                self._steps,
                variables,
                pickle.dumps(given),
            ),
        )

    def submit(self, function: Callable, *arguments: Any) -> Future:
        """Run a function in the process.

        Args:
            function: One of a module.
            *arguments: What it takes.

        Returns:
            Its result, later; `BrokenProcessPool` if the process ends before.
        """
        with _interrupts_held_back():
            return self._pool.submit(function, *arguments)

    def run(self, function: Callable, *arguments: Any) -> Any:
        """Run a function in the process, and wait for its result.

        Args:
            function: One of a module.
            *arguments: What it takes.

        Returns:
            Its result.

        Raises:
            UserError: The process ended before.
        """
        try:
            return self.submit(function, *arguments).result()
        except BrokenProcessPool:
            raise UserError(f"a worker process ended abruptly: {FEWER}") from None

    def new_steps(self) -> int:
        """Count the optimiser steps since the last call.

        Returns:
            Their number.
        """
        before, self._steps_seen = self._steps_seen, self._steps.value
        return self._steps_seen - before

    def end(self) -> None:
        """End the process at once, whatever it is doing."""
        self._lifeline.close()
        self._pool.shutdown()


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """A process that starts meanwhile ignores Ctrl-C; one pressed meanwhile arrives afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
