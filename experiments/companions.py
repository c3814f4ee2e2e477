"""Well-known tests of single pairs of trainings, beside the study's own intervals."""

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from classifiers import intervals
from experiments import statistics
from experiments.study import Study


def table(study: Study, predictions: pd.DataFrame) -> pd.DataFrame:
    """One row for each arm, classifier, generator and seed, against `real` with the same seed.

    Columns: delta_roc_auc; delong_p (equal areas) and mcnemar_p (equally often right), which hold
    for independent images and are undefined where a group has several; permutation_p (equal
    areas, all trainings of the arm and classifier together, groups whole; the areas are those of
    ranks, as in Venkatraman & Begg, Biometrika 1996). None says what another training would give.
    """
    ordered = predictions.sort_values("path")
    images = ordered.drop_duplicates("path")
    labels, groups = images["target"].to_numpy(), images["group"].to_numpy()
    alone = len(np.unique(groups)) == len(groups)
    trained = dict(iter(ordered.groupby(["arm", "classifier", "generator", "seed"], sort=False)))
    rows = []
    for arm in study.parsed_arms()[1:]:
        for classifier in study.classifiers:
            pairs = [
                (generator, seed)
                for generator in (study.generator.seeds if arm.synthetic else [""])
                for seed in study.seeds
            ]
            found = [
                _pair(
                    labels,
                    trained[arm.name, classifier.name, generator, seed],
                    trained["real", classifier.name, "", seed],
                    alone,
                )
                for generator, seed in pairs
            ]
            together = _permutation(labels, groups, [scores for scores, _ in found])
            rows += [
                {
                    "arm": arm.name,
                    "classifier": classifier.name,
                    "generator": generator,
                    "seed": seed,
                    **tests,
                    "permutation_p": together,
                }
                for (generator, seed), (_, tests) in zip(pairs, found, strict=True)
            ]
    return pd.DataFrame(rows)


def _pair(labels, arm: pd.DataFrame, real: pd.DataFrame, alone: bool) -> tuple[np.ndarray, dict]:
    """The probabilities of both, (2, N), and the tests of this pair."""
    scores = np.stack([made["probability"].to_numpy() for made in (arm, real)])
    areas, covariance = intervals.delong(labels, scores)
    right = [(made["predicted"] == made["label"]).to_numpy() for made in (arm, real)]
    unknown = float("nan")
    return scores, {
        "delta_roc_auc": areas[0] - areas[1],
        "delong_p": statistics.delong_p_value(areas, covariance) if alone else unknown,
        "mcnemar_p": statistics.mcnemar(*right) if alone else unknown,
    }


def _permutation(labels: np.ndarray, groups: np.ndarray, pairs: list[np.ndarray]) -> float:
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return float("nan")

    def areas(scores: np.ndarray) -> np.ndarray:
        ranks = rankdata(scores, axis=1)[:, labels == 1].sum(axis=1)
        return (ranks - positives * (positives + 1) / 2) / (positives * negatives)

    ranked = rankdata(np.stack(pairs), axis=2)
    rng = np.random.default_rng(0)
    return statistics.permutation_p_value(areas, ranked[:, 0], ranked[:, 1], groups, rng)
