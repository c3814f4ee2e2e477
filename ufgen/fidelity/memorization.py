"""Is a synthetic image a copy of a training image?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ufgen.fidelity.closeness_test import closer
from ufgen.fidelity.distances import squared_distances

SIDE = 32
SHIFTS = 2
LEAST_CORRELATION = 0.9
DEVIATIONS = 5
LARGEST = 1 - 1e-9
DUPLICATE = 0.99
CONFIDENCE = 0.95
SIGNIFICANT = 0.01


@dataclass(frozen=True)
class Copies:
    """What `find_copies` found.

    `table` has a row for each synthetic image: train_row (the nearest training image), correlation,
    flipped, copy, and feature_row and feature_distance where features were given. An image is a
    copy if it correlates with a training image more than `threshold`. `rate`, `low` and `high` are
    the share of copies with its 95 % interval. `tests` has a row for `pixels` and `features`: p is
    small where synthetic images lie closer to the training images than unseen real ones do, and
    `closer` is the probability that they do (0.5: alike). `against` says which unseen images.
    `duplicates` are near-duplicates among the training images: pairs (row, other) of unlike groups
    and their correlation, which is above the threshold or above 0.99.
    """

    table: pd.DataFrame
    threshold: float
    rate: float
    low: float
    high: float
    tests: pd.DataFrame
    against: str
    duplicates: pd.DataFrame

    @property
    def many(self) -> bool:
        """More copies than chance."""
        return self.low > 1 - CONFIDENCE

    @property
    def copying(self) -> bool:
        """More copies than chance, or images closer than unseen ones beyond doubt, in pixels."""
        return self.many or bool(self.tests.loc["pixels", "p"] < SIGNIFICANT)

    def count(self) -> str:
        """How many of the images are copies."""
        return (
            f"{int(self.table['copy'].sum())} of {len(self.table)} synthetic images are copies "
            f"({self.rate:.1%}, 95 % interval {self.low:.1%} to {self.high:.1%})"
        )

    def verdict(self) -> str:
        """One sentence."""
        word = "copying" if self.copying else "no sign of copying"
        p = ", ".join(f"{name} p = {row['p']:.2g}" for name, row in self.tests.iterrows())
        return f"{word}: {self.count()}; closer to training images than {self.against}: {p}"


def find_copies(
    synthetic: np.ndarray,
    train: np.ndarray,
    held_out: np.ndarray | None = None,
    features: tuple | None = None,
    groups: np.ndarray | None = None,
    labels: tuple | None = None,
) -> Copies:
    """Compare each synthetic image with every training image, uint8 (N, H, W, C).

    `held_out` are real images that the generator has not seen; without them each training image
    stands in, compared with those of other `groups` (M,). `features` and `labels` are those of the
    three, in this order; the tests compare images of one label (`closeness_test`). For the
    threshold of a copy see `copy_threshold`.
    """
    groups = np.arange(len(train)) if groups is None else np.unique(groups, return_inverse=True)[1]
    of_drawn, of_train, of_held_out = labels or _one_class(synthetic, train, held_out)
    rows, correlation, flipped = nearest_by_correlation(synthetic, train)
    others, among, _ = nearest_by_correlation(train, train, groups)
    known = np.isfinite(among)
    threshold = copy_threshold(among[known])
    table = pd.DataFrame({"train_row": rows, "correlation": correlation, "flipped": flipped})
    table["copy"] = table["correlation"] > threshold
    if held_out is None:
        unseen, of_unseen = among[known], of_train[known]
    else:
        unseen, of_unseen = nearest_by_correlation(held_out, train)[1], of_held_out
    tests = {"pixels": closer(1 - correlation, 1 - unseen, of_drawn, of_unseen)}
    if features is not None:
        drawn, seen, other = features
        table["feature_row"], table["feature_distance"] = nearest_by_features(drawn, seen)
        if other is None:
            far = nearest_by_features(seen, seen, groups)[1][known]
        else:
            far = nearest_by_features(other, seen)[1]
        near = table["feature_distance"].to_numpy()
        tests["features"] = closer(near, far, of_drawn, of_unseen)
    low, high = binomial_interval(int(table["copy"].sum()), len(table))
    against = "training images are to each other" if held_out is None else "unseen real images are"
    rate = float(table["copy"].mean())
    tests, duplicates = pd.DataFrame(tests).T, _duplicates(others, among, threshold)
    return Copies(table, threshold, rate, low, high, tests, against, duplicates)


def copy_threshold(among: np.ndarray) -> float:
    """The correlation above which an image is a copy, from how close training images come.

    `among` (N,) is each training image's largest correlation with one of another group. The
    threshold is the 99 % quantile, but at most the median plus 5 standard deviations, both robust
    and after Fisher's z (the median absolute deviation, times 1.4826), so that a few near-duplicate
    training images do not raise it; at least 0.9.
    """
    if not len(among):
        return LEAST_CORRELATION
    z = np.arctanh(np.clip(among, -LARGEST, LARGEST))
    middle = np.median(z)
    robust = np.tanh(middle + DEVIATIONS * 1.4826 * np.median(np.abs(z - middle)))
    return float(max(LEAST_CORRELATION, min(np.quantile(among, 0.99), robust)))


def _duplicates(others: np.ndarray, among: np.ndarray, threshold: float) -> pd.DataFrame:
    """Pairs of training images of unlike groups that are near-duplicates, the closest first."""
    rows = np.flatnonzero(among > min(threshold, DUPLICATE))
    pairs = pd.DataFrame(np.sort(np.stack([rows, others[rows]], 1), 1), columns=["row", "other"])
    pairs["correlation"] = among[rows]
    pairs = pairs.sort_values("correlation", ascending=False, kind="stable")
    return pairs.drop_duplicates(["row", "other"], ignore_index=True)


def _one_class(*parts: np.ndarray | None) -> list[np.ndarray | None]:
    return [None if part is None else np.zeros(len(part), int) for part in parts]


def nearest_by_features(
    images: np.ndarray, train: np.ndarray, groups: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest row of `train` (M, D) to each of `images` (N, D), and its Euclidean distance.

    With `groups` (N,), where both are the same images, those of one group are not compared.
    """
    index, distance = np.empty(len(images), int), np.empty(len(images))
    for part, squared in squared_distances(images, train):
        if groups is not None:
            squared[groups[part, None] == groups] = np.inf
        index[part] = squared.argmin(1)
        distance[part] = np.sqrt(squared.min(1))
    return index, distance


