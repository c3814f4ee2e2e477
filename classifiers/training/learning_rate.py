"""What changes from step to step: the learning rate, and the decay of the EMA of the weights."""

import math

from classifiers.training.settings import Training


def learning_rate(training: Training, step: int, steps: int) -> float:
    """Compute Adam's learning rate by the schedule, before any reduction on a plateau.

    Args:
        training: Gives the schedule and the peak.
        step: Step of the phase, counted from 1.
        steps: Steps of the phase.

    Returns:
        The learning rate of the head.

    Example:
        >>> [learning_rate(Training(learning_rate=1.0), step, 100) for step in (1, 10, 55, 100)]
        [0.1, 1.0, 0.5, 0.01]
    """
    if training.schedule != "cosine":
        return training.learning_rate
    warm_up = max(1, steps // 10)
    if step <= warm_up:
        return training.learning_rate * step / warm_up
    progress = (step - warm_up) / max(1, steps - warm_up)
    return training.learning_rate * max(0.01, (1 + math.cos(math.pi * progress)) / 2)


def ema_decay(training: Training, step: int) -> float:
    """Compute the decay of the moving average, warmed up so that initial weights are forgotten.

    Args:
        training: Gives the half-life.
        step: Step of the phase, counted from 1.

    Returns:
        The fraction of the average that is kept at this step, in 0..1; 0 without an average.
    """
    half_life = training.ema_half_life
    return min(0.5 ** (1 / half_life), (1 + step) / (10 + step)) if half_life else 0.0


class Plateau:
    """The schedule "plateau": a factor of the learning rate.

    Attributes:
        factor: 1 at first; halved after two evaluations in a row without a lower loss.
    """

    def __init__(self) -> None:
        self.factor, self._best, self._waited = 1.0, math.inf, 0

    def update(self, loss: float) -> None:
        """Take an evaluation into account.

        Args:
            loss: The validation loss.
        """
        self._waited = 0 if loss < self._best else self._waited + 1
        self._best = min(self._best, loss)
        if self._waited == 2:
            self.factor, self._waited = self.factor / 2, 0
