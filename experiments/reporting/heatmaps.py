"""Grad-CAM heatmaps of two arms, side by side: which network's are shown, or why none are."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from classifiers.evaluation.metrics import evaluate
from experiments.analysis.scores import folds_of
from experiments.running.trial import HEATMAPS, read_predictions

MIN_RANGE = 0.01  # relative heatmaps that vary less are uninformative

Heatmaps = dict[str, np.ndarray]
"""Relative heatmaps (h, w), at most 1, by the path of the image."""


class HeatmapPair(NamedTuple):
    """Heatmaps of one network in two arms.

    Attributes:
        text: Which network it is and why; without heatmaps, why there are none.
        before: Those of the reference.
        after: Those of the arm.
    """

    text: str
    before: Heatmaps | None = None
    after: Heatmaps | None = None


def choose_pair(
    predictions: pd.DataFrame,
    trials: list[Path],
    arm: str,
    reference: str,
    above_chance: set[str] | None = None,
) -> HeatmapPair:
    """Choose the best classifier, and the first seed with informative heatmaps in both arms.

    Heatmaps are uninformative where a network gives all images the same probability, and where
    they have a single cell, as those of small images do.

    Args:
        predictions: One row per trial and test image: classifier, arm, seed, repeat, fold, target,
            probability.
        trials: The folders of all trials; some hold heatmaps.
        arm: Compared with the reference.
        reference: The classifier with the highest mean ROC AUC in this arm is the best one.
        above_chance: The classifiers that may be chosen, by default all: where the classes are not
            separated, there is nothing to explain.

    Returns:
        The heatmaps, or the reason why there are none.
    """
    by_classifier = predictions[predictions["arm"] == reference].groupby("classifier", sort=False)
    areas = {
        str(name): _mean_roc_auc(rows)
        for name, rows in by_classifier
        if above_chance is None or name in above_chance
    }
    if not areas:
        return HeatmapPair(f"no heatmap: no classifier is known to beat chance in {reference}")
    reason = "none was stored"
    folders = _folders_with_heatmaps(trials)
    for classifier in sorted(areas, key=lambda name: areas[name], reverse=True):
        for seed in sorted({seed for name, _, seed in folders if name == classifier}):
            pair = [folders.get((classifier, name, seed)) for name in (reference, arm)]
            if pair[0] is None or pair[1] is None:
                continue
            before, after = _read(pair[0]), _read(pair[1])
            if before is None or after is None:
                reason = "all images get the same probability"
                continue
            if not any(np.ptp(one) > MIN_RANGE for one in (*before.values(), *after.values())):
                reason = f"at this size the heatmaps of {classifier} have a single cell"
                continue
            area = f"the highest mean ROC AUC in {reference}, {areas[classifier]:.3f}"
            return HeatmapPair(f"Grad-CAM of {classifier}, seed {seed} ({area})", before, after)
    return HeatmapPair(f"no heatmap: {reason}")


def _folders_with_heatmaps(trials: list[Path]) -> dict[tuple[str, str, int], list[Path]]:
    """The folders that hold heatmaps, one for each fold, by classifier, arm and seed."""
    folders: dict[tuple[str, str, int], list[Path]] = {}
    for folder in trials:
        if (folder / HEATMAPS).is_file():
            metadata = json.loads((folder / "trial.json").read_text())
            key = metadata["classifier"], metadata["arm"], metadata["seed"]
            folders.setdefault(key, []).append(folder)
    return folders


def _read(folders: list[Path]) -> Heatmaps | None:
    """The heatmaps of all folds; None if one network gives all images the same probability."""
    heatmaps: Heatmaps = {}
    for folder in folders:
        constant = json.loads((folder / "trial.json").read_text()).get("constant", False)
        array = np.load(folder / HEATMAPS, allow_pickle=False).astype("float32")
        if constant or not array.any():
            return None
        heatmaps |= dict(zip(read_predictions(folder)["path"], array, strict=True))
    return heatmaps


def _mean_roc_auc(predictions: pd.DataFrame) -> float:
    """The mean over runs, in cross-validation of areas within folds, as in metrics.csv."""
    areas = [
        evaluate(
            rows["target"].to_numpy(), rows["probability"].to_numpy(), 0.5, folds=folds_of(rows)
        )["roc_auc"]
        for _, rows in predictions.groupby(["seed", "repeat"])
    ]
    return float(np.mean(areas))
