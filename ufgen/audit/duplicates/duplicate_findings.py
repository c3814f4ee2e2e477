"""What near-duplicates mean for a study: findings about splits, groups and labels."""

import numpy as np
import pandas as pd

from ufgen.audit.findings import Exhibit, Finding
from ufgen.images.image_set import UNNAMED, ImageSet

SHOWN = 12
CHECKED = (
    "Found by equal pixels, by difference hashes of 256 bits that differ in at most 12 (also of "
    "flipped or turned images), and by laying thumbnails upon each other, whose correlation is "
    "then at least 0.6."
)
GROUPED = "`ufgen data split FOLDER --grouped --out split.csv`"
DROPPED = "`ufgen data split FOLDER --drop LIST --out split.csv`"


def describe(images: ImageSet, pairs: pd.DataFrame) -> pd.DataFrame:
    """Describe pairs by their paths, splits, groups and labels.

    Args:
        images: The images.
        pairs: The columns first, second, kind and similarity, from `near_duplicates.find`.

    Returns:
        One row per pair: path_1, path_2, kind, similarity, and for each of splits, groups and
        labels the one value, or "one | other".
    """
    first, second = (images.table.iloc[pairs[side]] for side in ("first", "second"))
    columns = {"path_1": first["path"].to_numpy(), "path_2": second["path"].to_numpy()}
    columns |= {"kind": pairs["kind"].to_numpy(), "similarity": pairs["similarity"].to_numpy()}
    for name in ("split", "group", "label"):
        one, other = first[name].to_numpy(str), second[name].to_numpy(str)
        both = np.char.add(np.char.add(one, " | "), other)
        columns[f"{name}s"] = np.where(one == other, one, both)
    return pd.DataFrame(columns)


def findings_of(images: ImageSet, pairs: pd.DataFrame) -> list[Finding]:
    """Say what pairs of the same picture mean for a study.

    Args:
        images: The images.
        pairs: The pairs, from `near_duplicates.find`.

    Returns:
        Findings, each only where it concerns some images: exact duplicates, near-duplicates across
        splits, across groups and within groups, and conflicting labels.
    """
    first, second = (images.table.iloc[pairs[side]] for side in ("first", "second"))
    split, group, label = (
        first[name].to_numpy() != second[name].to_numpy() for name in ("split", "group", "label")
    )
    exact = (pairs["kind"] == "exact").to_numpy()
    named = ~images.table["group"].str.startswith(UNNAMED)
    whose = "different patients or groups" if named.any() else "images that no group joins"
    chosen = [
        (
            exact,
            "exact-duplicates",
            "error" if (exact & split).any() else "warning" if (exact & group).any() else "note",
            "{} images have the pixels of another image",
            "An image that is there twice counts twice, and on two sides of a split it is a leak. ",
            DROPPED,
        ),
        (
            split,
            "near-duplicates-across-splits",
            "error",
            "{} images show the same picture on both sides of the split",
            "A classifier is then tested on what it was trained on, and looks better than it is. ",
            GROUPED,
        ),
        (
            group & ~exact,  # equal pixels are kept on one side by every split of ufgen
            "near-duplicates-across-groups",
            "warning" if (images.table["split"] != "").any() else "error",
            f"{{}} images show the same picture as {whose}",
            "A split of groups may then put the same picture on both sides. ",
            GROUPED,
        ),
        (
            ~group & ~split & ~exact,
            "near-duplicates-within-groups",
            "note",
            "{} images are near-duplicates of others of the same group",
            "That is usual for frames of one examination; they tell less than as many patients. ",
            "",
        ),
        (
            label,
            "conflicting-labels",
            "warning",
            "{} images show the same picture with different labels",
            "One of the labels is wrong, or a lesion is not in all parts of its class; an expert "
            "should look at both. ",
            DROPPED,
        ),
    ]
    table = describe(images, pairs)
    return [
        _finding(images, pairs[where], table[where], *told)
        for where, *told in chosen
        if where.any()
    ]


def _finding(
    images: ImageSet,
    pairs: pd.DataFrame,
    table: pd.DataFrame,
    name: str,
    severity: str,
    title: str,
    why: str,
    advice: str,
) -> Finding:
    order = pairs["similarity"].argsort(kind="stable")[::-1]
    table = table.iloc[order].reset_index(drop=True)
    count = int(np.unique(pairs[["first", "second"]]).size)
    return Finding(
        name,
        severity,
        title.format(count),
        count,
        why + CHECKED,
        advice,
        table,
        [_exhibit(row) for row in table.head(SHOWN).to_dict("records")],
    )


def _exhibit(row: dict) -> Exhibit:
    """Two images side by side."""
    facts = [f"{row['kind']}, similarity {row['similarity']:.2f}", row["labels"], row["splits"]]
    return Exhibit([row["path_1"], row["path_2"]], "; ".join(filter(None, facts)))
