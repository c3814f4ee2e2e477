"""How many more real images the synthetic ones are worth, from the arms with more real images."""

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import isotonic_regression

from classifiers.evaluation import metrics
from experiments import statistics
from experiments.design.arms import Arm, parse
from experiments.design.study import Study

COLUMNS = ["arm", "synthetic", "extra", "low", "high", "text"]


def additional_images(sizes: np.ndarray, curve: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Images beyond the first size at which a learning curve reaches each value: (B,).

    `sizes` (K,) grow; `curve` (B, K) are scores there, more is better, made monotone by isotonic
    regression and linear between sizes in the logarithm of the number of images; `values` (B,).
    Minus infinity where a value is below the first score (fewer images than the first size would
    have done the same), infinity where it is above the last; NaN where a score is undefined.
    """
    logs, found = np.log(np.asarray(sizes, float)), np.empty(len(values))
    for row, (scores, value) in enumerate(zip(curve, values, strict=True)):
        if not np.isfinite([*scores, value]).all():
            found[row] = np.nan
            continue
        rising = isotonic_regression(scores).x
        reached = int(np.searchsorted(rising, value, side="left"))
        if reached == 0:
            found[row] = 0.0 if value == rising[0] else -np.inf
        elif reached == len(rising):
            found[row] = np.inf
        else:
            share = (value - rising[reached - 1]) / (rising[reached] - rising[reached - 1])
            at = logs[reached - 1] + share * (logs[reached] - logs[reached - 1])
            found[row] = np.exp(at) - sizes[0]
    return found


def centered_bootstrap_weights(
    levels: int, replicates: int, rng: np.random.Generator
) -> np.ndarray:
    """Bootstrap weights of means less 1 / levels, (B, levels), with the variance of means.

    Without the factor of sqrt(n / (n - 1)) it is that of n levels drawn from n (Hesterberg, Am Stat
    2015). 0 for a single level: what another one would change is unknown.
    """
    even = np.full(levels, 1 / levels)
    found = rng.multinomial(levels, even, replicates) / levels - even
    return found * np.sqrt(levels / max(levels - 1, 1))


def table(study: Study, trials: pd.DataFrame, scores, real: str = "real") -> pd.DataFrame:
    """One row for each arm that only adds synthetic images: arm, synthetic, extra, low, high, text.

    `scores` are `tables.Scores`. The interval resamples test groups, seeds and generators together,
    the latter two as far apart as Student's interval asks for so few of them. Empty without arms
    `real+oracle@RATIO`, whose scores are the learning curve. `text` calls images that are not
    synthetic `real`.
    """
    arms = study.parsed_arms()
    steps = [arm for arm in arms if arm == Arm(arm.name, real=True, oracle=arm.oracle)]
    steps = sorted(steps, key=lambda arm: arm.oracle)
    if len(steps) < 2:
        return pd.DataFrame(columns=COLUMNS)
    count = trials.groupby("arm")["n_train"].first()
    sizes = np.array([count[arm.name] for arm in steps])
    names = [classifier.name for classifier in study.classifiers]
    sign = -1 if study.primary_metric in metrics.LESS_IS_BETTER else 1
    rng = np.random.default_rng(1)

    def of(arm: Arm) -> np.ndarray:
        return sign * scores.of(arm, names, study.primary_metric)

    def mean(arm: Arm, wider: float) -> np.ndarray:
        """(1 + B,): of all trainings, then of resampled ones."""
        found = of(arm)
        by = [generators if found.shape[1] > 1 else np.zeros((len(found), 1)), seeds]
        weights = [1 / part.shape[1] + wider * part for part in by]
        return np.einsum("bgs,bg,bs->b", found, *weights)

    baseline = of(parse("real"))
    seeds, generators = (
        np.vstack([np.zeros(n), centered_bootstrap_weights(n, len(baseline) - 1, rng)])
        for n in (len(study.seeds), len(study.generator.seeds))
    )
    rows = []
    for arm in arms:
        plain = Arm(arm.name, True, synthetic=arm.synthetic, filtered=arm.filtered)
        if arm.tested and arm == plain:
            delta = of(arm) - baseline
            df = statistics.estimate(delta[0], delta[1:], scores.groups).df
            upper = (1 + study.confidence) / 2
            wider = stats.t.ppf(upper, df) / stats.norm.ppf(upper)
            wider = 1.0 if np.isnan(wider) else wider  # of a single training only images vary
            curve = np.stack([mean(step, wider) for step in steps], axis=1)
            synthetic = int(count[arm.name] - sizes[0])
            extra = additional_images(sizes, curve, mean(arm, wider))
            rows.append(_row(study, arm.name, synthetic, sizes, curve, extra, real))
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(study: Study, arm: str, synthetic: int, sizes, curve, extra, real: str) -> dict:
    tail = (1 - study.confidence) / 2
    row = {"arm": arm, "synthetic": synthetic, "extra": extra[0]}
    defined = np.isfinite(curve).all(axis=1) & ~np.isnan(extra)
    rising = (curve[1:, -1] > curve[1:, 0])[defined[1:]].mean()
    if defined.mean() < 0.95 or rising < 1 - tail:
        why = f"more {real} images did not measurably raise it either"
        text = f"Not identifiable for {arm}: {study.primary_metric} has no learning curve, {why}."
        return row | {"extra": np.nan, "low": np.nan, "high": np.nan, "text": text}
    counts = {"seed": len(study.seeds), "generator": len(study.generator.seeds)}
    single = [name for name, count in counts.items() if count == 1]
    unknown = [f"; what another {name} would change is unknown" for name in single]
    low, high = np.quantile(extra[1:][defined[1:]], [tail, 1 - tail], method="nearest")
    most = int(sizes[-1] - sizes[0])
    words = {-np.inf: "fewer than none", np.inf: f"more than {most}"}
    said = [words.get(x, f"{x:.0f}") for x in (extra[0], low, high)]
    return row | {
        "low": low,
        "high": high,
        "text": f"{synthetic} synthetic images ({arm}) did for {study.primary_metric} what "
        f"{said[0]} more {real} ones did, {study.confidence:.0%} interval {said[1]} to {said[2]}, "
        f"by the learning curve from {sizes[0]} to {sizes[-1]} {real} images"
        + ("; fewer than none: worse than without them" if -np.inf in (extra[0], low) else "")
        + "".join(unknown)
        + ".",
    }
