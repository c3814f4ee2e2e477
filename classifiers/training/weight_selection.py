"""Which evaluation of a training run is kept: by a metric on validation images, then by loss."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from classifiers.evaluation import calibration, metrics

REPLICATES = 200
SURROGATE_METRICS = {
    "recall": "balanced_accuracy",
    "specificity": "balanced_accuracy",
    "precision": "balanced_accuracy",
    "calibration_error": "brier",
}
"""Replacements for metrics that a trivial classifier maximises."""


class Evaluation(NamedTuple):
    """The weights after some optimiser steps, evaluated on validation images.

    Attributes:
        step: The number of optimiser steps.
        first: Whether it is the first evaluation of its training run.
        value: The selection metric, the larger the better (a Brier score is negated); -inf where it
            is undefined.
        standard_error: Of `value`.
        loss: The log loss after calibration; inf where a probability is not a number.
        constant: Whether all images get the same probability.
        sign: -1 where the metric is negated, else 1.
    """

    step: int
    first: bool
    value: float
    standard_error: float
    loss: float
    constant: bool
    sign: int = 1

    def row(self) -> dict[str, float]:
        """Convert to columns of a history.

        Returns:
            val_selection (the selection metric, or what replaces it in `SURROGATE_METRICS`; not
            negated), val_selection_error, val_calibrated_loss and val_constant (0 or 1). Metric and
            loss are NaN where undefined; the error is 0 where no replicate defines the metric, and
            val_constant is 0 where a probability is not a number.
        """
        value, loss = self.sign * self.value, self.loss
        return {
            "val_selection": value if math.isfinite(value) else math.nan,
            "val_selection_error": self.standard_error,
            "val_calibrated_loss": loss if math.isfinite(loss) else math.nan,
            "val_constant": int(self.constant),
        }


def evaluate(
    step: int, first: bool, labels: np.ndarray, probabilities: np.ndarray, metric: str
) -> Evaluation:
    """Calibrate probabilities on their own labels, and evaluate them.

    A metric that needs a threshold is computed at Youden's. The standard error is that of a
    bootstrap within classes.

    Args:
        step: The number of optimiser steps.
        first: Whether it is the first evaluation of its training run.
        labels: 0 or 1, (N,).
        probabilities: Uncalibrated, (N,) in 0..1, or NaN.
        metric: One of `metrics.NAMES`; see also `SURROGATE_METRICS`.

    Returns:
        The evaluation.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, "float64")
    if not np.isfinite(probabilities).all():
        return Evaluation(step, first, -math.inf, 0.0, math.inf, False)
    temperature, threshold = calibration.fit(labels, probabilities)
    calibrated = calibration.scale(probabilities, temperature)
    name = SURROGATE_METRICS.get(metric, metric)
    weights = np.concatenate([np.ones((1, len(labels))), _bootstrap_weights(labels)])
    sign = -1 if name in metrics.LESS_IS_BETTER else 1
    values = sign * metrics.evaluate(labels, calibrated, threshold, weights)[name]
    replicates = values[1:][np.isfinite(values[1:])]
    return Evaluation(
        step,
        first,
        float(values[0]) if np.isfinite(values[0]) else -math.inf,
        float(replicates.std()) if len(replicates) else 0.0,
        calibration.log_loss(labels, calibrated),
        metrics.is_constant(calibrated),
        sign,
    )


def uncalibrated_scores(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Compute the usual columns of a history, without calibration.

    Args:
        labels: 0 or 1, (N,).
        probabilities: Uncalibrated, (N,) in 0..1, or NaN.

    Returns:
        val_loss (log loss), val_accuracy at the threshold 0.5, and val_roc_auc.
    """
    defined = bool(np.isfinite(probabilities).all())
    correct = (probabilities >= 0.5) == labels
    return {
        "val_loss": calibration.log_loss(labels, probabilities),
        "val_accuracy": float(np.mean(correct)) if defined else math.nan,
        "val_roc_auc": float(metrics.roc_auc(labels, probabilities)) if defined else math.nan,
    }


def _bootstrap_weights(labels: np.ndarray) -> np.ndarray:
    """Bootstrap weights (REPLICATES, N), resampled within each class; always the same ones."""
    rng, weights = np.random.default_rng(0), np.ones((REPLICATES, len(labels)))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        weights[:, rows] = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), REPLICATES)
    return weights


def best(evaluations: list[Evaluation]) -> Evaluation | None:
    """Choose the evaluation whose weights are kept.

    Of the evaluations whose metric lies within one standard error of the largest (the rule of
    Breiman et al., Classification and regression trees, 1984), it is the one with the least
    calibrated loss. A network that gives all images the same probability is kept only if there is
    no other; the first evaluation, of a network that has hardly been trained, only if no later one
    comes that close. Where the metric is undefined (validation images of one class), the loss alone
    decides.

    Args:
        evaluations: Of one training run, in any order.

    Returns:
        One of them; None where none has probabilities that are numbers.
    """
    candidates = [e for e in evaluations if math.isfinite(e.loss)]
    candidates = [e for e in candidates if not e.constant] or candidates
    if not candidates:
        return None
    top = max(candidates, key=lambda e: (e.value, -e.standard_error))
    close = [e for e in candidates if e.value >= top.value - top.standard_error]
    later = [e for e in close if not e.first] or close
    return min(later, key=lambda e: (e.loss, -e.value))


def kept_first(history: pd.DataFrame) -> bool:
    """Tell whether a training run kept the weights of its first of several evaluations.

    Args:
        history: What `Classifier.fit` returned.

    Returns:
        Whether it did.

    Example:
        >>> kept_first(pd.DataFrame({"best": [1, 0, 0]}))
        True
    """
    return len(history) > 1 and bool(history["best"].iloc[0])


class Selection:
    """The weights of those evaluations that `best` may still choose.

    Weights are dropped when another evaluation will always be preferred: so few are in memory at a
    time, however many evaluations there are.
    """

    def __init__(self) -> None:
        self._kept: list[tuple[Evaluation, list[np.ndarray]]] = []

    def add(self, evaluation: Evaluation, weights: Callable[[], list[np.ndarray]]) -> None:
        """Add an evaluation.

        Args:
            evaluation: Later than those before.
            weights: Gives the values of the variables; called only if they may be chosen.
        """
        if any(_always_preferred(other, evaluation) for other, _ in self._kept):
            return
        self._kept = [k for k in self._kept if not _always_preferred(evaluation, k[0])]
        self._kept.append((evaluation, weights()))

    def best(self) -> tuple[Evaluation, list[np.ndarray]] | None:
        """Choose the evaluation whose weights are kept, as the function `best` does.

        Returns:
            It and its weights; None where none has probabilities that are numbers.
        """
        chosen = best([evaluation for evaluation, _ in self._kept])
        return next((kept for kept in self._kept if kept[0] is chosen), None)


def _always_preferred(one: Evaluation, other: Evaluation) -> bool:
    """Whether `one` is chosen before `other`, whatever evaluations follow."""
    if not math.isfinite(other.loss):
        return True
    if one.constant != other.constant:
        return other.constant and math.isfinite(one.loss)
    return (not one.first or other.first) and one.value >= other.value and one.loss <= other.loss
