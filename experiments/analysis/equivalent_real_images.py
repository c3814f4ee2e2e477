"""The number of additional real images that would have changed a metric as synthetic ones did.

The arms with additional real images (`real+oracle@RATIO`) are the learning curve for it.
"""

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import isotonic_regression

from classifiers.evaluation import metrics
from experiments import statistics
from experiments.analysis.scores import Scores
from experiments.design.arms import Arm, parse
from experiments.design.study import Study

COLUMNS = ["arm", "synthetic", "extra", "low", "high", "informative", "text"]


def additional_images(sizes: np.ndarray, curve: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Images beyond the first size at which a learning curve reaches a value.

    The curve is made monotone by isotonic regression, and is linear in the logarithm of the number
    of images between sizes.

    Args:
        sizes: Numbers of training images, increasing, (K,).
        curve: Scores at these sizes in B replicates, (B, K); higher is better.
        values: A score for each replicate, (B,).

    Returns:
        Numbers of images, (B,): minus infinity where a value is below the first score (fewer images
        than the first size would have done the same), infinity where it is above the last, NaN
        where a score is undefined.

    Example:
        >>> sizes, curve = np.array([100, 200, 400]), np.array([[0.7, 0.8, 0.9]])
        >>> additional_images(sizes, curve, np.array([0.8])).round(3).tolist()
        [100.0]
    """
    logs, numbers = np.log(np.asarray(sizes, float)), np.empty(len(values))
    for row, (scores, value) in enumerate(zip(curve, values, strict=True)):
        if not np.isfinite([*scores, value]).all():
            numbers[row] = np.nan
            continue
        rising = isotonic_regression(scores).x
        reached = int(np.searchsorted(rising, value, side="left"))
        if reached == 0:
            numbers[row] = 0.0 if value == rising[0] else -np.inf
        elif reached == len(rising):
            numbers[row] = np.inf
        else:
            fraction = (value - rising[reached - 1]) / (rising[reached] - rising[reached - 1])
            log = logs[reached - 1] + fraction * (logs[reached] - logs[reached - 1])
            numbers[row] = np.exp(log) - sizes[0]
    return numbers


def centered_bootstrap_weights(
    levels: int, replicates: int, rng: np.random.Generator
) -> np.ndarray:
    """Bootstrap weights of the levels of a factor, less 1 / levels, for unbiased variances.

    The factor sqrt(n / (n - 1)) corrects the variance of the mean of n levels, which resampling
    underestimates (Hesterberg, Am Stat 2015).

    Args:
        levels: Number of levels: seeds or generators.
        replicates: Number of replicates B.
        rng: Draws the levels of each replicate.

    Returns:
        Weights (B, levels), each row with a sum of 0; all 0 for a single level, whose variance is
        unknown.
    """
    uniform = np.full(levels, 1 / levels)
    centered = rng.multinomial(levels, uniform, replicates) / levels - uniform
    return centered * np.sqrt(levels / max(levels - 1, 1))


def table(study: Study, trials: pd.DataFrame, scores: Scores, real: str = "real") -> pd.DataFrame:
    """Estimate the equivalent number of real images of each arm that only adds synthetic images.

    The interval resamples test groups, seeds and generators together; the deviations of the latter
    two are scaled by the ratio of Student's quantile to the normal one.

    Args:
        study: The study.
        trials: One row for each trial, with the columns arm and n_train.
        scores: Scores of its trials.
        real: The word for images that are not synthetic.

    Returns:
        One row for each arm: arm, synthetic (number of synthetic images), extra (equivalent number
        of additional real images; minus infinity where they did worse than none), low and high
        (its interval), informative (whether the interval excludes anything), text. Empty without
        two arms of real images alone, such as `real+oracle@RATIO`.
    """
    arms, oracles = study.parsed_arms(), real_only(study)
    if len(oracles) < 2:
        return pd.DataFrame(columns=COLUMNS)
    count = trials.groupby("arm")["n_train"].first()
    sizes = np.array([count[arm.name] for arm in oracles])
    names = [classifier.name for classifier in study.classifiers]
    sign = -1 if study.primary_metric in metrics.LESS_IS_BETTER else 1
    rng = np.random.default_rng(1)

    def scores_of(arm: Arm) -> np.ndarray:
        return sign * scores.of(arm, names, study.primary_metric)

    def means(arm: Arm, scale: float) -> np.ndarray:
        """(1 + B,): the mean of all runs, then of resampled ones."""
        runs = scores_of(arm)
        by_generator = generators if runs.shape[2] > 1 else np.zeros((*runs.shape[:2], 1))
        weights = [1 / part.shape[-1] + scale * part for part in (by_generator, seeds)]
        return np.einsum("bkgs,bkg,bs->b", runs, *weights) / runs.shape[1]

    def resampled(levels: int) -> np.ndarray:
        return np.vstack([np.zeros(levels), centered_bootstrap_weights(levels, replicates, rng)])

    baseline = scores_of(parse("real"))
    replicates, folds = len(baseline) - 1, baseline.shape[1]
    seeds = resampled(len(study.seeds))
    in_folds = [resampled(len(study.generator.seeds)) for _ in range(folds)]
    generators = np.stack(in_folds, axis=1)  # (1 + B, K, G): each fold has its own
    rows = []
    for arm in arms:
        plain = Arm(arm.name, True, synthetic=arm.synthetic, filtered=arm.filtered)
        if arm.tested and arm == plain:
            delta = scores_of(arm) - baseline
            df = statistics.estimate(delta[0], delta[1:], scores.groups).df
            upper = (1 + study.confidence) / 2
            scale = stats.t.ppf(upper, df) / stats.norm.ppf(upper)
            scale = 1.0 if np.isnan(scale) else scale  # where nothing varies, or one seed
            curve = np.stack([means(oracle, scale) for oracle in oracles], axis=1)
            synthetic = int(count[arm.name] - sizes[0])
            extra = additional_images(sizes, curve, means(arm, scale))
            rows.append(_row(study, arm.name, synthetic, sizes, curve, extra, real))
    return pd.DataFrame(rows, columns=COLUMNS)


def identifiable(study: Study, count: int) -> str:
    """Say, before a study runs, which numbers of real images it can identify.

    Args:
        study: The study.
        count: Its real training images.

    Returns:
        One line; "" where no arm adds synthetic images.
    """
    if not any(arm.tested for arm in study.parsed_arms()):
        return ""
    ratios = [arm.oracle for arm in real_only(study)]
    if len(ratios) < 2:
        return (
            "Equivalent number of real images: not identifiable; it needs an arm such as "
            "real+oracle@1.0, and images.fraction below 1"
        )
    most = round(count * max(ratios))
    return (
        f"Equivalent number of real images: between 0 and {most} additional ones (learning curve "
        f"from {count} to {count + most}), if more real images measurably improve "
        f"{metrics.title(study.primary_metric)}; otherwise not identifiable"
    )


def real_only(study: Study) -> list[Arm]:
    """The arms of the learning curve: real images alone, fewest first.

    Args:
        study: The study.

    Returns:
        The arm `real` and those that are `real+oracle@RATIO`.
    """
    arms = [arm for arm in study.parsed_arms() if arm == Arm(arm.name, True, oracle=arm.oracle)]
    return sorted(arms, key=lambda arm: arm.oracle)


def _row(
    study: Study,
    arm: str,
    synthetic: int,
    sizes: np.ndarray,
    curve: np.ndarray,
    extra: np.ndarray,
    real: str,
) -> dict:
    tail = (1 - study.confidence) / 2
    row = {"arm": arm, "synthetic": synthetic, "extra": extra[0]}
    defined = np.isfinite(curve).all(axis=1) & ~np.isnan(extra)
    rising = (curve[1:, -1] > curve[1:, 0])[defined[1:]].mean()
    reason = ""
    if defined.mean() < statistics.MIN_DEFINED_FRACTION or rising < 1 - tail:
        title = metrics.title(study.primary_metric)
        reason = f"more {real} images did not measurably improve {title}"
    if len(study.seeds) == 1:
        reason = "with one seed the variance between seeds is unknown"
    if reason:
        text = f"Not identifiable for {arm}: {reason}."
        unknown = {"extra": np.nan, "low": np.nan, "high": np.nan, "informative": False}
        return row | unknown | {"text": text}
    single_generator = len(study.generator.seeds) == 1
    left_out = "; variance between generators is not included" if single_generator else ""
    low, high = np.quantile(extra[1:][defined[1:]], [tail, 1 - tail], method="nearest")
    most = f"more than {int(sizes[-1] - sizes[0])}"
    lower, upper = (_bound(x, most) for x in (low, high))
    point = {
        -np.inf: f"did worse than no additional {real} images at all",
        0.0: f"were worth no additional {real} images",
    }.get(extra[0], f"were worth {_bound(extra[0], most)} additional {real} images")
    informative = bool(low > 0 or high < np.inf)
    excluded = "" if informative else " This interval excludes nothing."
    return row | {
        "low": low,
        "high": high,
        "informative": informative,
        "text": f"{synthetic} synthetic images ({arm}) {point} in "
        f"{metrics.title(study.primary_metric)} ({100 * study.confidence:.4g} % interval {lower} "
        f"to {upper}; learning curve from {sizes[0]} to {sizes[-1]} {real} images)"
        f"{left_out}.{excluded}",
    }


def _bound(number: float, most: str) -> str:
    """A number of additional images in words."""
    words = {-np.inf: "fewer than 0 (worse than none)", np.inf: most}
    return words.get(number, f"{number:.0f}")
