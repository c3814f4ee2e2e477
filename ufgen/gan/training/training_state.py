"""Where a training stands: what a checkpoint holds beside the variables."""

from dataclasses import dataclass
from typing import Any

from ufgen.gan.recipe import Recipe


@dataclass
class TrainingState:
    """The counters of a training.

    Attributes:
        step: Optimiser steps done.
        seconds: Seconds spent in them.
        cpu_seconds: The same, added up over the cores that were busy.
        evaluated_step: The step of the last evaluation.
        evaluations_since_best: Evaluations since the best one.
        recoveries: Number of restarts from the last good state.
        best: The best evaluation: kimg, seconds, snapshot (hash), distance and diversity.
    """

    step: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    evaluated_step: int = 0
    evaluations_since_best: int = 0
    recoveries: int = 0
    best: dict[str, Any] | None = None

    def kimg(self, recipe: Recipe) -> float:
        """Real images shown so far, in thousands.

        Args:
            recipe: Its `batch` is shown at each step.

        Returns:
            Thousands of images, counted anew each time they are shown.
        """
        return self.step * recipe.batch / 1000

    def budget_fraction(self, recipe: Recipe) -> float:
        """The fraction of the budget that is spent.

        Args:
            recipe: Its budget, in minutes or else in images.

        Returns:
            A number in 0..1.
        """
        if recipe.minutes:
            return min(1.0, self.seconds / (60 * recipe.minutes))
        return min(1.0, self.step / recipe.steps())
