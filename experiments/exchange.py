"""How many more real images the synthetic ones are worth, from the arms with more real images."""

import numpy as np
import pandas as pd
from scipy.optimize import isotonic_regression

from classifiers import metrics
from experiments.arms import Arm, parse
from experiments.study import Study


def extra_images(sizes: np.ndarray, curve: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Images beyond the first size at which a learning curve reaches each value: (B,).

    `sizes` (K,) grow; `curve` (B, K) are scores there, more is better, made monotone by isotonic
    regression and linear between sizes in the logarithm of the number of images; `values` (B,).
    0 where a value is not above the first score; infinite where it is above the last; NaN where a
    score is undefined.
    """
    logs, found = np.log(np.asarray(sizes, float)), np.empty(len(values))
    for row, (scores, value) in enumerate(zip(curve, values, strict=True)):
        if not np.isfinite([*scores, value]).all():
            found[row] = np.nan
            continue
        rising = isotonic_regression(scores).x
        reached = int(np.searchsorted(rising, value, side="left"))
        if reached == 0:
            found[row] = 0.0
        elif reached == len(rising):
            found[row] = np.inf
        else:
            share = (value - rising[reached - 1]) / (rising[reached] - rising[reached - 1])
            at = logs[reached - 1] + share * (logs[reached] - logs[reached - 1])
            found[row] = np.exp(at) - sizes[0]
    return found


def table(study: Study, trials: pd.DataFrame, scores) -> pd.DataFrame:
    """One row for each arm that only adds synthetic images: arm, synthetic, extra, low, high, text.

    `scores` are `tables.Scores`. The interval resamples test groups, seeds and generators together.
    Empty without arms `real+oracle@RATIO`, whose scores are the learning curve.
    """
    arms = study.parsed_arms()
    steps = [arm for arm in arms if arm == Arm(arm.name, real=True, oracle=arm.oracle)]
    steps = sorted(steps, key=lambda arm: arm.oracle)
    if len(steps) < 2:
        return pd.DataFrame(columns=["arm", "synthetic", "extra", "low", "high", "text"])
    count = trials.groupby("arm")["n_train"].first()
    sizes = np.array([count[arm.name] for arm in steps])
    names = [classifier.name for classifier in study.classifiers]
    sign = -1 if study.primary_metric in metrics.LESS_IS_BETTER else 1
    rng = np.random.default_rng(1)

    def mean(arm: Arm, seeds: np.ndarray, generators: np.ndarray) -> np.ndarray:
        """(1 + B,): weighed by seeds (1 + B, S) and, where there are several, generators."""
        found = scores.of(arm, names, study.primary_metric)
        weights = generators if found.shape[1] > 1 else np.ones((len(found), 1))
        return sign * np.einsum("bgs,bg,bs->b", found, weights, seeds)

    replicates = len(scores.of(parse("real"), names, study.primary_metric)) - 1
    seeds, generators = (
        np.vstack([np.full(n, 1 / n), rng.multinomial(n, np.full(n, 1 / n), replicates) / n])
        for n in (len(study.seeds), len(study.generator.seeds))
    )
    curve = np.stack([mean(arm, seeds, generators) for arm in steps], axis=1)
    rows = []
    for arm in arms:
        plain = Arm(arm.name, True, synthetic=arm.synthetic, filtered=arm.filtered)
        if arm.tested and arm == plain:
            extra = extra_images(sizes, curve, mean(arm, seeds, generators))
            synthetic = int(count[arm.name] - sizes[0])
            rows.append(_row(study, arm.name, synthetic, sizes, curve, extra))
    return pd.DataFrame(rows)


def _row(study: Study, arm: str, synthetic: int, sizes, curve: np.ndarray, extra) -> dict:
    tail = (1 - study.confidence) / 2
    row = {"arm": arm, "synthetic": synthetic, "extra": extra[0]}
    defined = np.isfinite(curve).all(axis=1) & ~np.isnan(extra)
    rising = (curve[1:, -1] > curve[1:, 0])[defined[1:]].mean()
    if defined.mean() < 0.95 or rising < 1 - tail:
        why = "more real images did not measurably raise it either"
        text = f"Not identifiable for {arm}: {study.primary_metric} has no learning curve, {why}."
        return row | {"extra": np.nan, "low": np.nan, "high": np.nan, "text": text}
    low, high = np.quantile(extra[1:][defined[1:]], [tail, 1 - tail], method="nearest")
    most = int(sizes[-1] - sizes[0])
    said = [f"{x:.0f}" if np.isfinite(x) else f"more than {most}" for x in (extra[0], low, high)]
    return row | {
        "low": low,
        "high": high,
        "text": f"{synthetic} synthetic images ({arm}) did for {study.primary_metric} what "
        f"{said[0]} more real ones did, {study.confidence:.0%} interval {said[1]} to {said[2]}, by "
        f"the learning curve from {sizes[0]} to {sizes[-1]} real images.",
    }
