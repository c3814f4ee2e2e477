"""Filters of synthetic images, each of which records why it drops an image.

A filter returns a table with a row for each image: keep (bool), score, limit, reason ("" if kept).
"""

import numpy as np
import pandas as pd

from ufgen.errors import UserError
from ufgen.fidelity.distances import squared_distances
from ufgen.fidelity.memorization import CopyReport
from ufgen.fidelity.prdc import NEIGHBOURS, squared_knn_radii

FILTERS = ("agreement", "discriminator", "manifold")


def by_agreement(probability: np.ndarray, threshold: float = 0.5) -> pd.DataFrame:
    """Keep images to whose label a classifier assigns a probability of at least the threshold.

    The classifier must have been trained on the generator's training images alone.

    Args:
        probability: Probability of each image's own label, (N,), 0..1.
        threshold: The least probability that is kept.

    Returns:
        The filter's table.

    Example:
        >>> by_agreement(np.array([0.4, 0.5]))["keep"].tolist()
        [False, True]
    """
    reason = "a classifier of the training images takes it for another class"
    return _table(probability, np.full(len(probability), threshold), reason, above=True)


def by_discriminator(
    scores: np.ndarray, labels: np.ndarray, kept_fraction: float = 0.8
) -> pd.DataFrame:
    """Keep a fraction of each class, with the highest discriminator scores.

    Args:
        scores: Discriminator scores, (N,), higher for more realistic images.
        labels: Labels of the images, (N,).
        kept_fraction: The fraction of each class to keep, 0..1.

    Returns:
        The filter's table.
    """
    limits = np.empty(len(scores))
    for label in np.unique(labels):
        of_class = labels == label
        limits[of_class] = np.quantile(scores[of_class], 1 - kept_fraction)
    return _table(scores, limits, "the discriminator scores it among the lowest", above=True)


def by_manifold(synthetic: np.ndarray, real: np.ndarray, k: int = NEIGHBOURS) -> pd.DataFrame:
    """Keep images inside some training image's ball out to its k-th neighbour, in features.

    The score is the distance to a training image over the radius of its ball, the smallest of
    all: 1 is the edge (precision in Kynkaanniemi et al., NeurIPS 2019).

    Args:
        synthetic: Features of synthetic images, (N, D).
        real: Features of the training images, (M, D).
        k: The neighbour that the ball of a training image reaches out to.

    Returns:
        The filter's table.

    Raises:
        UserError: There are `k` training images or fewer.
    """
    if len(real) <= k:
        raise UserError(f"the filter manifold needs more than {k} training images: {len(real)}")
    radii = squared_knn_radii(real, k)
    scores = np.empty(len(synthetic))
    for rows, squared in squared_distances(synthetic, real):
        scores[rows] = np.sqrt((squared / np.maximum(radii, 1e-12)).min(1))
    reason = "it lies away from all training images"
    return _table(scores, np.ones(len(scores)), reason, above=False)


def by_copies(copies: CopyReport) -> pd.DataFrame:
    """Keep images that are not copies of a training image.

    Args:
        copies: The copy test of the images.

    Returns:
        The filter's table, with the correlation as the score.
    """
    correlation = copies.table["correlation"].to_numpy()
    limits = np.full(len(correlation), copies.threshold)
    return _table(correlation, limits, "it is a copy of a training image", above=False)


def apply(tables: dict[str, pd.DataFrame], labels: np.ndarray) -> tuple[np.ndarray, pd.DataFrame]:
    """Combine filters: an image must pass all of them.

    Args:
        tables: The table of each filter, by its name, with N rows.
        labels: Labels of the images, (N,).

    Returns:
        Which images pass, bool (N,), and a row for each filter that drops an image: row, filter,
        score, limit, reason.

    Raises:
        UserError: The filters leave no image of some class.
    """
    keep = np.ones(len(labels), bool)
    dropped = []
    for name, table in tables.items():
        keep &= table["keep"].to_numpy()
        failed = table[~table["keep"]]
        dropped.append(failed.assign(row=failed.index, filter=name).drop(columns="keep"))
        for label in np.unique(labels):
            if not keep[labels == label].any():
                raise UserError(
                    f"the filter {name} leaves no image of the class {label}: request more "
                    "images, train the generator longer, or leave the filter out"
                )
    columns = ["row", "filter", "score", "limit", "reason"]
    return keep, pd.concat(dropped)[columns] if dropped else pd.DataFrame(columns=columns)


def _table(score: np.ndarray, limit: np.ndarray, reason: str, above: bool) -> pd.DataFrame:
    keep = score >= limit if above else score <= limit
    return pd.DataFrame(
        {"keep": keep, "score": score, "limit": limit, "reason": np.where(keep, "", reason)}
    )
