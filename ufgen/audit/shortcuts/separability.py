"""How well a few values tell classes apart: a cross-validated AUC, its interval, and by chance.

The model is a ridge regression of the label on indicator and hat functions of the values. It is a
linear smoother: held-out scores are linear in the labels, so that fitting it anew to permuted
labels is one product of matrices, and a test with 2,000 refits takes a second.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

FOLDS = 10
LARGEST = 3_000
"""More images are sampled, by whole groups, about as many of each class."""
RIDGE = 2.0
"""As if each bin held two more images of the mean label."""
FIRST, ALL = 199, 1_999
"""Permutations: all of them only where at most one of the first ones comes near."""
CHUNK = 200
TAIL = 0.025


class Smoother(NamedTuple):
    """The ridge regression of one fold.

    Attributes:
        held: Where the held-out images are.
        test: Their basis: (n, M).
        centre: The mean basis of the others: (M,).
        inverse: Of the penalised covariance of the others: (M, M).
    """

    held: slice
    test: np.ndarray
    centre: np.ndarray
    inverse: np.ndarray


@dataclass(frozen=True)
class Separability:
    """How well values tell a class from the rest.

    Attributes:
        label: The class, of several the one told best.
        auc: Area under the ROC curve of the held-out scores of that class.
        low: Lower bound of its 95 % interval.
        high: Upper bound.
        reference: 95th percentile of the largest area over the classes with permuted labels.
        p: Fraction of permutations whose largest area is at least as large.
        rows: The images that were used, positions in the set: (n,).
        scores: The held-out scores of that class: (n,).
    """

    label: str
    auc: float
    low: float
    high: float
    reference: float
    p: float
    rows: np.ndarray
    scores: np.ndarray


def separability(
    basis: np.ndarray, labels: np.ndarray, groups: np.ndarray, classes: list[str], seed: int = 0
) -> Separability:
    """Measure how well the columns of a basis tell classes apart.

    Folds are random and hold whole groups together. They do not depend on the labels, nor do the
    scores hold an intercept: so the test, which permutes the labels of whole groups and fits anew,
    is exact, and a fold that happens to hold few images of a class does no harm.

    Args:
        basis: Values of each image, from `probe_basis`: (N, M).
        labels: The class of each image, (N,).
        groups: The group of each image, (N,).
        classes: The classes to tell from the rest: one of two, or all of several.
        seed: Random seed of the sample, the folds and the permutations.

    Returns:
        Its area, the interval, and what comes about by chance.
    """
    rng = np.random.default_rng(seed)
    rows = _sample(labels, groups, rng)
    folds = _folds(np.unique(groups[rows], return_inverse=True)[1], rng)
    rows = rows[np.argsort(folds, kind="stable")]
    basis, labels = basis[rows].astype("float64"), labels[rows]
    group = np.unique(groups[rows], return_inverse=True)[1]
    targets = (labels[:, None] == np.array(classes)).astype("float64")
    smoothers = _smoothers(basis, np.sort(folds))
    scores = _held_out(basis, smoothers, targets)
    areas = _areas(targets, scores)
    best = int(areas.argmax())
    chance: list[float] = []
    exchange = _Exchange(targets, group)
    for count in (FIRST, ALL - FIRST):
        for start in range(0, count, CHUNK):
            drawn = [exchange.draw(rng) for _ in range(min(CHUNK, count - start))]
            permuted = np.concatenate(drawn, axis=1)
            of_each = _areas(permuted, _held_out(basis, smoothers, permuted))
            chance += of_each.reshape(len(drawn), -1).max(axis=1).tolist()
        if (np.array(chance) >= areas[best]).sum() > 1:
            break
    exceeded = int((np.array(chance) >= areas[best] - 1e-9).sum())
    low, high = _interval(targets[:, best], scores[:, best], group)
    return Separability(
        classes[best],
        float(areas[best]),
        low,
        high,
        float(np.quantile(chance, 0.95)),
        (1 + exceeded) / (1 + len(chance)),
        rows,
        scores[:, best],
    )


class _Exchange:
    """Permuted labels: each group is given those of another one.

    Args:
        targets: 0 or 1 for each image and class: (N, C).
        group: The number of each image's group, (N,).
    """

    def __init__(self, targets: np.ndarray, group: np.ndarray) -> None:
        self.targets, self.group = targets, group
        self.order = np.argsort(group, kind="stable")
        self.sizes = np.bincount(group)
        self.starts = np.cumsum(self.sizes) - self.sizes

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Draw permuted labels.

        Args:
            rng: The source of randomness.

        Returns:
            0 or 1: (N, C). An image takes the label of a random image of the group that its own
            group was given; in groups of one image each this permutes the labels.
        """
        given = rng.permutation(len(self.sizes))[self.group]
        member = (rng.random(len(given)) * self.sizes[given]).astype(int)
        return self.targets[self.order[self.starts[given] + member]]


