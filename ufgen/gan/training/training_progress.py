"""What is logged of a training and shown at the terminal, and how Ctrl-C stops it."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ufgen.gan.recipe import Recipe
from ufgen.gan.training.training_state import TrainingState
from ufgen.progress import Progress


class RunningMetrics:
    """The means of metrics, and the speed, since this object was made."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._count = 0
        self._started = time.monotonic()

    def add(self, metrics: dict[str, float]) -> None:
        """Take in the metrics of one program.

        Args:
            metrics: Numbers by name, the same names each time.
        """
        self._sums = {name: self._sums.get(name, 0.0) + value for name, value in metrics.items()}
        self._count += 1

    def means(self) -> dict[str, float]:
        """The mean of each metric.

        Returns:
            Numbers by name.
        """
        return {name: total / self._count for name, total in self._sums.items()}

    def seconds(self) -> float:
        """The time since this object was made.

        Returns:
            Seconds.
        """
        return time.monotonic() - self._started

    def programs_per_second(self) -> float:
        """The speed of the training.

        Returns:
            Programs whose metrics were added, per second.
        """
        return self._count / self.seconds()


def progress_bar(recipe: Recipe, state: TrainingState, show_progress: bool) -> Progress:
    """A bar over the budget, from where the training stands.

    Args:
        recipe: Its budget: in minutes the bar counts seconds, else real images.
        state: The training's counters.
        show_progress: Whether to show the bar.

    Returns:
        The bar, a context manager.
    """
    timed = bool(recipe.minutes)
    return Progress(
        total=round(60 * recipe.minutes) if timed else recipe.steps() * recipe.batch,
        initial=round(state.seconds) if timed else state.step * recipe.batch,
        unit="s" if timed else "img",
        unit_scale=not timed,
        desc="training the generator",
        disable=not show_progress,
    )


def advance(bar: Progress, recipe: Recipe, state: TrainingState) -> None:
    """Move the bar to where the training stands.

    Args:
        bar: As `progress_bar` returns it.
        recipe: The training's recipe.
        state: The training's counters.
    """
    done = state.seconds if recipe.minutes else state.step * recipe.batch
    bar.update(min(round(done), bar.total) - bar.n)


@contextmanager
def deferred_interrupt() -> Iterator[list[int]]:
    """Collect Ctrl-C instead of raising it in the middle of a step.

    Yields:
        A list that grows with each SIGINT; outside the main thread it stays empty.
    """
    interrupts: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    before = signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)
