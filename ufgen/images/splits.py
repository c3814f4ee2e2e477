"""Splits: what is held out, and what must never be on both sides."""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from ufgen.errors import UserError
from ufgen.images.image_set import SPLITS, UNNAMED, ImageSet

DRAWS = 50
HALF_A_GROUP, ONE_GROUP = 0.5, 1.0
NAMED = 5
SHARED = {"sha256": "picture", "group": "group"}


def check_two_classes(images: ImageSet) -> None:
    """Raise UserError unless there are exactly two classes, as the classifiers here expect."""
    if len(images.classes) != 2:
        raise UserError(
            f"found {len(images.classes)} class(es): {', '.join(images.classes)}. A classifier of "
            f"{images.positive} against the rest needs exactly two: merge or remove the others"
        )


def check_real(images: ImageSet, role: str) -> None:
    """Raise UserError if any of the images, whose `role` is "training" or "test", is synthetic."""
    synthetic = images.table["path"][images.table["source"] == "synthetic"]
    if len(synthetic):
        raise UserError(
            f"{len(synthetic)} of the {len(images)} {role} images are synthetic: "
            f"{_some(synthetic)}. Expected real ones (or phantom): take the rows whose source is "
            "synthetic out of the manifest; `ufgen experiment` adds synthetic images to a training "
            "set by its arms"
        )


def check_splits(images: ImageSet) -> None:
    """Raise UserError for whatever makes a train/test comparison meaningless or leaky.

    Checked: both splits are there; both hold the same classes; no group, and no picture (by the
    hash of its pixels), is on both sides.
    """
    train, test = images.split("train"), images.split("test")
    splits = set(images.table["split"])
    if not set(SPLITS) <= splits:
        raise UserError(
            f"found the splits {', '.join(sorted(filter(None, splits))) or 'none'}: a fair answer "
            "needs train and test. `ufgen data split FOLDER --out manifest.csv` writes a split"
        )
    if train.classes != test.classes:
        odd = sorted(set(train.classes) ^ set(test.classes))[0]
        where = "train" if odd in train.classes else "test"
        example = images.table[images.table["label"] == odd].iloc[0]
        raise UserError(
            f"the class {odd} has images in {where} only (such as {example['path']}): "
            "train and test must hold the same classes"
        )
    check_disjoint(train, test)


def check_disjoint(train: ImageSet, test: ImageSet) -> None:
    """Raise UserError if a picture or a group of the `train` images is among the `test` images."""
    for column, what in SHARED.items():
        both = _shared(train.table, test.table, column)
        if len(both):
            value = both[column].iloc[0]
            seen = train.table["path"][train.table[column] == value].iloc[0]
            raise UserError(
                f"the same {what} is in train and in test ({both[column].nunique()} such): {seen} "
                f"and {both['path'].iloc[0]}. Remove one side, or make a split that keeps groups "
                "together with `ufgen data split`"
            )


def check_no_leak(seen: pd.DataFrame, held_out: ImageSet, by: str) -> None:
    """Raise UserError if `seen` holds a picture or a group of the images `held_out`.

    `seen` has the columns path and sha256, and group where it is known. `by` names who saw them,
    such as "this model". A group that is only the path of an image ("path:...") names no patient,
    and is not compared.
    """
    for column, what in SHARED.items():
        leaked = _shared(seen, held_out.table, column)
        if len(leaked):
            first = leaked[column].iloc[0]
            other = seen["path"][seen[column] == first].iloc[0]
            renamed = ""
            if column == "group":
                renamed = f". If the group {first} is another patient here, give it another name"
            raise UserError(
                f"{by} saw {len(leaked)} of the held-out images, or others of their group: "
                f"{_some(leaked['path'])}. The first is of the same {what} as {other}, which it "
                f"saw. Hold out images of other groups, or train without these{renamed}"
            )


def _shared(seen: pd.DataFrame, held_out: pd.DataFrame, column: str) -> pd.DataFrame:
    """The rows of `held_out` whose picture ("sha256") or named group is in `seen`."""
    known = set(seen[column]) if column in seen else set()
    known = {value for value in known if value and not value.startswith(UNNAMED)}
    return held_out[held_out[column].isin(known)]


def _some(paths: pd.Series) -> str:
    return ", ".join(paths.head(NAMED)) + (" ..." if len(paths) > NAMED else "")


def hold_out(images: ImageSet, fraction: float, seed: int) -> np.ndarray:
    """Choose about `fraction` of the images as held out: a boolean mask, shape (N,).

    Groups stay whole, and each class keeps its share. Of each class, `fraction` of the groups are
    drawn by scikit-learn's ShuffleSplit, again and again until the images of each class are within
    half a (mean) group of their share; if they never are, the nearest draw counts. So no patient is
    preferred for its size, and each seed holds out others: StratifiedGroupKFold sorts the groups by
    size, and makes the same division for every seed where no two sizes are equal. The row order of
    `images` does not matter. Raises UserError when a class has fewer than two groups.
    """
    from sklearn.model_selection import ShuffleSplit

    counts = _check_groups(images, 2, "a grouped split needs at least two a class")
    strata = _strata(counts)
    rng = np.random.default_rng(seed)
    held = np.zeros((DRAWS, 1, len(counts)), bool)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        if len(members) == 1:
            held[:, 0, members[0]] = rng.random(DRAWS) < fraction
            continue
        size = int(np.clip(round(fraction * len(members)), 1, len(members) - 1))
        splitter = ShuffleSplit(DRAWS, test_size=size, random_state=int(rng.integers(2**32)))
        for draw, (_, drawn) in enumerate(splitter.split(members)):
            held[draw, 0, members[drawn]] = True
    chosen = _first_near(held, counts, fraction, HALF_A_GROUP)
    return images.table["group"].isin(counts.index[chosen[0]]).to_numpy()


