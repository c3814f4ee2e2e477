"""Every metric of every trial: on the test set, and on bootstrap samples of its groups."""

from collections.abc import Sequence
from copy import copy

import numpy as np
import pandas as pd

from classifiers.evaluation import intervals, metrics
from experiments.design.arms import Arm
from experiments.design.study import Study

RUN_COLUMNS = ("arm", "classifier", "generator", "seed", "repeat")


class Scores:
    """Every metric of every trial: on the test set, and on B bootstrap samples of its groups.

    Attributes:
        groups: Number of test groups in the class with fewer groups.
    """

    def __init__(
        self,
        study: Study,
        predictions: pd.DataFrame,
        weights: np.ndarray,
        groups: int,
    ) -> None:
        self.groups = groups
        weights = np.vstack([np.ones(weights.shape[1]), weights])
        self._study = study
        self._metrics = {
            run: _evaluate_by_fold(rows, weights) for run, rows in by_run(predictions).items()
        }

    def within(self, study: Study) -> "Scores":
        """The same scores for a smaller study.

        Args:
            study: The study with fewer seeds or arms.

        Returns:
            Scores of its runs alone.
        """
        smaller = copy(self)
        smaller._study = study
        return smaller

    def of(self, arm: Arm, classifiers: list[str], metric: str) -> np.ndarray:
        """One metric of all runs of an arm, by fold.

        The mean over folds is the metric: in cross-validation the value of one of K folds is K
        times its contribution (see `metrics.contributions`). Metrics that are no means over folds
        have one value for each repeat.

        Args:
            arm: The arm.
            classifiers: Names of classifiers, whose scores are averaged.
            metric: One of `metrics.NAMES`.

        Returns:
            Scores (1 + B, K, G, S) of K folds (of all repeats), G generators in each (one where the
            arm has no synthetic images) and S seeds; the first is that of the test set, the others
            those of its bootstrap samples.
        """
        generators: Sequence = self._study.generator.seeds if arm.synthetic else [""]
        repeats: Sequence = range(self._study.repeats) if self._study.folds else [""]
        scores = np.array(
            [
                [
                    [
                        [
                            self._metrics[arm.name, name, generator, seed, repeat][metric]
                            for seed in self._study.seeds
                        ]
                        for generator in generators
                    ]
                    for repeat in repeats
                ]
                for name in classifiers
            ]
        )
        of_runs = scores.mean(axis=0)  # (repeats, G, S, folds, 1 + B)
        by_fold = np.moveaxis(of_runs, (4, 0, 3), (0, 1, 2))
        by_fold = by_fold.reshape(len(by_fold), -1, *by_fold.shape[3:])
        if self._study.images.parts > 1:  # each seed has generators of its own
            by_fold = by_fold.mean(axis=2, keepdims=True)
        return by_fold


def _evaluate_by_fold(rows: pd.DataFrame, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Every metric of one run: (K, 1 + B) of K folds, or of the whole where K is 1."""
    labels, probabilities, threshold = (
        rows[name].to_numpy() for name in ("target", "probability", "threshold")
    )
    folds = folds_of(rows)
    values = metrics.evaluate(labels, probabilities, threshold, weights, folds=folds)
    whole = {name: value[None] for name, value in values.items()}
    if folds is None:
        return whole
    parts = metrics.contributions(labels, probabilities, threshold, folds, weights)
    return whole | {name: len(part) * part for name, part in parts.items()}


def evaluate_trials(study: Study, predictions: pd.DataFrame) -> Scores:
    """Compute every metric of every trial, on the same bootstrap samples of the test groups.

    Args:
        study: The study, whose `bootstrap` is the number of samples.
        predictions: One row for each trial and test image.

    Returns:
        The scores.
    """
    images = predictions.drop_duplicates("path").sort_values("path")
    weights = intervals.group_weights(
        images["group"].to_numpy(), study.bootstrap, np.random.default_rng(0)
    )
    return Scores(study, predictions, weights, fewest_groups_of_a_class(images))


def mean_scores(members: list[Scores]) -> Scores:
    """Average the scores of studies that differ in their positive class alone.

    Args:
        members: Scores on the same test images, from the same bootstrap samples.

    Returns:
        The mean of every metric of the runs that all have; groups are those of the rarest class.
    """
    mean = copy(members[0])
    mean.groups = min(one.groups for one in members)
    runs = [run for run in mean._metrics if all(run in one._metrics for one in members)]
    mean._metrics = {
        run: {
            name: np.mean([one._metrics[run][name] for one in members], axis=0)
            for name in mean._metrics[run]
        }
        for run in runs
    }
    return mean


def fewest_groups_of_a_class(images: pd.DataFrame) -> int:
    """Count the test groups in the class with fewer groups, which limit a comparison.

    Args:
        images: One row for each test image, with the columns target (0 or 1) and group.

    Returns:
        The smaller of both classes' numbers of groups.
    """
    return int(images.groupby("target")["group"].nunique().reindex([0, 1], fill_value=0).min())


def by_run(predictions: pd.DataFrame) -> dict[tuple, pd.DataFrame]:
    """Divide predictions by run: in cross-validation a run has one trial for each fold.

    Args:
        predictions: One row for each trial and test image.

    Returns:
        One row for each test image, in the order of paths, by the values of `RUN_COLUMNS`.
    """
    return dict(iter(predictions.sort_values("path").groupby(list(RUN_COLUMNS), sort=False)))


def folds_of(predictions: pd.DataFrame) -> np.ndarray | None:
    """The fold of each prediction of one trial.

    Args:
        predictions: Rows with the column fold.

    Returns:
        Folds, (N,), or None without cross-validation.
    """
    folds = predictions["fold"]
    return None if (folds.astype(str) == "").all() else folds.to_numpy()
