"""Exact and large-sample confidence intervals, also of grouped images: pure functions.

Images of one group (patient) are correlated: the number of groups limits the precision. Standard
errors are taken over groups, and quantiles are Student's. Their degrees of freedom are Kish's
effective number of groups (of ungrouped images, their number) less one: that of the class in which
it is smaller, or, for a proportion, that of the images in its denominator. Where no interval can be
justified, it is (NaN, NaN).
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import beta, norm, rankdata, t

Interval = tuple[float, float]
UNDEFINED: Interval = (float("nan"), float("nan"))
MIN_ERROR = 1e-9
"""Smaller standard errors are rounding errors of values that do not vary."""


def clopper_pearson(
    successes: ArrayLike, trials: ArrayLike, confidence: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Exact interval of a proportion of independent trials (Clopper & Pearson, Biometrika 1934).

    Args:
        successes: A number or an array.
        trials: A number or an array of the same shape; 0 gives the interval 0 to 1.
        confidence: Coverage, in 0..1.

    Returns:
        Lower and upper bounds.

    Example:
        >>> [round(float(bound), 3) for bound in clopper_pearson(9, 10)]
        [0.555, 0.997]
    """
    successes, trials = np.asarray(successes, "float64"), np.asarray(trials, "float64")
    tail, misses = (1 - confidence) / 2, trials - successes
    with np.errstate(invalid="ignore"):
        low = np.where(successes > 0, beta.ppf(tail, successes, misses + 1), 0.0)
        high = np.where(misses > 0, beta.ppf(1 - tail, successes + 1, misses), 1.0)
    return low[()], high[()]


