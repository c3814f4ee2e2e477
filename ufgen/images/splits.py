"""Splits: checks against leaks, hold-out sets and folds of whole groups."""

import itertools
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from ufgen.errors import UserError
from ufgen.images import positive_class
from ufgen.images.image_set import UNNAMED, ImageSet
from ufgen.images.manifest import ALL_SPLITS, SPLITS

DRAWS = 50
HALF_A_GROUP, ONE_GROUP = 0.5, 1.0
MAX_NAMED = 5
LEAK_COLUMNS = {"sha256": "image", "group": "group"}


def check_real(images: ImageSet, role: str) -> None:
    """Check that no image is synthetic.

    Args:
        images: The images to check.
        role: What the images are for, in the message: "training" or "test".

    Raises:
        UserError: Where some images are synthetic.
    """
    synthetic = images.table["path"][images.table["source"] == "synthetic"]
    if len(synthetic):
        raise UserError(
            f"{len(synthetic)} of the {len(images)} {role} images are synthetic: "
            f"{_some(synthetic)}. Expected real ones (or phantom): take the rows whose source is "
            "synthetic out of the manifest; `ufgen experiment` adds synthetic images to a training "
            "set by its arms"
        )


def join_validation(images: ImageSet) -> ImageSet:
    """Let the images of the split validation be training images.

    Args:
        images: With or without validation images.

    Returns:
        The images, without the split validation.
    """
    split = images.table["split"].replace("validation", "train")
    return replace(images, table=images.table.assign(split=split))


def check_training(images: ImageSet) -> None:
    """Check that there are training images among images with splits.

    Args:
        images: The images to train on; without splits all of them are meant.

    Raises:
        UserError: Where the splits are others than train.
    """
    splits = sorted(set(filter(None, images.table["split"])))
    if splits and "train" not in splits:
        raise UserError(
            f"found the splits {', '.join(splits)}: expected train among them, whose images are "
            "trained on. Write train in the manifest's column split, or leave all of it empty"
        )


def check_splits(images: ImageSet) -> None:
    """Check that train and test can be compared, and that nothing leaks between any splits.

    Args:
        images: The images to check.

    Raises:
        UserError: Where train or test is missing, the splits hold different classes, or a group or
            an image (by the hash of its pixels) is in two of them.
    """
    images.split("train")  # refuses images without a split beside others with one
    splits = set(images.table["split"])
    if not set(SPLITS) <= splits:
        raise UserError(
            f"found the splits {', '.join(sorted(filter(None, splits))) or 'none'}: an "
            "unbiased evaluation needs train and test. `ufgen data split FOLDER --out "
            "manifest.csv` writes a split"
            + (". Or call validation test, if that is what it is" if "validation" in splits else "")
        )
    train = images.split("train")
    for name in ALL_SPLITS[1:]:
        if name in splits:
            positive_class.check_same_classes(train, images.split(name), name)
    check_disjoint(images)


def check_disjoint(images: ImageSet) -> None:
    """Check that no two splits share an image or a group.

    Args:
        images: The images of all splits.

    Raises:
        UserError: Where an image (by the hash of its pixels) or a named group is in two splits.
    """
    parts = {name: images.split(name) for name in ALL_SPLITS}
    for (one, first), (other, second) in itertools.combinations(parts.items(), 2):
        for column, what in LEAK_COLUMNS.items():
            shared = _shared(first.table, second.table, column)
            if len(shared):
                value = shared[column].iloc[0]
                path = first.table["path"][first.table[column] == value].iloc[0]
                raise UserError(
                    f"the same {what} is in {one} and in {other} ({shared[column].nunique()} "
                    f"such): {path} and {shared['path'].iloc[0]}. Remove one side, or make a split "
                    "that keeps groups together with `ufgen data split`"
                )


def check_no_leak(seen: pd.DataFrame, held_out: ImageSet, by: str) -> None:
    """Check that a model was not trained on held-out images or on others of their groups.

    A group that is only the path of an image ("path:...") names no patient, and is not compared.

    Args:
        seen: The images that the model was trained on: the columns path and sha256, and group
            where there are groups.
        held_out: The images that it must not have seen.
        by: What was trained, in the message, such as "this model".

    Raises:
        UserError: Where the model was trained on an image or a named group of the held-out images.
    """
    for column in LEAK_COLUMNS:
        leaked = _shared(seen, held_out.table, column)
        if len(leaked):
            first = leaked[column].iloc[0]
            other = seen["path"][seen[column] == first].iloc[0]
            relation, renamed = "the same image as", ""
            if column == "group":
                relation = "of the same group as"
                renamed = f". If the group {first} is another patient here, give it another name"
            raise UserError(
                f"{by} was trained on {len(leaked)} of the held-out images, or on others of their "
                f"groups: {_some(leaked['path'])}. The first is {relation} {other}, which it was "
                f"trained on. Hold out images of other groups, or train without these{renamed}"
            )


