"""The image set: a table with one row per image, which every part of ufgen takes or returns."""

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ufgen.atomic import atomic_file
from ufgen.errors import UserError
from ufgen.images.class_folders import read_class_folders
from ufgen.images.manifest import SOURCES, SPLITS, read_manifest  # noqa: F401

COLUMNS = ["path", "label", "split", "group", "source", "sha256"]
MAX_NAMED = 5
UNNAMED = "path:"  # begins the group of an image that was given none


@dataclass(frozen=True)
class ImageSet:
    """Images of one or more classes, as a table that is never written into.

    A changed image set is a new one: `dataclasses.replace(images, table=images.table.assign(...))`.

    Attributes:
        table: One row per image, all text: `path` (absolute), `label`, `split` ("train", "test",
            or "" where not split yet), `group` (what must never be on both sides of a split, such
            as a patient), `source` ("real", "phantom" or "synthetic"), and `sha256` (of the decoded
            pixels; "" until `pixel_store.load`).
        positive: The positive class; None where no class is positive.
        root: A folder that all images are in; files that are written name them relative to it.
    """

    table: pd.DataFrame
    positive: str | None = None
    root: str = ""

    def __len__(self) -> int:
        return len(self.table)

    @property
    def classes(self) -> list[str]:
        """The different labels, sorted."""
        return sorted(self.table["label"].unique())

    def select(self, mask: np.ndarray) -> "ImageSet":
        """Select images.

        Args:
            mask: Boolean, (N,), or integer positions, whose order is kept.

        Returns:
            The selected images.
        """
        mask = np.asarray(mask)
        rows = self.table[mask] if mask.dtype == bool else self.table.iloc[mask]
        return replace(self, table=rows.reset_index(drop=True))

    def split(self, name: str) -> "ImageSet":
        """Select the images of one split.

        Args:
            name: "train" or "test".

        Returns:
            The images of that split; there may be none.

        Raises:
            UserError: Where some images have a split and others have none.
        """
        empty = self.table["path"][self.table["split"] == ""]
        if 0 < len(empty) < len(self):
            raise UserError(
                f"{len(empty)} of {len(self)} images have no split, such as {empty.iloc[0]}: write "
                "train or test in the manifest's column split, in each row or in none; or split "
                "all images with `ufgen data split`"
            )
        return self.select((self.table["split"] == name).to_numpy())

    def relative(self, table: pd.DataFrame | None = None) -> pd.DataFrame:
        """Make the paths of a table relative to `root`, with slashes.

        Such paths are the same on every machine.

        Args:
            table: A table with paths of these images; by default their own table.

        Returns:
            A copy of the table with relative paths.
        """
        table = self.table if table is None else table
        return table.assign(path=[_relative(path, self.root) for path in table["path"]])

    def targets(self) -> np.ndarray:
        """Encode the labels.

        Returns:
            1 for the positive class and 0 for any other: int64, (N,).
        """
        return (self.table["label"] == self.positive).to_numpy().astype("int64")


def concatenate(parts: list[ImageSet]) -> ImageSet:
    """Concatenate image sets.

    Args:
        parts: The image sets; the first names the positive class and the root.

    Returns:
        All images, in the order of `parts`.
    """
    table = pd.concat([part.table[COLUMNS] for part in parts], ignore_index=True)
    return ImageSet(table, parts[0].positive, parts[0].root)


