"""Filters of synthetic images as recorded choices: which are kept, and why the others are not.

Each filter returns a table with a row for each image: keep (bool), score, limit, reason.
"""

import numpy as np
import pandas as pd

from ufgen.errors import UserError
from ufgen.fidelity.distances import squared_distances
from ufgen.fidelity.memorization import Copies
from ufgen.fidelity.prdc import NEIGHBOURS, radii

FILTERS = ("agreement", "discriminator", "manifold")


def by_agreement(probability: np.ndarray, least: float = 0.5) -> pd.DataFrame:
    """Keep images whose own label gets at least this probability (N,) from a classifier.

    The classifier must have been trained on the generator's training images alone.
    """
    reason = "a classifier of the training images takes it for another class"
    return _table(probability, np.full(len(probability), least), reason, above=True)


def by_discriminator(scores: np.ndarray, labels: np.ndarray, keep: float = 0.8) -> pd.DataFrame:
    """Keep the share `keep` of each class with the highest discriminator scores (N,)."""
    limits = np.empty(len(scores))
    for label in np.unique(labels):
        limits[labels == label] = np.quantile(scores[labels == label], 1 - keep)
    return _table(scores, limits, "the discriminator scores it among the lowest", above=True)


def by_manifold(synthetic: np.ndarray, real: np.ndarray, k: int = NEIGHBOURS) -> pd.DataFrame:
    """Keep images inside some training image's ball out to its k-th neighbour, in features.

    Score 1 is the edge of the nearest ball (precision: Kynkaanniemi et al., NeurIPS 2019). Raises
    UserError for `k` training images or fewer.
    """
    if len(real) <= k:
        raise UserError(f"the filter manifold needs more than {k} training images: {len(real)}")
    radius = radii(real, k)
    nearest = np.empty(len(synthetic))
    for part, squared in squared_distances(synthetic, real):
        nearest[part] = np.sqrt((squared / np.maximum(radius, 1e-12)).min(1))
    reason = "it lies away from all training images"
    return _table(nearest, np.ones(len(nearest)), reason, above=False)


def by_copies(copies: Copies) -> pd.DataFrame:
    """Keep images that are no copies of a training image."""
    correlation = copies.table["correlation"].to_numpy()
    limits = np.full(len(correlation), copies.threshold)
    return _table(correlation, limits, "it is a copy of a training image", above=False)


def apply(tables: dict[str, pd.DataFrame], labels: np.ndarray) -> tuple[np.ndarray, pd.DataFrame]:
    """Which images pass every filter, and a table of the others: row, filter, score, limit, reason.

    Raises UserError if a filter leaves no image of some class.
    """
    keep = np.ones(len(labels), bool)
    dropped = []
    for name, table in tables.items():
        keep &= table["keep"].to_numpy()
        out = table[~table["keep"]]
        dropped.append(out.assign(row=out.index, filter=name).drop(columns="keep"))
        for label in np.unique(labels):
            if not keep[labels == label].any():
                raise UserError(
                    f"the filter {name} leaves no image of the class {label}: draw more images, "
                    "train the generator longer, or leave the filter out"
                )
    columns = ["row", "filter", "score", "limit", "reason"]
    return keep, pd.concat(dropped)[columns] if dropped else pd.DataFrame(columns=columns)


def _table(score: np.ndarray, limit: np.ndarray, reason: str, above: bool) -> pd.DataFrame:
    keep = score >= limit if above else score <= limit
    return pd.DataFrame(
        {"keep": keep, "score": score, "limit": limit, "reason": np.where(keep, "", reason)}
    )
