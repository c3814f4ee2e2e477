"""Splits: what is held out, and what must never be on both sides."""

from dataclasses import replace

import numpy as np
import pandas as pd

from ufgen.errors import UserError
from ufgen.imageset import SPLITS, ImageSet


def check_two_classes(images: ImageSet) -> None:
    """Raise UserError unless there are exactly two classes, as the classifiers here expect."""
    if len(images.classes) != 2:
        raise UserError(
            f"found {len(images.classes)} class(es): {', '.join(images.classes)}. A classifier of "
            f"{images.positive} against the rest needs exactly two: merge or remove the others"
        )


def check_splits(images: ImageSet) -> None:
    """Raise UserError for whatever makes a train/test comparison meaningless or leaky.

    Checked: both splits are there; both hold the same classes; no group, and no picture (by the
    hash of its pixels), is on both sides.
    """
    splits = set(images.table["split"])
    if not set(SPLITS) <= splits:
        raise UserError(
            f"found the splits {', '.join(sorted(filter(None, splits))) or 'none'}: a fair answer "
            "needs train and test. `ufgen data split FOLDER --out manifest.csv` writes a split"
        )
    train, test = images.split("train"), images.split("test")
    if train.classes != test.classes:
        odd = sorted(set(train.classes) ^ set(test.classes))[0]
        where = "train" if odd in train.classes else "test"
        example = images.table[images.table["label"] == odd].iloc[0]
        raise UserError(
            f"the class {odd} has images in {where} only (such as {example['path']}): "
            "train and test must hold the same classes"
        )
    for column, what in (("sha256", "picture"), ("group", "group")):
        known = test.table[test.table[column] != ""]
        both = sorted(set(train.table[column]) & set(known[column]))
        if both:
            rows = [
                part.table[part.table[column] == both[0]]["path"].iloc[0] for part in (train, test)
            ]
            raise UserError(
                f"the same {what} is in train and in test ({len(both)} such): {rows[0]} and "
                f"{rows[1]}. Remove one side, or make a split that keeps groups together with "
                "`ufgen data split`"
            )


def check_no_leak(seen: pd.DataFrame, held_out: ImageSet, by: str) -> None:
    """Raise UserError if `seen` (columns path, sha256) holds a picture of `held_out`."""
    leaked = held_out.table[held_out.table["sha256"].isin(seen["sha256"])]
    if len(leaked):
        names = ", ".join(leaked["path"].head(5))
        raise UserError(
            f"{by} saw {len(leaked)} of the held-out images: {names}"
            f"{' ...' if len(leaked) > 5 else ''}. Its images cannot be mixed into a study that "
            "tests on these: train the generator on the training split alone"
        )


def hold_out(images: ImageSet, fraction: float, seed: int) -> np.ndarray:
    """Choose about `fraction` of the images as held out: a boolean mask, shape (N,).

    Groups stay whole, and each class keeps its share (greedy assignment of groups in a seeded
    random order, larger groups first). The row order of `images` does not matter. Raises UserError
    when a class has fewer than two groups.
    """
    counts = pd.crosstab(images.table["group"], images.table["label"])
    for label in counts.columns:
        if (counts[label] > 0).sum() < 2:
            raise UserError(
                f"the class {label} has only {(counts[label] > 0).sum()} group(s) "
                f"({counts[label].sum()} images): a grouped split needs at least two a class"
            )
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(counts))
    order = order[np.argsort(-counts.to_numpy()[order].sum(axis=1), kind="stable")]
    want = counts.sum().to_numpy() * fraction
    have, chosen = np.zeros_like(want), []
    for position in order:
        size = counts.iloc[position].to_numpy()
        if np.square(want - have - size).sum() < np.square(want - have).sum():
            have += size
            chosen.append(counts.index[position])
    for label, held in zip(counts.columns, have, strict=True):
        if held == 0 or held == counts[label].sum():
            raise UserError(
                f"holding out {fraction:.0%} leaves the class {label} on one side only "
                f"({counts[label].sum()} images in {(counts[label] > 0).sum()} groups): "
                "add images or choose another fraction"
            )
    return images.table["group"].isin(chosen).to_numpy()


def fold(images: ImageSet, folds: int, number: int, seed: int) -> np.ndarray:
    """The images of fold `number`, 0 .. folds - 1: a boolean mask, shape (N,).

    Groups stay whole, and each class keeps its share (scikit-learn's StratifiedGroupKFold). The
    row order of `images` does not matter. Raises UserError when a class has fewer groups than
    folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    table = images.table
    for label, groups in table.groupby("label")["group"].nunique().items():
        if groups < folds:
            raise UserError(
                f"the class {label} has {groups} groups: {folds} folds need at least as many"
            )
    order = np.lexsort((table["path"], table["sha256"], table["group"]))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    labels, groups = (table[name].to_numpy()[order] for name in ("label", "group"))
    parts = list(splitter.split(order, labels, groups))
    held = np.zeros(len(table), bool)
    held[order[parts[number][1]]] = True
    return held


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
