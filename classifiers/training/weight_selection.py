"""Which evaluation of a training is kept: by a metric on validation images, then by its loss."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from classifiers.evaluation import calibration, metrics

REPLICATES = 200
STAND_INS = {
    "recall": "balanced_accuracy",
    "specificity": "balanced_accuracy",
    "precision": "balanced_accuracy",
    "calibration_error": "brier",
}
"""For metrics that are best where a network separates nothing: what the weights are chosen by."""


class Evaluation(NamedTuple):
    """What validation images say of the weights after `step` optimiser steps.

    `first`: whether it is the first evaluation of its training; `value`: the selection metric, the
    larger the better (a Brier score is negated), -inf where it is undefined, and its standard
    `error`; `loss`: the log loss after calibration, inf where a probability is not a number;
    `constant`: whether all images get the same probability; `sign`: -1 where the metric is negated.
    """

    step: int
    first: bool
    value: float
    error: float
    loss: float
    constant: bool
    sign: int = 1

    def row(self) -> dict[str, float]:
        """The columns of a history: NaN where something is undefined."""
        value, loss = self.sign * self.value, self.loss
        return {
            "val_selection": value if math.isfinite(value) else math.nan,
            "val_selection_error": self.error,
            "val_calibrated_loss": loss if math.isfinite(loss) else math.nan,
            "val_constant": int(self.constant),
        }


def evaluate(
    step: int, first: bool, labels: np.ndarray, raw: np.ndarray, metric: str
) -> Evaluation:
    """Calibrate `raw` probabilities (N,) on their own `labels` (N,), and evaluate them.

    `metric` is one of `metrics.NAMES`, or what stands in for it (`STAND_INS`); one that needs a
    threshold is computed at Youden's. Its standard error is that of a bootstrap within classes.
    """
    labels, raw = np.asarray(labels), np.asarray(raw, "float64")
    if not np.isfinite(raw).all():
        return Evaluation(step, first, -math.inf, 0.0, math.inf, False)
    temperature, threshold = calibration.fit(labels, raw)
    scaled = calibration.scale(raw, temperature)
    name = STAND_INS.get(metric, metric)
    weights = np.concatenate([np.ones((1, len(labels))), _bootstrap(labels)])
    sign = -1 if name in metrics.LESS_IS_BETTER else 1
    values = sign * metrics.evaluate(labels, scaled, threshold, weights)[name]
    replicates = values[1:][np.isfinite(values[1:])]
    return Evaluation(
        step,
        first,
        float(values[0]) if np.isfinite(values[0]) else -math.inf,
        float(replicates.std()) if len(replicates) else 0.0,
        calibration.log_loss(labels, scaled),
        metrics.is_constant(scaled),
        sign,
    )


def plain_scores(labels: np.ndarray, raw: np.ndarray) -> dict[str, float]:
    """Columns of a history from `raw` probabilities, called positive from 0.5 on."""
    defined = bool(np.isfinite(raw).all())
    return {
        "val_loss": calibration.log_loss(labels, raw),
        "val_accuracy": float(np.mean((raw >= 0.5) == labels)) if defined else math.nan,
        "val_roc_auc": float(metrics.roc_auc(labels, raw)) if defined else math.nan,
    }


def _bootstrap(labels: np.ndarray) -> np.ndarray:
    """Bootstrap weights (REPLICATES, N), drawn within each class; always the same ones."""
    rng, weights = np.random.default_rng(0), np.ones((REPLICATES, len(labels)))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        weights[:, rows] = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), REPLICATES)
    return weights


def best(evaluations: list[Evaluation]) -> Evaluation | None:
    """The evaluation to keep; None where none has probabilities that are numbers.

    Of the evaluations whose metric lies within one standard error of the largest (the rule of
    Breiman et al., Classification and regression trees, 1984), the one with the least calibrated
    loss. A network that gives all images the same probability is kept only if there is no other;
    the first evaluation, of a network that has hardly learnt, only if no later one comes that
    close. Where the metric is undefined (validation images of one class), the loss alone decides.
    """
    known = [e for e in evaluations if math.isfinite(e.loss)]
    known = [e for e in known if not e.constant] or known
    if not known:
        return None
    top = max(known, key=lambda e: (e.value, -e.error))
    close = [e for e in known if e.value >= top.value - top.error]
    later = [e for e in close if not e.first] or close
    return min(later, key=lambda e: (e.loss, -e.value))


def kept_first(history: pd.DataFrame) -> bool:
    """Whether the first of several evaluations was kept, by what `Classifier.fit` returns."""
    return len(history) > 1 and bool(history["best"].iloc[0])


class Selection:
    """The weights of those evaluations that `best` may still choose; at last, of the one it does.

    An evaluation's weights are let go when another will always be preferred: so there are few at
    a time, however many evaluations.
    """

    def __init__(self):
        self._kept: list[tuple[Evaluation, list[np.ndarray]]] = []

    def add(self, evaluation: Evaluation, weights: Callable[[], list[np.ndarray]]) -> None:
        """Take an evaluation in, and the values that `weights` gives if it may be chosen."""
        if any(_always_preferred(other, evaluation) for other, _ in self._kept):
            return
        self._kept = [k for k in self._kept if not _always_preferred(evaluation, k[0])]
        self._kept.append((evaluation, weights()))

    def best(self) -> tuple[Evaluation, list[np.ndarray]] | None:
        """The evaluation to keep and its weights; None as in `best`."""
        chosen = best([evaluation for evaluation, _ in self._kept])
        return next((kept for kept in self._kept if kept[0] is chosen), None)


def _always_preferred(one: Evaluation, other: Evaluation) -> bool:
    """Whether `one` is chosen before `other`, whatever evaluations follow."""
    if not math.isfinite(other.loss):
        return True
    if one.constant != other.constant:
        return other.constant and math.isfinite(one.loss)
    return (not one.first or other.first) and one.value >= other.value and one.loss <= other.loss
