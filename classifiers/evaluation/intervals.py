"""Exact and large-sample intervals, also of images that come in groups: pure functions.

Images of one group (patient) are alike: what counts is how many groups there are. Standard errors
are taken over groups, and quantiles are Student's, with one degree of freedom less than there are
groups of the rarer class. Without an interval that can be defended the answer is (NaN, NaN).
"""

import numpy as np
from scipy.stats import beta, norm, rankdata, t

UNDEFINED = (float("nan"), float("nan"))
LEAST_ERROR = 1e-9
"""Standard errors below are rounding of values that do not vary."""


def clopper_pearson(successes, trials, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Exact interval of a proportion (Clopper & Pearson, Biometrika 1934), for independent images.

    `successes` and `trials` are numbers or arrays of them; without trials it is 0 to 1.
    """
    successes, trials = np.asarray(successes, "float64"), np.asarray(trials, "float64")
    tail, misses = (1 - confidence) / 2, trials - successes
    with np.errstate(invalid="ignore"):
        low = np.where(successes > 0, beta.ppf(tail, successes, misses + 1), 0.0)
        high = np.where(misses > 0, beta.ppf(1 - tail, successes + 1, misses), 1.0)
    return low[()], high[()]


def delong(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Areas under the ROC curves of K models on the same images, and their covariance.

    `labels` (N,) of 0 and 1, `scores` (K, N): areas (K,) and covariance (K, K), for independent
    images. DeLong et al., Biometrics 1988, by mid-ranks (Sun & Xu, IEEE SPL 2014). Undefined (NaN)
    with fewer than two images of a class.
    """
    labels, scores = np.asarray(labels), np.atleast_2d(np.asarray(scores, "float64"))
    positive, negative = scores[:, labels == 1], scores[:, labels == 0]
    p, n = positive.shape[1], negative.shape[1]
    if min(p, n) < 2:
        return np.full(len(scores), np.nan), np.full((len(scores), len(scores)), np.nan)
    together = rankdata(np.concatenate([positive, negative], axis=1), axis=1)
    of_positives = (together[:, :p] - rankdata(positive, axis=1)) / n
    of_negatives = 1 - (together[:, p:] - rankdata(negative, axis=1)) / p
    covariance = np.cov(of_positives) / p + np.cov(of_negatives) / n
    return of_positives.mean(axis=1), np.atleast_2d(covariance)


def delong_interval(
    labels: np.ndarray, scores: np.ndarray, confidence: float = 0.95
) -> tuple[float, float]:
    """Interval of one area under the ROC curve of independent images, within 0..1.

    Symmetric on the logit scale, by Student's quantile (`logit_interval`) with the images of the
    rarer class less one as degrees of freedom. Of perfect separation: `separated_interval`.
    """
    labels = np.asarray(labels)
    (area,), covariance = delong(labels, scores)
    fewest = min(int((labels == 1).sum()), int((labels == 0).sum()))
    if area in (0, 1):
        return separated_interval(area, fewest, confidence)
    return logit_interval(area, np.sqrt(covariance[0, 0]), fewest - 1, confidence)


def grouped_area_interval(
    labels: np.ndarray, scores: np.ndarray, groups: np.ndarray, confidence: float = 0.95
) -> tuple[float, float]:
    """Interval of the area under the ROC curve between images of different groups (N,).

    The area counts pairs of a positive and a negative image from two groups alone, as pairs within
    one are easier or harder than those of new patients. Its standard error is the jackknife's that
    leaves out one group at a time (Efron & Stein, Annals of Statistics 1981); the degrees of
    freedom are the `effective_groups` of the rarer class less one.
    """
    labels = np.asarray(labels)
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
    groups = np.asarray(groups)
    df = min(effective_groups(groups[labels == label]) for label in (0, 1)) - 1
    return logit_interval(area, error, df, confidence)


def _between_groups(labels, scores, groups) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of a positive image of group g and a negative one of h, and how many of them the
    positive wins (ties count half): both (G, G), without pairs within a group.
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


def separated_interval(area: float, pairs: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval where every positive image scores above every negative one (`area` 1), or below (0).

    Among `pairs` disjoint pairs of a positive and a negative, each is in order with the probability
    that the area is, so that all are no more often than area ** pairs: the exact interval of a
    proportion holds the area at least as often as it says.
    """
    if pairs < 1:
        return UNDEFINED
    return tuple(float(edge) for edge in clopper_pearson(area * pairs, pairs, confidence))


def grouped_proportion_interval(
    hits: np.ndarray, groups: np.ndarray, confidence: float = 0.95
) -> tuple[float, float]:
    """Interval of the mean of `hits` (N,), each 0 or 1, of images in `groups` (N,).

    Clopper and Pearson's for the effective number of images: N over the design effect, and less as
    Student's quantile for few groups is larger than the normal one (Korn & Graubard, Survey
    Methodology 1998). Of hits that are all alike a design effect is unknown: then each group counts
    as one image. Where every group holds one image, it is exact.
    """
    hits, count = np.asarray(hits, "float64"), len(hits)
    _, members, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(sizes) == count:
        return clopper_pearson(hits.sum(), count, confidence)
    share, effective = hits.mean(), float(len(sizes))
    if len(sizes) < 2:
        return UNDEFINED
    if 0 < share < 1:
        residuals = np.bincount(members, hits - share) / count
        variance = len(sizes) / (len(sizes) - 1) * np.square(residuals).sum()
        effective = share * (1 - share) / variance if variance > 0 else float(count)
        tail, df = (1 + confidence) / 2, effective_groups(groups) - 1
        effective *= np.square(norm.ppf(tail) / t.ppf(tail, df))
        effective = min(effective, float(count))
    return clopper_pearson(share * effective, effective, confidence)


def mean_of_two_interval(
    values: tuple[float, float], first: tuple[float, float], second: tuple[float, float]
) -> tuple[float, float]:
    """Interval of the mean of two values by an interval of each: squared distances are added.

    For independent values (Zou & Donner, Statistics in Medicine 2008); wider than need be where one
    tends to be large when the other is small, as sensitivity and specificity are.
    """
    value = sum(values) / 2
    low, high = (
        np.hypot(*(interval[end] - v for interval, v in zip((first, second), values, strict=True)))
        for end in (0, 1)
    )
    return float(value - low / 2), float(value + high / 2)


def effective_groups(groups: np.ndarray) -> float:
    """The number of equally large groups that say as much: N ** 2 / sum of sizes ** 2 (Kish)."""
    sizes = np.unique(groups, return_counts=True)[1]
    return float(sizes.sum() ** 2 / np.square(sizes).sum()) if len(sizes) else 0.0


def logit_interval(
    value: float, error: float, df: float, confidence: float = 0.95
) -> tuple[float, float]:
    """Interval of a value in 0..1 with a standard error, symmetric on the logit scale.

    By Student's quantile with `df` degrees of freedom. At 0, at 1, without an error or without
    degrees of freedom none is defined.
    """
    if not 0 < value < 1 or not error > LEAST_ERROR or not df > 0:
        return UNDEFINED
    half = t.ppf((1 + confidence) / 2, df) * error / (value * (1 - value))
    middle = np.log(value / (1 - value))
    return tuple(float(1 / (1 + np.exp(-edge))) for edge in (middle - half, middle + half))


def group_weights(groups: np.ndarray, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """Bootstrap weights of images whose groups are drawn with replacement: float (B, N).

    `groups` (N,) names each image's group. All images of a group share one weight: the number of
    times that the group was drawn (cluster bootstrap, Field & Welsh 2007).
    """
    names, members = np.unique(groups, return_inverse=True)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=replicates)
    return drawn[:, members].astype("float64")