def _sample(labels: np.ndarray, groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Positions of at most about `LARGEST` images, in whole groups."""
    if len(labels) <= LARGEST:
        return np.arange(len(labels))
    names = np.unique(labels)
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    chosen = np.zeros(len(sizes), bool)
    for name in names:
        of_class = rng.permutation(np.unique(group[labels == name]))
        within = np.cumsum(sizes[of_class]) <= LARGEST / len(names)
        chosen[of_class[within]] = True
    return np.flatnonzero(chosen[group])


def _folds(group: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The fold of each image: whole groups, in random order, in folds of about equal size."""
    sizes = np.bincount(group)
    order = rng.permutation(len(sizes))
    middle = np.cumsum(sizes[order]) - sizes[order] / 2
    fold = np.empty(len(sizes), int)
    fold[order] = (middle / len(group) * min(FOLDS, len(sizes))).astype(int)
    return fold[group]


def _smoothers(basis: np.ndarray, folds: np.ndarray) -> list[Smoother]:
    """The ridge regression of each fold, whose images follow each other."""
    total, smoothers = basis.T @ basis, []
    for fold in range(folds[-1] + 1):
        held = slice(*np.searchsorted(folds, [fold, fold + 1]))
        test, count = basis[held], len(basis) - (held.stop - held.start)
        centre = (basis.sum(axis=0) - test.sum(axis=0)) / max(count, 1)
        within = total - test.T @ test - count * np.outer(centre, centre)
        inverse = np.linalg.inv(within + RIDGE * np.eye(len(within)))
        smoothers.append(Smoother(held, test, centre, inverse))
    return smoothers


def _held_out(basis: np.ndarray, smoothers: list[Smoother], targets: np.ndarray) -> np.ndarray:
    """Held-out scores for each column of labels, equal ones without rounding errors: (N, C)."""
    scores = np.empty(targets.shape)
    products, sums = basis.T @ targets, targets.sum(axis=0)
    for held, test, centre, inverse in smoothers:
        labels = targets[held]
        of_train = products - test.T @ labels - np.outer(centre, sums - labels.sum(axis=0))
        scores[held] = (test - centre) @ (inverse @ of_train)
    return np.round(scores, 9)


def _areas(targets: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Area under the ROC curve of each column; 0.5 where a class is missing."""
    from scipy.stats import rankdata

    positives = targets.sum(axis=0)
    negatives = len(targets) - positives
    wins = (rankdata(scores, axis=0) * targets).sum(axis=0) - positives * (positives + 1) / 2
    pairs = positives * negatives
    return np.where(pairs > 0, wins / np.maximum(pairs, 1), 0.5)


def _interval(target: np.ndarray, scores: np.ndarray, group: np.ndarray) -> tuple[float, float]:
    """95 % interval of an area, by DeLong's components summed over groups.

    Obuchowski, Biometrics 1997; symmetric on the logit scale, with Student's quantiles.
    """
    from scipy.stats import rankdata, t

    positive = target == 1
    count = {True: int(positive.sum()), False: int((~positive).sum())}
    fewest = min(len(np.unique(group[positive == side])) for side in (True, False))
    if fewest < 2:
        return float("nan"), float("nan")
    ranks = rankdata(scores)
    component = np.empty(len(scores))
    component[positive] = (ranks - _ranks_within(scores, positive))[positive] / count[False]
    component[~positive] = 1 - (ranks - _ranks_within(scores, ~positive))[~positive] / count[True]
    area = component[positive].mean()
    if area in (0.0, 1.0):
        limit = TAIL ** (1 / fewest)
        return (limit, 1.0) if area else (0.0, 1 - limit)
    influence = (component - area) / np.where(positive, count[True], count[False])
    of_group = np.bincount(group, influence)
    error = np.sqrt(len(of_group) / (len(of_group) - 1) * np.square(of_group).sum())
    spread = t.ppf(1 - TAIL, fewest - 1) * error / (area * (1 - area))
    bounds = np.log(area / (1 - area)) + np.array([-spread, spread])
    low, high = 1 / (1 + np.exp(-np.clip(bounds, -700, 700)))
    return float(low), float(high)


def _ranks_within(scores: np.ndarray, side: np.ndarray) -> np.ndarray:
    from scipy.stats import rankdata

    ranks = np.zeros(len(scores))
    ranks[side] = rankdata(scores[side])
    return ranks