def scan(
    location: Path | str,
    positive: str | None = None,
    group_pattern: str | None = None,
    binary: bool = True,
    allow_ungrouped: bool = False,
    one_class: str | None = None,
) -> ImageSet:
    """Read an image set from a folder or from a CSV manifest; no image is opened.

    Args:
        location: A folder that holds `train/<class>/` and `test/<class>/`, or only `<class>/`, or a
            `manifest.csv`; or a manifest (see `ufgen.images.manifest`).
        positive: The positive class; by default UF, where there is such a class.
        group_pattern: Regular expression for the patient groups (see `groups_by_pattern`).
        binary: Whether to determine the positive class (the number of classes is not checked:
            see `ufgen.images.positive_class`).
        allow_ungrouped: Let images without a group, beside others with one, be groups of their
            own. Otherwise they are refused.
        one_class: The label of all images where the folder holds files and no class folders.

    Returns:
        The images, sorted by path.

    Raises:
        UserError: Where the images, their groups or the positive class cannot be determined.
    """
    location = Path(location).expanduser()
    if not location.exists():
        siblings = [p.name for p in location.parent.iterdir()] if location.parent.is_dir() else []
        raise UserError(
            f"there is nothing at {location}{_start(location)}: expected a folder of images or a "
            "CSV manifest"
            + (f" (beside it there are: {', '.join(sorted(siblings)[:8])})" if siblings else "")
        )
    if location.is_dir() and (location / "manifest.csv").is_file():
        location = location / "manifest.csv"
    if location.is_file() and location.suffix.lower() != ".csv":
        raise UserError(f"{location} is neither a folder nor a .csv manifest: name one of these")
    is_manifest = location.is_file()
    table = read_manifest(location) if is_manifest else read_class_folders(location, one_class)
    if group_pattern:
        table = table.assign(group=groups_by_pattern(table["path"], group_pattern))
    if not allow_ungrouped:
        _check_all_grouped(table, group_pattern)
    root = _root(table["path"], location.parent if is_manifest else location)
    own_groups = [UNNAMED + _relative(path, root) for path in table["path"]]
    group = table["group"].mask(table["group"] == "", own_groups)
    table = table.assign(group=group, sha256="")
    table = table.sort_values("path", ignore_index=True)[COLUMNS]
    return ImageSet(table, _positive_class(table, positive) if binary else None, root)


def _start(location: Path) -> str:
    """Which folder a relative path starts from, in words."""
    if location.is_absolute():
        return ""
    return f" (relative to {Path.cwd()}; in a study file, first relative to that file's folder)"


def name_of(location: Path | str) -> str:
    """Name an image set by where it is.

    Args:
        location: A folder or a manifest, as for `scan`.

    Returns:
        The name of the folder, or of a manifest that is not called manifest.csv.

    Example:
        >>> name_of("images/UF_dataset"), name_of("UF_dataset/manifest.csv"), name_of("split.csv")
        ('UF_dataset', 'UF_dataset', 'split')
    """
    location = Path(location).expanduser().resolve()
    if location.name == "manifest.csv":
        return location.parent.name
    is_manifest = location.suffix.lower() == ".csv" and not location.is_dir()
    return location.stem if is_manifest else location.name


def _root(paths: pd.Series, folder: Path) -> str:
    """`folder` if all images are in it, or else the innermost folder that all of them are in."""
    absolute = os.path.abspath(folder)
    if all(Path(path).is_relative_to(absolute) for path in paths):
        return absolute
    try:
        return os.path.commonpath([str(Path(path).parent) for path in paths])
    except ValueError:  # on several drives
        return ""


def _relative(path: str, root: str) -> str:
    return Path(os.path.relpath(path, root)).as_posix() if root else path


def _check_all_grouped(table: pd.DataFrame, pattern: str | None) -> None:
    """Raise UserError if some images have a group and others, synthetic ones aside, have none."""
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


def _positive_class(table: pd.DataFrame, positive: str | None) -> str:
    classes = sorted(table["label"].unique())
    if positive is None and "UF" in classes:
        positive = "UF"
    if positive is None:
        raise UserError(
            f"which class is the positive one? Found {', '.join(classes)}; none is called UF. "
            f"Pass for example --positive {classes[-1]}"
        )
    if positive not in classes:
        raise UserError(f"the positive class {positive!r} is not among {', '.join(classes)}")
    return positive


def write_manifest(images: ImageSet, out: Path) -> None:
    """Write a manifest.

    Args:
        images: The images to list.
        out: The CSV file to write; paths are relative to its folder.
    """
    out = Path(out)
    paths = [os.path.relpath(path, out.parent.absolute()) for path in images.table["path"]]
    with atomic_file(out) as temporary:
        images.table.assign(path=paths).to_csv(temporary, index=False)


def count_table(images: ImageSet) -> pd.DataFrame:
    """Count images and groups by split and class.

    Args:
        images: The images to count.

    Returns:
        The columns split, label, images and groups.
    """
    return images.table.groupby(["split", "label"], as_index=False).agg(
        images=("path", "size"), groups=("group", "nunique")
    )