def fold(images: ImageSet, folds: int, number: int, seed: int) -> np.ndarray:
    """The images of fold `number`, 0 .. folds - 1: a boolean mask, shape (N,).

    Groups stay whole, and each class keeps its share: groups are divided by scikit-learn's
    StratifiedKFold, again and again until the images of each class in each fold are within one
    (mean) group of their share; if they never are, the nearest division counts (see `hold_out`).
    The row order of `images` does not matter. Raises UserError when a class has fewer groups than
    folds.
    """
    counts = _check_groups(images, folds, f"{folds} folds need at least as many")
    divisions = _divisions(_strata(counts), folds, seed)
    chosen = _first_near(divisions, counts, 1 / folds, ONE_GROUP)
    return images.table["group"].isin(counts.index[chosen[number]]).to_numpy()


def _divisions(strata: np.ndarray, folds: int, seed: int) -> Iterator[np.ndarray]:
    """Divisions of the groups: boolean, (folds, groups)."""
    from sklearn.model_selection import StratifiedKFold

    rng = np.random.default_rng(seed)
    for _ in range(DRAWS):
        splitter = StratifiedKFold(folds, shuffle=True, random_state=int(rng.integers(2**32)))
        division = np.zeros((folds, len(strata)), bool)
        with warnings.catch_warnings():  # a stratum of mixed groups may be smaller than `folds`
            warnings.simplefilter("ignore", UserWarning)
            for number, (_, held) in enumerate(splitter.split(strata, strata)):
                division[number, held] = True
        yield division


def _check_groups(images: ImageSet, fewest: int, expected: str) -> pd.DataFrame:
    """Images by group and class. Raises UserError where a class has fewer groups than `fewest`."""
    counts = pd.crosstab(images.table["group"], images.table["label"])
    for label in counts.columns:
        groups = int((counts[label] > 0).sum())
        if groups < fewest:
            raise UserError(
                f"the class {label} has {groups} group(s) ({counts[label].sum()} images): "
                f"{expected}"
            )
    return counts


def _strata(counts: pd.DataFrame) -> np.ndarray:
    """The class of each group, as a number: of several in it, the one that fewest groups hold."""
    holds = counts.to_numpy() > 0
    return np.where(holds, holds.sum(axis=0), len(counts) + 1).argmin(axis=1)


def _first_near(
    draws: Iterable[np.ndarray], counts: pd.DataFrame, fraction: float, tolerance: float
) -> np.ndarray:
    """The first of the `draws` whose every part is near its `fraction` of each class and of all.

    A draw is boolean, (parts, groups). Near is within `tolerance` mean groups; if none is, the
    nearest counts. Raises UserError if in each of them a class is on one side only.
    """
    sizes = np.column_stack([counts, counts.sum(axis=1)])
    whole = sizes.sum(axis=0)
    mean = whole / (sizes > 0).sum(axis=0)
    nearest, least = None, np.inf
    for draw in draws:
        held = draw @ sizes
        off = np.abs(held - fraction * whole) / mean
        off = np.inf if ((held == 0) | (held == whole)).any() else off.max()
        if off < least:
            nearest, least = draw, off
        if off <= tolerance:
            break
    if nearest is None:
        raise UserError(
            f"holding out {fraction:.0%} leaves a class on one side only (groups by class: "
            f"{', '.join(f'{label} {n}' for label, n in (counts > 0).sum().items())}): "
            "add images or choose another fraction"
        )
    return nearest


def group_ranks(images: ImageSet, seed: int) -> np.ndarray:
    """A number in 0..1 for each image, (N,), the same for the images of a group.

    Those below f hold about the share f of each class's groups; a smaller share is contained in a
    larger. The row order of `images` does not matter. A group counts for its most frequent class.
    """
    counts = pd.crosstab(images.table["group"], images.table["label"])
    order = np.random.default_rng(seed).permutation(len(counts))
    of_class = counts.idxmax(axis=1).iloc[order]
    position = of_class.groupby(of_class).cumcount()
    ranks = position / of_class.map(of_class.value_counts())
    return images.table["group"].map(ranks).to_numpy(float)


def group_same_pictures(images: ImageSet) -> ImageSet:
    """Join the groups that hold the same picture (by hash), so that no split can part them."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    groups, group = np.unique(images.table["group"], return_inverse=True)
    hashes, sha256 = np.unique(images.table["sha256"], return_inverse=True)
    nodes = len(groups) + len(hashes)
    links = coo_array((np.ones(len(images)), (group, len(groups) + sha256)), shape=(nodes, nodes))
    _, component = connected_components(links, directed=False)
    names = pd.Series(groups).groupby(component[: len(groups)]).transform("first")
    return replace(images, table=images.table.assign(group=names.to_numpy()[group]))
