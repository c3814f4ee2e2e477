"""Exact, large-sample and bootstrap intervals: pure functions."""

import numpy as np
from scipy.stats import beta, norm, rankdata


def clopper_pearson(successes, trials, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Exact interval of a proportion (Clopper & Pearson, Biometrika 1934), for independent images.

    `successes` and `trials` are whole numbers or arrays of them; without trials it is 0 to 1.
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
    """Interval of one area under the ROC curve, symmetric on the logit scale, within 0..1.

    Where the area is 0 or 1, or its variance is 0, no interval is defined (NaN, NaN).
    """
    (area,), covariance = delong(labels, scores)
    error = np.sqrt(covariance[0, 0])
    if not 0 < area < 1 or not error > 0:
        return float("nan"), float("nan")
    middle, half = np.log(area / (1 - area)), norm.ppf((1 + confidence) / 2) * error
    half /= area * (1 - area)
    return tuple(float(1 / (1 + np.exp(-edge))) for edge in (middle - half, middle + half))


def group_weights(groups: np.ndarray, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """Bootstrap weights of images whose groups are drawn with replacement: float (B, N).

    `groups` (N,) names each image's group. All images of a group share one weight: the number of
    times that the group was drawn (cluster bootstrap, Field & Welsh 2007).
    """
    names, members = np.unique(groups, return_inverse=True)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=replicates)
    return drawn[:, members].astype("float64")