def nearest_by_correlation(
    images: np.ndarray, train: np.ndarray, groups: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The training image that correlates most with each image: (row, correlation, flipped).

    Normalised cross-correlation of grey pixels at 32 px, the largest over the image and its mirror
    and over shifts of the training image by up to two of these pixels. `groups` as above.
    """
    small = _small(images)
    best = np.full(len(images), -np.inf)
    rows, flipped = np.zeros(len(images), int), np.zeros(len(images), bool)
    reach = range(-SHIFTS, SHIFTS + 1)
    inside = slice(SHIFTS, SIDE - SHIFTS)
    pictures = [(_unit(small[:, inside, inside]), False)]
    pictures.append((_unit(small[:, inside, inside][:, :, ::-1]), True))
    moved = _small(train)
    for down in reach:
        for right in reach:
            window = np.roll(moved, (down, right), (1, 2))[:, inside, inside]
            shifted = _unit(window)
            for picture, mirrored in pictures:
                found = picture @ shifted.T
                if groups is not None:
                    found[groups[:, None] == groups] = -np.inf
                nearest = found.argmax(1)
                value = found[np.arange(len(found)), nearest]
                better = value > best
                best[better], rows[better] = value[better], nearest[better]
                flipped[better] = mirrored
    return rows, best, flipped


def binomial_interval(count: int, total: int) -> tuple[float, float]:
    """The exact 95 % interval of a share (Clopper & Pearson, 1934)."""
    from scipy.stats import binomtest

    found = binomtest(count, total).proportion_ci(CONFIDENCE, "exact")
    return float(found.low), float(found.high)


def _small(images: np.ndarray) -> np.ndarray:
    """Grey float (N, 32, 32)."""
    from PIL import Image

    if not len(images):
        return np.empty((0, SIDE, SIDE))
    planes = images.mean(-1).astype("float32")
    size = SIDE, SIDE
    return np.stack([Image.fromarray(p).resize(size, Image.Resampling.BOX) for p in planes])


def _unit(images: np.ndarray) -> np.ndarray:
    """Flat rows with mean 0 and length 1; an even image becomes zeros."""
    flat = images.reshape(len(images), np.prod(images.shape[1:], dtype=int)).astype("float64")
    flat = flat - flat.mean(1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return flat / np.where(length > 1e-9, length, 1)
