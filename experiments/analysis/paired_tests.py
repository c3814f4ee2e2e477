"""Well-known tests of single pairs of trainings, beside the study's own intervals."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from classifiers.evaluation import intervals, metrics
from experiments.analysis import pairwise_comparisons
from experiments.analysis.scores import TRIAL, folds_of
from experiments.design.study import Study


def table(study: Study, predictions: pd.DataFrame) -> pd.DataFrame:
    """One row for each arm, classifier, generator and seed, against its reference and that seed.

    Columns: their names, delta_roc_auc; delong_p (equal areas) and mcnemar_p (equally often right),
    which hold for independent images and are undefined where a group has several; permutation_p
    (equal areas, all trainings of the arm and classifier together, groups whole; the areas are
    those of ranks, as in Venkatraman & Begg, Biometrika 1996). None says what another training
    would give.
    In cross-validation scores of other folds are not comparable: areas are those within folds,
    and DeLong's p is undefined.
    """
    ordered = predictions.sort_values("path")
    images = ordered.drop_duplicates("path")
    labels, groups = images["target"].to_numpy(), images["group"].to_numpy()
    alone = len(np.unique(groups)) == len(groups)
    trained = dict(iter(ordered.groupby(list(TRIAL), sort=False)))
    rows = []
    for arm in study.compared_arms():
        reference = study.reference_of(arm).name
        for classifier in study.classifiers:
            names = [
                (generator, seed)
                for generator in (study.generator.seeds if arm.synthetic else [""])
                for seed in study.seeds
            ]
            pairs = [
                Pair.of(
                    labels,
                    trained[arm.name, classifier.name, generator, seed],
                    trained[reference, classifier.name, "", seed],
                )
                for generator, seed in names
            ]
            together = _permutation(labels, groups, pairs)
            rows += [
                {
                    "arm": arm.name,
                    "reference": reference,
                    "classifier": classifier.name,
                    "generator": generator,
                    "seed": seed,
                    **pair.tests(labels, alone),
                    "permutation_p": together,
                }
                for (generator, seed), pair in zip(names, pairs, strict=True)
            ]
    return pd.DataFrame(rows)


class Pair(NamedTuple):
    """What a training of an arm, and one of its reference, say of the same N images.

    `probabilities` (2, N); `right` (2, N), whether the classes are; `folds` (N,) whole numbers, all
    0 without cross-validation.
    """

    probabilities: np.ndarray
    right: np.ndarray
    folds: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray, arm: pd.DataFrame, reference: pd.DataFrame) -> "Pair":
        """From the predictions of both, in the same order of images."""
        both = arm, reference
        folds = folds_of(arm)
        return cls(
            np.stack([made["probability"].to_numpy() for made in both]),
            np.stack([(made["predicted"] == made["label"]).to_numpy() for made in both]),
            np.zeros(len(labels), int) if folds is None else folds.astype(int),
        )

    def ranks(self) -> np.ndarray:
        """The rank of each image within its fold, by each of both: (2, N)."""
        ranked = np.empty_like(self.probabilities)
        for fold in np.unique(self.folds):
            rows = self.folds == fold
            ranked[:, rows] = rankdata(self.probabilities[:, rows], axis=1)
        return ranked

    def tests(self, labels: np.ndarray, independent: bool) -> dict:
        """The change of ROC AUC; DeLong's and McNemar's p where images are `independent`."""
        areas = [
            float(metrics.within_folds(labels, scores, self.folds)["roc_auc"])
            for scores in self.probabilities
        ]
        delong = mcnemar = float("nan")
        if independent:
            mcnemar = pairwise_comparisons.mcnemar(*self.right)
            if not self.folds.any():
                delong = pairwise_comparisons.delong_p_value(
                    *intervals.delong(labels, self.probabilities)
                )
        return {"delta_roc_auc": areas[0] - areas[1], "delong_p": delong, "mcnemar_p": mcnemar}


def _permutation(labels: np.ndarray, groups: np.ndarray, pairs: list[Pair]) -> float:
    """The p-value of equal areas within folds, for K pairs together.

    Ranks are those within a fold, with each fold's above those of the folds before it.
    """
    folds = np.stack([pair.folds for pair in pairs])  # (K, N)
    positives = _counts(folds, labels == 1)
    negatives = _counts(folds, labels == 0)
    before = np.cumsum(positives + negatives, axis=1) - positives - negatives
    least = (positives * before + positives * (positives + 1) / 2).sum(axis=1)
    both = (positives * negatives).sum(axis=1)
    if not both.all():
        return float("nan")

    def areas(scores: np.ndarray) -> np.ndarray:
        ranks = rankdata(scores, axis=1)[:, labels == 1].sum(axis=1)
        return (ranks - least) / both

    ranked = np.stack([pair.ranks() for pair in pairs]) + folds[:, None] * (len(labels) + 1)
    rng = np.random.default_rng(0)
    return pairwise_comparisons.permutation_p_value(areas, ranked[:, 0], ranked[:, 1], groups, rng)


def _counts(folds: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """How many images of the mask each fold holds: (K, number of folds)."""
    return ((folds[..., None] == np.arange(folds.max() + 1)) & mask[:, None]).sum(axis=1)
