"""Every metric of every trial: on the test set as it is, and on resampled test groups."""

import numpy as np
import pandas as pd

from classifiers.evaluation import intervals, metrics
from experiments.design.arms import Arm
from experiments.design.study import Study

TRIAL = ("arm", "classifier", "generator", "seed")


def scores(study: Study, trials: pd.DataFrame, predictions: pd.DataFrame) -> "Scores":
    """Every metric of every trial, on the test set as it is and on resampled test groups."""
    images = predictions.drop_duplicates("path").sort_values("path")
    weights = intervals.group_weights(
        images["group"].to_numpy(), study.bootstrap, np.random.default_rng(0)
    )
    return Scores(study, trials, predictions, weights, groups_of_rarer_class(images))


def groups_of_rarer_class(images: pd.DataFrame) -> int:
    """How many groups hold images of the class that the fewest hold: what limits a comparison.

    `images` has the columns target and group, one row per test image.
    """
    return int(images.groupby("target")["group"].nunique().reindex([0, 1], fill_value=0).min())


class Scores:
    """Every metric of every trial: on the test set as it is, and on resampled test groups.

    `groups` is the number of test groups that hold images of the rarer class.
    """

    def __init__(self, study: Study, trials, predictions, weights: np.ndarray, groups: int):
        self.groups = groups
        everything = np.vstack([np.ones(weights.shape[1]), weights])
        self._study, self._found = study, {}
        for trial in trials.to_dict("records"):
            made = predictions_of(predictions, trial).sort_values("path")
            self._found[tuple(trial[name] for name in TRIAL)] = metrics.evaluate(
                made["target"].to_numpy(),
                made["probability"].to_numpy(),
                made["threshold"].to_numpy(),
                everything,
                folds=folds_of(made),
            )

    def of(self, arm: Arm, classifiers: list[str], metric: str) -> np.ndarray:
        """(1 + B, G, S): replicates, generators (one where none is used), and seeds.

        The first replicate is the test set as it is; several classifiers are averaged.
        """
        generators = self._study.generator.seeds if arm.synthetic else [""]
        found = [
            [
                [self._found[arm.name, name, generator, seed][metric] for seed in self._study.seeds]
                for generator in generators
            ]
            for name in classifiers
        ]
        return np.moveaxis(np.mean(found, axis=0), -1, 0)


def predictions_of(predictions: pd.DataFrame, trial: dict) -> pd.DataFrame:
    """The predictions of one trial, all folds of a repeat together."""
    return predictions[(predictions[list(TRIAL)] == [trial[name] for name in TRIAL]).all(axis=1)]


def folds_of(made: pd.DataFrame) -> np.ndarray | None:
    """The fold of each prediction, or None without cross-validation."""
    return None if (made["fold"].astype(str) == "").all() else made["fold"].to_numpy()
