"""The table of well-known tests of single pairs of networks, beside the study's own intervals."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from classifiers.evaluation import intervals, metrics
from experiments.analysis import paired_tests
from experiments.analysis.scores import by_run, folds_of
from experiments.design.study import Study


def table(study: Study, predictions: pd.DataFrame) -> pd.DataFrame:
    """Test each network of an arm against the one of its reference with the same seed.

    No test says what networks trained with other seeds would give (an arm that was stopped early
    has none of the later seeds). In cross-validation scores of
    different folds are not comparable: areas are those within folds, and DeLong's p-value is
    undefined.

    Args:
        study: The study.
        predictions: One row for each trial and test image.

    Returns:
        One row for each run of an arm: arm, reference, classifier, generator, seed, repeat,
        delta_roc_auc; delong_p (equal areas) and mcnemar_p (correct equally often), which
        assume independent images and are undefined where a group has several; permutation_p (equal
        areas, all runs of the arm and classifier together, whole groups), of ranks as in
        Venkatraman & Begg, Biometrika 1996.
    """
    images = predictions.drop_duplicates("path").sort_values("path")
    labels, groups = images["target"].to_numpy(), images["group"].to_numpy()
    independent = len(np.unique(groups)) == len(groups)
    predictions_by_run = by_run(predictions)
    rows = []
    for arm in study.compared_arms():
        reference = study.reference_of(arm).name
        for classifier in study.classifiers:
            runs = [
                (generator, seed, repeat)
                for repeat in (range(study.repeats) if study.folds else [""])
                for generator in (study.generator.seeds if arm.synthetic else [""])
                for seed in study.seeds
                if (arm.name, classifier.name, generator, seed, repeat) in predictions_by_run
            ]
            pairs = [
                Pair.of(
                    labels,
                    predictions_by_run[arm.name, classifier.name, generator, seed, repeat],
                    predictions_by_run[reference, classifier.name, "", seed, repeat],
                )
                for generator, seed, repeat in runs
            ]
            permutation_p = _permutation_p_value(labels, groups, pairs)
            rows += [
                {
                    "arm": arm.name,
                    "reference": reference,
                    "classifier": classifier.name,
                    "generator": generator,
                    "seed": seed,
                    "repeat": repeat,
                    **pair.tests(labels, independent),
                    "permutation_p": permutation_p,
                }
                for (generator, seed, repeat), pair in zip(runs, pairs, strict=True)
            ]
    return pd.DataFrame(rows)


class Pair(NamedTuple):
    """Predictions of a network of an arm, and of one of its reference, for the same N images.

    Attributes:
        probabilities: Probabilities of the positive class, (2, N).
        correct: Whether the predicted classes are correct, bool, (2, N).
        folds: Fold of each image, int, (N,); all 0 without cross-validation.
    """

    probabilities: np.ndarray
    correct: np.ndarray
    folds: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray, arm: pd.DataFrame, reference: pd.DataFrame) -> "Pair":
        """Make a pair from the tables of both networks' predictions.

        Args:
            labels: Targets of the images, 0 or 1, (N,).
            arm: Predictions of the arm's network, one row for each image, in this order.
            reference: Predictions of the reference's network, in the same order.

        Returns:
            The pair.
        """
        both = arm, reference
        folds = folds_of(arm)
        return cls(
            np.stack([rows["probability"].to_numpy() for rows in both]),
            np.stack(
                [(rows["probability"] >= rows["threshold"]) == rows["target"] for rows in both]
            ),
            np.zeros(len(labels), int) if folds is None else folds.astype(int),
        )

    def ranks(self) -> np.ndarray:
        """Rank the images within their folds.

        Returns:
            Ranks by the probabilities of both networks, (2, N).
        """
        ranks = np.empty_like(self.probabilities)
        for fold in np.unique(self.folds):
            rows = self.folds == fold
            ranks[:, rows] = rankdata(self.probabilities[:, rows], axis=1)
        return ranks

    def tests(self, labels: np.ndarray, independent: bool) -> dict[str, float]:
        """Compare both networks.

        Args:
            labels: Targets of the images, 0 or 1, (N,).
            independent: Whether each image has a group of its own, as the p-values assume.

        Returns:
            delta_roc_auc (arm minus reference), delong_p and mcnemar_p, which may be NaN.
        """
        areas = [
            float(metrics.within_folds(labels, scores, self.folds)["roc_auc"])
            for scores in self.probabilities
        ]
        delong = mcnemar = float("nan")
        if independent:
            mcnemar = paired_tests.mcnemar(*self.correct)
            if not self.folds.any():
                areas_and_covariance = intervals.delong(labels, self.probabilities)
                delong = paired_tests.delong_p_value(*areas_and_covariance)
        return {"delta_roc_auc": areas[0] - areas[1], "delong_p": delong, "mcnemar_p": mcnemar}


def _permutation_p_value(labels: np.ndarray, groups: np.ndarray, pairs: list[Pair]) -> float:
    """The p-value of equal areas within folds, for K pairs together.

    Ranks are those within a fold, with each fold's above those of the folds before it.
    """
    folds = np.stack([pair.folds for pair in pairs])  # (K, N)
    positives = _counts(folds, labels == 1)
    negatives = _counts(folds, labels == 0)
    before = np.cumsum(positives + negatives, axis=1) - positives - negatives
    smallest = (positives * before + positives * (positives + 1) / 2).sum(axis=1)
    comparisons = (positives * negatives).sum(axis=1)
    if not comparisons.all():
        return float("nan")

    def areas(scores: np.ndarray) -> np.ndarray:
        rank_sums = rankdata(scores, axis=1)[:, labels == 1].sum(axis=1)
        return (rank_sums - smallest) / comparisons

    ranks = np.stack([pair.ranks() for pair in pairs]) + folds[:, None] * (len(labels) + 1)
    rng = np.random.default_rng(0)
    return paired_tests.permutation_p_value(areas, ranks[:, 0], ranks[:, 1], groups, rng)


def _counts(folds: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """How many images of the mask each fold holds: (K, number of folds)."""
    return ((folds[..., None] == np.arange(folds.max() + 1)) & mask[:, None]).sum(axis=1)
