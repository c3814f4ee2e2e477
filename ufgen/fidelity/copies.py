"""Is a synthetic image a copy of a training image?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ufgen.fidelity.distances import squared_distances

SIDE = 32
SHIFTS = 2
LEAST_CORRELATION = 0.9
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
    """

    table: pd.DataFrame
    threshold: float
    rate: float
    low: float
    high: float
    tests: pd.DataFrame
    against: str

    @property
    def copying(self) -> bool:
        """More copies than chance, or an image closer than unseen ones beyond doubt, in pixels."""
        return self.low > 1 - CONFIDENCE or bool(self.tests.loc["pixels", "p"] < SIGNIFICANT)

    def verdict(self) -> str:
        """One sentence."""
        word = "copying" if self.copying else "no sign of copying"
        p = ", ".join(f"{name} p = {row['p']:.2g}" for name, row in self.tests.iterrows())
        return (
            f"{word}: {int(self.table['copy'].sum())} of {len(self.table)} synthetic images are "
            f"copies ({self.rate:.1%}, 95 % interval {self.low:.1%} to {self.high:.1%}); "
            f"closer to training images than {self.against}: {p}"
        )


def find_copies(
    synthetic: np.ndarray,
    train: np.ndarray,
    held_out: np.ndarray | None = None,
    features: tuple | None = None,
    groups: np.ndarray | None = None,
) -> Copies:
    """Compare each synthetic image with every training image, uint8 (N, H, W, C).

    `held_out` are real images that the generator has not seen; without them each training image
    stands in, compared with those of other `groups` (M,). `features` are those of the three, in
    this order. The threshold of a copy is how close training images of unlike groups come (the 99 %
    quantile), at least 0.9. The test is that of Meehan et al., A non-parametric test to detect
    data-copying in generative models, AISTATS 2020: Mann-Whitney, one-sided.
    """
    groups = np.arange(len(train)) if groups is None else np.unique(groups, return_inverse=True)[1]
    rows, correlation, flipped = nearest_by_correlation(synthetic, train)
    among = nearest_by_correlation(train, train, groups)[1]
    among = among[np.isfinite(among)]
    threshold = max(LEAST_CORRELATION, float(np.quantile(among, 0.99)) if len(among) else 0)
    table = pd.DataFrame({"train_row": rows, "correlation": correlation, "flipped": flipped})
    table["copy"] = table["correlation"] > threshold
    unseen = among if held_out is None else nearest_by_correlation(held_out, train)[1]
    tests = {"pixels": _closer(1 - correlation, 1 - unseen)}
    if features is not None:
        drawn, seen, other = features
        table["feature_row"], table["feature_distance"] = nearest_by_features(drawn, seen)
        if other is None:
            unseen = nearest_by_features(seen, seen, groups)[1]
            unseen = unseen[np.isfinite(unseen)]
        else:
            unseen = nearest_by_features(other, seen)[1]
        tests["features"] = _closer(table["feature_distance"].to_numpy(), unseen)
    low, high = share_interval(int(table["copy"].sum()), len(table))
    against = "training images are to each other" if held_out is None else "unseen real images are"
    rate = float(table["copy"].mean())
    return Copies(table, threshold, rate, low, high, pd.DataFrame(tests).T, against)


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


def share_interval(count: int, total: int) -> tuple[float, float]:
    """The exact 95 % interval of a share (Clopper & Pearson, 1934)."""
    from scipy.stats import binomtest

    found = binomtest(count, total).proportion_ci(CONFIDENCE, "exact")
    return float(found.low), float(found.high)


def _closer(synthetic: np.ndarray, unseen: np.ndarray) -> dict[str, float]:
    from scipy.stats import mannwhitneyu

    if not len(unseen):
        return {"p": float("nan"), "closer": float("nan")}
    found = mannwhitneyu(synthetic, unseen, alternative="less")
    closer = 1 - found.statistic / (len(synthetic) * len(unseen))
    return {"p": float(found.pvalue), "closer": float(closer)}


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
    flat = images.reshape(len(images), -1).astype("float64")
    flat = flat - flat.mean(1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return flat / np.where(length > 1e-9, length, 1)
