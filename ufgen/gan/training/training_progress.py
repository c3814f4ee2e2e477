"""What a person at the terminal sees of a training, and how they stop it."""

import signal
import threading
from contextlib import contextmanager

from ufgen.gan.recipe import Recipe
from ufgen.progress import Progress


def progress_bar(recipe: Recipe, state: dict, progress: bool) -> Progress:
    """Counts the seconds of a budget in minutes, or else real images, from where `state` stands."""
    timed = bool(recipe.minutes)
    return Progress(
        total=round(60 * recipe.minutes) if timed else recipe.steps() * recipe.batch,
        initial=round(state["seconds"]) if timed else state["step"] * recipe.batch,
        unit="s" if timed else "img",
        unit_scale=not timed,
        desc="training the generator",
        disable=not progress,
    )


def advance(bar: Progress, recipe: Recipe, state: dict) -> None:
    """Show where the training stands now."""
    done = state["seconds"] if recipe.minutes else state["step"] * recipe.batch
    bar.update(min(round(done), bar.total) - bar.n)


@contextmanager
def deferred_interrupt():
    """Collect Ctrl-C in a list instead of raising it in the middle of a step."""
    interrupted: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return
    before = signal.signal(signal.SIGINT, lambda number, _: interrupted.append(number))
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)