def _shared(seen: pd.DataFrame, held_out: pd.DataFrame, column: str) -> pd.DataFrame:
    """The rows of `held_out` whose pixels ("sha256") or named group are in `seen`."""
    values = set(seen[column]) if column in seen else set()
    named = {value for value in values if value and not value.startswith(UNNAMED)}
    return held_out[held_out[column].isin(named)]


def _some(paths: pd.Series) -> str:
    """The first few paths, in words."""
    return ", ".join(paths.head(MAX_NAMED)) + (" ..." if len(paths) > MAX_NAMED else "")


def hold_out(images: ImageSet, fraction: float, seed: int) -> np.ndarray:
    """Hold out a stratified random sample of whole groups.

    Of each class, `fraction` of the groups are sampled by scikit-learn's ShuffleSplit, repeatedly
    until held-out counts deviate from `fraction` by at most half the mean group size; otherwise the
    nearest of 50 samples is taken. Selection ignores group size and differs between seeds, while
    StratifiedGroupKFold sorts the groups by size, and gives the same folds for every seed where no
    two sizes are equal.

    Args:
        images: The images to split; the order of their rows does not matter.
        fraction: The fraction of the images to hold out, in (0, 1).
        seed: Random seed.

    Returns:
        True for the held-out images: boolean, (N,).

    Raises:
        UserError: Where a class has fewer than two groups, or is on one side only.
    """
    from sklearn.model_selection import ShuffleSplit

    counts = _check_groups(images, 2, "a grouped split needs at least two per class")
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
        for draw, (_, sampled) in enumerate(splitter.split(members)):
            held[draw, 0, members[sampled]] = True
    chosen = _first_near(held, counts, fraction, HALF_A_GROUP)
    return images.table["group"].isin(counts.index[chosen[0]]).to_numpy()


def fold(images: ImageSet, folds: int, number: int, seed: int) -> np.ndarray:
    """Select one of several stratified folds of whole groups.

    The groups are divided by scikit-learn's StratifiedKFold, repeatedly until the images of each
    class in each fold are within one mean group of 1 / `folds`; otherwise the nearest of 50
    divisions is taken (see `hold_out`).

    Args:
        images: The images to split; the order of their rows does not matter.
        folds: How many folds there are.
        number: Which of them to select, from 0 to `folds` - 1.
        seed: Random seed.

    Returns:
        True for the images of the fold: boolean, (N,).

    Raises:
        UserError: Where a class has fewer groups than there are folds, or every division leaves a
            class on one side only.
    """
    counts = _check_groups(images, folds, f"{folds} folds need at least as many")
    divisions = _divisions(_strata(counts), folds, seed)
    chosen = _first_near(divisions, counts, 1 / folds, ONE_GROUP)
    return images.table["group"].isin(counts.index[chosen[number]]).to_numpy()


def _divisions(strata: np.ndarray, folds: int, seed: int) -> Iterator[np.ndarray]:
    """Random divisions of the groups into folds: boolean, (folds, groups)."""
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
    """Count images by group and class; UserError where a class has fewer groups than `fewest`."""
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
    """The class of each group, as a number: of several classes the one in fewest groups."""
    holds = counts.to_numpy() > 0
    return np.where(holds, holds.sum(axis=0), len(counts) + 1).argmin(axis=1)


def _first_near(
    draws: Iterable[np.ndarray], counts: pd.DataFrame, fraction: float, tolerance: float
) -> np.ndarray:
    """The first of the `draws` whose parts all hold about `fraction` of each class and of all.

    A draw is boolean, (parts, groups). A part may deviate by `tolerance` mean groups; if all draws
    deviate more, the nearest is taken. Raises UserError if each leaves a class on one side only.
    """
    sizes = np.column_stack([counts, counts.sum(axis=1)])
    totals = sizes.sum(axis=0)
    mean = totals / (sizes > 0).sum(axis=0)
    nearest: np.ndarray | None = None
    least = np.inf
    for draw in draws:
        held = draw @ sizes
        deviations = np.abs(held - fraction * totals) / mean
        one_sided = ((held == 0) | (held == totals)).any()
        deviation = np.inf if one_sided else deviations.max()
        if deviation < least:
            nearest, least = draw, deviation
        if deviation <= tolerance:
            break
    if nearest is None:
        raise UserError(
            f"holding out {fraction:.0%} leaves a class on one side only (groups by class: "
            f"{', '.join(f'{label} {n}' for label, n in (counts > 0).sum().items())}): "
            "add images or choose another fraction"
        )
    return nearest