def delong(labels: ArrayLike, scores: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Areas under the ROC curves of K models on the same independent images, and their covariance.

    DeLong et al., Biometrics 1988, by mid-ranks (Sun & Xu, IEEE SPL 2014).

    Args:
        labels: 0 or 1, (N,).
        scores: Of each model, (K, N), or (N,) of one.

    Returns:
        Areas (K,) and covariance (K, K); NaN with fewer than two images of a class.
    """
    labels, scores = np.asarray(labels), np.atleast_2d(np.asarray(scores, "float64"))
    positive, negative = scores[:, labels == 1], scores[:, labels == 0]
    p, n = positive.shape[1], negative.shape[1]
    if min(p, n) < 2:
        return np.full(len(scores), np.nan), np.full((len(scores), len(scores)), np.nan)
    ranks = rankdata(np.concatenate([positive, negative], axis=1), axis=1)
    of_positives = (ranks[:, :p] - rankdata(positive, axis=1)) / n
    of_negatives = 1 - (ranks[:, p:] - rankdata(negative, axis=1)) / p
    covariance = np.cov(of_positives) / p + np.cov(of_negatives) / n
    return of_positives.mean(axis=1), np.atleast_2d(covariance)


def delong_interval(labels: ArrayLike, scores: ArrayLike, confidence: float = 0.95) -> Interval:
    """Interval of the area under the ROC curve of independent images.

    Symmetric on the logit scale (`logit_interval`), with the number of images of the smaller class
    less one as degrees of freedom; where the classes are perfectly separated, `separated_interval`.

    Args:
        labels: 0 or 1, (N,).
        scores: Of the positive class, (N,).
        confidence: Coverage, in 0..1.

    Returns:
        Bounds within 0..1.
    """
    labels = np.asarray(labels)
    (area,), covariance = delong(labels, scores)
    fewest = min(int((labels == 1).sum()), int((labels == 0).sum()))
    if area in (0, 1):
        return separated_interval(area, fewest, confidence)
    return logit_interval(area, np.sqrt(covariance[0, 0]), fewest - 1, confidence)


def grouped_area_interval(
    labels: ArrayLike, scores: ArrayLike, groups: ArrayLike, confidence: float = 0.95
) -> Interval:
    """Interval of the area under the ROC curve between images of different groups.

    Only pairs of a positive and a negative image from different groups count: pairs within a group
    are easier or harder than those of new patients. The standard error is that of the
    leave-one-group-out jackknife (Efron & Stein, Annals of Statistics 1981); the degrees of freedom
    are the smaller of both classes' `effective_groups` less one.

    Args:
        labels: 0 or 1, (N,).
        scores: Of the positive class, (N,).
        groups: The group of each image, (N,).
        confidence: Coverage, in 0..1.

    Returns:
        Bounds within 0..1; undefined with fewer than two groups of a class.
    """
    labels, groups = np.asarray(labels), np.asarray(groups)
    wins, pairs = _between_groups(labels, np.asarray(scores, "float64"), groups)
    count, total = len(pairs), pairs.sum()
    fewest = min((pairs.sum(axis=axis) > 0).sum() for axis in (0, 1))
    if fewest < 2:
        return UNDEFINED
    area = wins.sum() / total
    if area in (0, 1):
        return separated_interval(area, min(fewest, count // 2), confidence)
    left = total - pairs.sum(axis=0) - pairs.sum(axis=1)
    if not (left > 0).all():
        return UNDEFINED
    without = (wins.sum() - wins.sum(axis=0) - wins.sum(axis=1)) / left
    error = np.sqrt((count - 1) / count * np.square(without - without.mean()).sum())
    df = min(effective_groups(groups[labels == label]) for label in (0, 1)) - 1
    return logit_interval(area, error, df, confidence)


def _between_groups(
    labels: np.ndarray, scores: np.ndarray, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Wins of positive images of group g against negative ones of group h, and numbers of pairs.

    Both (G, G), without pairs within a group; ties count half.
    """
    names, members = np.unique(groups, return_inverse=True)
    of_positives, positives = members[labels == 1], scores[labels == 1]
    wins = np.zeros((len(names), len(names)))
    for group in range(len(names)):
        negatives = np.sort(scores[(labels == 0) & (members == group)])
        below = sum(np.searchsorted(negatives, positives, side) for side in ("left", "right")) / 2
        wins[:, group] = np.bincount(of_positives, below, len(names))
    counts = [np.bincount(members[labels == label], minlength=len(names)) for label in (1, 0)]
    pairs = np.outer(*counts).astype("float64")
    np.fill_diagonal(pairs, 0)
    np.fill_diagonal(wins, 0)
    return wins, pairs


def separated_interval(area: float, pairs: int, confidence: float = 0.95) -> Interval:
    """Interval of the area under the ROC curve where the classes are perfectly separated.

    Each of `pairs` disjoint pairs of a positive and a negative image is in order with a probability
    that equals the area, so that all are with probability area ** pairs at most: the exact interval
    of a proportion is conservative.

    Args:
        area: 1 if every positive image scores above every negative one, 0 if below.
        pairs: Number of disjoint pairs.
        confidence: Coverage, in 0..1.

    Returns:
        Bounds within 0..1; undefined without a pair.
    """
    if pairs < 1:
        return UNDEFINED
    return _exact(area * pairs, pairs, confidence)


def grouped_proportion_interval(
    hits: ArrayLike, groups: ArrayLike, confidence: float = 0.95
) -> Interval:
    """Interval of a proportion of grouped images.

    Clopper and Pearson's for the effective sample size: N over the design effect, reduced as
    Student's quantile for few groups exceeds the normal one (Korn & Graubard, Survey Methodology
    1998). Where all hits are equal the design effect is unknown, and each group counts as one
    image. Where every group holds one image, the interval is exact.

    Args:
        hits: 0 or 1, (N,).
        groups: The group of each image, (N,).
        confidence: Coverage, in 0..1.

    Returns:
        Bounds within 0..1; undefined with a single group of several images.
    """
    hits = np.asarray(hits, "float64")
    count = len(hits)
    _, members, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(sizes) == count:
        return _exact(hits.sum(), count, confidence)
    proportion, effective = hits.mean(), float(len(sizes))
    if len(sizes) < 2:
        return UNDEFINED
    if 0 < proportion < 1:
        residuals = np.bincount(members, hits - proportion) / count
        variance = len(sizes) / (len(sizes) - 1) * np.square(residuals).sum()
        effective = proportion * (1 - proportion) / variance if variance > 0 else float(count)
        tail, df = (1 + confidence) / 2, effective_groups(groups) - 1
        effective *= np.square(norm.ppf(tail) / t.ppf(tail, df))
        effective = min(effective, float(count))
    return _exact(proportion * effective, effective, confidence)


def _exact(successes: float, trials: float, confidence: float) -> Interval:
    low, high = clopper_pearson(successes, trials, confidence)
    return float(low), float(high)


def mean_of_two_interval(
    values: tuple[float, float], first: Interval, second: Interval
) -> Interval:
    """Interval of the mean of two values from an interval of each (MOVER).

    The distances of the bounds from the values are added in quadrature, for independent values (Zou
    & Donner, Statistics in Medicine 2008). Sensitivity and specificity at a fixed threshold come
    from disjoint images: they are independent where images are ungrouped, and where they are
    negatively correlated within patients the interval is conservative.

    Args:
        values: The two values.
        first: Interval of the first value.
        second: Interval of the second value.

    Returns:
        Bounds of the mean.
    """
    value = sum(values) / 2
    low, high = (np.hypot(first[end] - values[0], second[end] - values[1]) for end in (0, 1))
    return float(value - low / 2), float(value + high / 2)


def effective_groups(groups: ArrayLike) -> float:
    """Kish's effective number of groups: N ** 2 / sum of sizes ** 2.

    Args:
        groups: The group of each image, (N,).

    Returns:
        The number of equally large groups with the same variance of a mean; 0 without images.

    Example:
        >>> effective_groups(["a", "a", "b", "b"])
        2.0
    """
    sizes = np.unique(groups, return_counts=True)[1]
    return float(sizes.sum() ** 2 / np.square(sizes).sum()) if len(sizes) else 0.0


def logit_interval(value: float, error: float, df: float, confidence: float = 0.95) -> Interval:
    """Interval of a value in 0..1, symmetric on the logit scale, by Student's quantile.

    Args:
        value: The estimate.
        error: Its standard error.
        df: Degrees of freedom.
        confidence: Coverage, in 0..1.

    Returns:
        Bounds within 0..1; undefined at 0, at 1, and without an error or degrees of freedom.
    """
    if not 0 < value < 1 or not error > MIN_ERROR or not df > 0:
        return UNDEFINED
    half = t.ppf((1 + confidence) / 2, df) * error / (value * (1 - value))
    middle = np.log(value / (1 - value))
    low, high = (float(1 / (1 + np.exp(-bound))) for bound in (middle - half, middle + half))
    return low, high


def group_weights(groups: ArrayLike, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """Weights of a bootstrap over groups (cluster bootstrap, Field & Welsh 2007).

    Args:
        groups: The group of each image, (N,).
        replicates: Number of bootstrap replicates B.
        rng: Samples the groups with replacement.

    Returns:
        How often each image's group is sampled in each replicate, float64 (B, N).
    """
    names, members = np.unique(groups, return_inverse=True)
    counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=replicates)
    return counts[:, members].astype("float64")
