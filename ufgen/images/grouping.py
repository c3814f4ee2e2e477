"""Groups, such as patients: read, joined where they share an image, and put in a random order."""

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ufgen.errors import UserError

if TYPE_CHECKING:
    from ufgen.images.image_set import ImageSet

DICOM_TYPES = {".dcm", ".dicom", ".ima"}
DICOM_MARK = slice(128, 132)
MAX_NAMED = 5


def assign_groups(table: pd.DataFrame, pattern: str | None) -> pd.DataFrame:
    """Give images their groups: by a pattern, or as a manifest says, or else as DICOM files say.

    The patients of DICOM files are read only where neither pattern nor manifest names any group:
    two names of one patient would be two groups.

    Args:
        table: The columns path and group.
        pattern: See `groups_by_pattern`; None without one.

    Returns:
        The table with groups; "" where there is none.

    Raises:
        UserError: See `groups_by_pattern`.
    """
    if pattern:
        return table.assign(group=groups_by_pattern(table["path"], pattern))
    if (table["group"] != "").any():
        return table
    dicom = table["path"].map(_is_dicom).to_numpy(bool)
    if not dicom.any():
        return table
    from ufgen.images.dicom import groups

    group = table["group"].astype(object)
    group[dicom] = groups(list(table["path"][dicom]))
    return table.assign(group=group.astype(table["group"].dtype))


def _is_dicom(path: str) -> bool:
    """By the file's type, or where it has none by the mark that DICOM files begin with."""
    suffix = Path(path).suffix.lower()
    if suffix in DICOM_TYPES:
        return True
    if suffix and not suffix[1:].isdecimal():  # a number is the last part of a DICOM identifier
        return False
    try:
        if not Path(path).is_file():  # reading a pipe would never end
            return False
        with Path(path).open("rb") as file:
            return file.read(DICOM_MARK.stop)[DICOM_MARK] == b"DICM"
    except OSError:
        return False


def check_all_grouped(table: pd.DataFrame, pattern: str | None) -> None:
    """Check that all images have a group or none has, synthetic ones aside.

    Args:
        table: The columns path, group ("" where there is none) and source.
        pattern: What the groups were read by; None for a manifest.

    Raises:
        UserError: Where some have a group and others none.
    """
    ungrouped = table["path"][(table["group"] == "") & (table["source"] != "synthetic")]
    grouped = ((table["group"] != "") & (table["source"] != "synthetic")).sum()
    if grouped and len(ungrouped):
        names = ", ".join(Path(path).name for path in ungrouped[:MAX_NAMED])
        why = f"--group-pattern {pattern!r} misses" if pattern else "no group is given for"
        raise UserError(
            f"{why} {len(ungrouped)} of {len(ungrouped) + grouped} images: {names}"
            f"{' ...' if len(ungrouped) > MAX_NAMED else ''}. Expected a group for all or for "
            "none: otherwise a patient may be on both sides of a split. If each of these is a "
            "patient of its own, pass --allow-ungrouped (in a study, images: allow_ungrouped: true)"
        )


def groups_by_pattern(paths: pd.Series, pattern: str) -> list[str]:
    r"""Read the group of each image from its file name.

    Args:
        paths: The paths of the images, (N,).
        pattern: A regular expression; its first capture group (or the whole match) is the image's
            patient group.

    Returns:
        N groups, "" where the pattern does not match.

    Raises:
        UserError: Where the pattern is not a regular expression, or matches no file name.

    Example:
        >>> groups_by_pattern(pd.Series(["/x/p1_0.png", "/x/p1_1.png"]), r"(p\d)_")
        ['p1', 'p1']
    """
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise UserError(
            f"--group-pattern {pattern!r} is not a regular expression: {error}"
        ) from None
    names = [Path(p).name for p in paths]
    matches = [expression.search(name) for name in names]
    if not any(matches):
        raise UserError(
            f"--group-pattern {pattern!r} matches no file name; the first is {names[0]}"
        )
    groups = [(m.group(1) if expression.groups else m.group(0)) if m else "" for m in matches]
    return [group or "" for group in groups]


def group_same_pictures(images: "ImageSet") -> "ImageSet":
    """Join the groups that hold the same image, so that no split can separate them.

    Args:
        images: Images with hashes, as `pixel_store.load` returns them.

    Returns:
        The images; joined groups have the name that comes first in alphabetical order.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    groups, group = np.unique(images.table["group"], return_inverse=True)
    hashes, sha256 = np.unique(images.table["sha256"], return_inverse=True)
    nodes = len(groups) + len(hashes)
    edges = coo_array((np.ones(len(images)), (group, len(groups) + sha256)), shape=(nodes, nodes))
    _, component = connected_components(edges, directed=False)
    names = pd.Series(groups).groupby(component[: len(groups)]).transform("first")
    return replace(images, table=images.table.assign(group=names.to_numpy()[group]))


def group_ranks(images: "ImageSet", seed: int) -> np.ndarray:
    """Rank the groups of each class in random order, for nested subsets of whole groups.

    The images whose rank is below f are about the fraction f of each class's groups; a smaller
    fraction is contained in a larger one. A group counts for its most frequent class.

    Args:
        images: The images to rank; the order of their rows does not matter.
        seed: Random seed.

    Returns:
        A rank in [0, 1) for each image, the same for the images of a group: float64, (N,).
    """
    counts = pd.crosstab(images.table["group"], images.table["label"])
    order = np.random.default_rng(seed).permutation(len(counts))
    of_class = counts.idxmax(axis=1).iloc[order]
    position = of_class.groupby(of_class).cumcount()
    ranks = position / of_class.map(of_class.value_counts())
    return images.table["group"].map(ranks).to_numpy(float)
