"""Every metric of every trial: on the test set, and on bootstrap samples of its groups."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from classifiers.evaluation import intervals, metrics
from experiments.design.arms import Arm
from experiments.design.study import Study

RUN_COLUMNS = ("arm", "classifier", "generator", "seed")


class Scores:
    """Every metric of every trial: on the test set, and on B bootstrap samples of its groups.

    Attributes:
        groups: Number of test groups in the class with fewer groups.
    """

    def __init__(
        self,
        study: Study,
        trials: pd.DataFrame,
        predictions: pd.DataFrame,
        weights: np.ndarray,
        groups: int,
    ) -> None:
        self.groups = groups
        weights = np.vstack([np.ones(weights.shape[1]), weights])
        self._study = study
        self._metrics: dict[tuple, dict[str, np.ndarray]] = {}
        for trial in trials.to_dict("records"):
            rows = predictions_of(predictions, trial).sort_values("path")
            self._metrics[tuple(trial[name] for name in RUN_COLUMNS)] = metrics.evaluate(
                rows["target"].to_numpy(),
                rows["probability"].to_numpy(),
                rows["threshold"].to_numpy(),
                weights,
                folds=folds_of(rows),
            )

    def of(self, arm: Arm, classifiers: list[str], metric: str) -> np.ndarray:
        """One metric of all runs of an arm.

        Args:
            arm: The arm.
            classifiers: Names of classifiers, whose scores are averaged.
            metric: One of `metrics.NAMES`.

        Returns:
            Scores (1 + B, G, S) of G generators (one where the arm has no synthetic images) and S
            seeds; the first is that of the test set, the others those of its bootstrap samples.
        """
        generators: Sequence = self._study.generator.seeds if arm.synthetic else [""]
        seeds = self._study.seeds
        scores = [
            [
                [self._metrics[arm.name, name, generator, seed][metric] for seed in seeds]
                for generator in generators
            ]
            for name in classifiers
        ]
        return np.moveaxis(np.mean(scores, axis=0), -1, 0)


def evaluate_trials(study: Study, trials: pd.DataFrame, predictions: pd.DataFrame) -> Scores:
    """Compute every metric of every trial, on the same bootstrap samples of the test groups.

    Args:
        study: The study, whose `bootstrap` is the number of samples.
        trials: One row for each trial, with the columns `RUN_COLUMNS`.
        predictions: One row for each trial and test image.

    Returns:
        The scores.
    """
    images = predictions.drop_duplicates("path").sort_values("path")
    weights = intervals.group_weights(
        images["group"].to_numpy(), study.bootstrap, np.random.default_rng(0)
    )
    return Scores(study, trials, predictions, weights, fewest_groups_of_a_class(images))


def fewest_groups_of_a_class(images: pd.DataFrame) -> int:
    """Count the test groups in the class with fewer groups, which limit a comparison.

    Args:
        images: One row for each test image, with the columns target (0 or 1) and group.

    Returns:
        The smaller of both classes' numbers of groups.
    """
    return int(images.groupby("target")["group"].nunique().reindex([0, 1], fill_value=0).min())


def predictions_of(predictions: pd.DataFrame, trial: dict) -> pd.DataFrame:
    """Select the predictions of one trial.

    Args:
        predictions: One row for each trial and test image.
        trial: Values of the columns `RUN_COLUMNS`.

    Returns:
        Its rows; in cross-validation those of all folds of the repeat.
    """
    return predictions[
        (predictions[list(RUN_COLUMNS)] == [trial[name] for name in RUN_COLUMNS]).all(axis=1)
    ]


def folds_of(predictions: pd.DataFrame) -> np.ndarray | None:
    """The fold of each prediction of one trial.

    Args:
        predictions: Rows with the column fold.

    Returns:
        Folds, (N,), or None without cross-validation.
    """
    folds = predictions["fold"]
    return None if (folds.astype(str) == "").all() else folds.to_numpy()
