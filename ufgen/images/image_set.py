"""The image set: a table with one row per image, which every part of ufgen takes or returns."""

import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ufgen.atomic import atomic_file
from ufgen.errors import UserError
from ufgen.images import folder_listing, grouping
from ufgen.images.class_folders import list_images
from ufgen.images.folder_listing import LeftOut
from ufgen.images.manifest import ALL_SPLITS, MANIFEST_TYPES
from ufgen.progress import print_line

COLUMNS = ["path", "label", "split", "group", "source", "sha256"]
UNNAMED = "path:"  # begins the group of an image that was given none


@dataclass(frozen=True)
class ImageSet:
    """Images of one or more classes, as a table that is never written into.

    A changed image set is a new one: `dataclasses.replace(images, table=images.table.assign(...))`.

    Attributes:
        table: One row per image, all text: `path` (absolute), `label`, `split` ("train",
            "validation", "test", or "" where not split yet), `group` (what must never be on both
            sides of a split, such as a patient), `source` ("real", "phantom" or "synthetic"), and
            `sha256` (of the decoded pixels; "" until `pixel_store.load`).
        positive: The positive class; None where no class is positive.
        root: A folder that all images are in; files that are written name them relative to it.
        left_out: What lies beside the images and is none, such as segmentation masks: the columns
            path and reason.
    """

    table: pd.DataFrame
    positive: str | None = None
    root: str = ""
    left_out: pd.DataFrame = field(
        default_factory=lambda: LeftOut().table(), compare=False, repr=False
    )

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
            name: "train", "validation" or "test".

        Returns:
            The images of that split; there may be none.

        Raises:
            UserError: Where some images have a split and others have none.
        """
        empty = self.table["path"][self.table["split"] == ""]
        if 0 < len(empty) < len(self):
            raise UserError(
                f"{len(empty)} of {len(self)} images have no split, such as {empty.iloc[0]}: write "
                f"one of {', '.join(ALL_SPLITS)} in the manifest's column split, in each row or in "
                "none; or split all images with `ufgen data split`"
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
    """Read an image set from a folder, a zip archive or a manifest; no image is opened.

    Files of operating systems, segmentation masks beside their images and what else is no image of
    the set are left out (see `ImageSet.left_out`).

    Args:
        location: A folder that holds `train/<class>/` and `test/<class>/` (and perhaps
            `validation/<class>/`), or only `<class>/`, or a `manifest.csv`; a zip archive of such a
            folder; or a manifest (see `ufgen.images.manifest`).
        positive: The positive class; by default UF, where there is such a class.
        group_pattern: Regular expression for the patient groups (see
            `grouping.groups_by_pattern`).
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
            f"there is nothing at {location}{_start(location)}: expected a folder of images, a "
            "zip archive or a manifest"
            + (f" (beside it there are: {', '.join(sorted(siblings)[:8])})" if siblings else "")
        )
    left_out = LeftOut()
    try:
        table, folder = list_images(location, left_out, one_class)
    except PermissionError as error:
        raise UserError(
            f"{error.filename} cannot be read: permission denied. Ask its owner for the right to "
            "read it, or leave it out with a manifest"
        ) from None
    masks = folder_listing.are_masks(table["path"])
    for path in table["path"][masks]:
        left_out.add(path, folder_listing.MASK)
    table = table[~masks]
    if len(table) == 0:
        raise UserError(f"{location} holds no images ({folder_listing.describe(left_out.table())})")
    table = grouping.assign_groups(table, group_pattern)
    if not allow_ungrouped:
        grouping.check_all_grouped(table, group_pattern)
    root = _root(table["path"], folder)
    own_groups = [UNNAMED + _relative(path, root) for path in table["path"]]
    group = table["group"].mask(table["group"] == "", own_groups)
    table = table.assign(group=group, sha256="")
    table = table.sort_values("path", ignore_index=True)[COLUMNS]
    chosen = _positive_class(table, positive) if binary else None
    return ImageSet(table, chosen, root, left_out.table())


def report_left_out(images: ImageSet) -> None:
    """Count on stderr what was left out of an image set, in one line.

    Args:
        images: As `scan` returns them.
    """
    if line := folder_listing.describe(images.left_out):
        print_line(line, file=sys.stderr)


def is_location(text: str) -> bool:
    """Say whether a word of the command line can only name images.

    Args:
        text: A path, or the name of something else.

    Returns:
        Whether it is a folder, or ends as manifests and zip archives do.
    """
    return Path(text).is_dir() or text.lower().endswith((*MANIFEST_TYPES, ".zip"))


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
        The name of the folder or zip archive, or of a manifest that is not called manifest.csv.

    Example:
        >>> name_of("images/UF_dataset"), name_of("UF_dataset/manifest.csv"), name_of("split.csv")
        ('UF_dataset', 'UF_dataset', 'split')
    """
    location = Path(location).expanduser().resolve()
    if location.name in {f"manifest{suffix}" for suffix in MANIFEST_TYPES}:
        return location.parent.name
    is_file = location.suffix.lower() in (*MANIFEST_TYPES, ".zip") and not location.is_dir()
    return location.stem if is_file else location.name


def _root(paths: pd.Series, folder: str) -> str:
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
