"""The image set: a table with one row per image, handed from every part to the next."""

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
NAMED = 5
UNNAMED = "path:"  # begins the group of an image that was given none


@dataclass(frozen=True)
class ImageSet:
    """Images as a table with the columns `path, label, split, group, source, sha256`, all text.

    `path` is absolute, `split` is "train", "test" or "" (not split yet), `group` is what must never
    be on both sides of a split, `source` is "real", "phantom" or "synthetic", and `sha256` (of the
    decoded pixels) is "" until `pixel_store.load` has filled it. `positive` names the positive
    class; it is None where the question does not arise. `root` is a folder that all images are
    in: what is written of them names them from there (see `relative`).
    """

    table: pd.DataFrame
    positive: str | None = None
    root: str = ""

    def __len__(self) -> int:
        return len(self.table)

    @property
    def classes(self) -> list[str]:
        """The labels, sorted."""
        return sorted(self.table["label"].unique())

    def select(self, mask: np.ndarray) -> "ImageSet":
        """The rows where `mask` (boolean, or integer positions) says so, in that order."""
        mask = np.asarray(mask)
        rows = self.table[mask] if mask.dtype == bool else self.table.iloc[mask]
        return replace(self, table=rows.reset_index(drop=True))

    def split(self, name: str) -> "ImageSet":
        """The rows of one split. Raises UserError where some images have a split and some none."""
        empty = self.table["path"][self.table["split"] == ""]
        if 0 < len(empty) < len(self):
            raise UserError(
                f"{len(empty)} of {len(self)} images have no split, such as {empty.iloc[0]}: write "
                "train or test in the manifest's column split, in each row or in none; or divide "
                "all anew with `ufgen data split`"
            )
        return self.select((self.table["split"] == name).to_numpy())

    def relative(self, table: pd.DataFrame | None = None) -> pd.DataFrame:
        """A `table` about these images (by default their own) with paths as files hold them.

        They are relative to `root`, with slashes: the same wherever the images lie.
        """
        table = self.table if table is None else table
        return table.assign(path=[_relative(path, self.root) for path in table["path"]])

    def targets(self) -> np.ndarray:
        """1 for the positive class and 0 for the rest: int64, shape (N,)."""
        return (self.table["label"] == self.positive).to_numpy().astype("int64")


def concatenate(parts: list[ImageSet]) -> ImageSet:
    """The rows of several image sets one after the other; the first names the positive class."""
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

    A folder holds `train/<class>/` and `test/<class>/`, or `<class>/` alone; a `manifest.csv` in
    it is used if there is one. A manifest has the columns `path,label[,split][,group][,source]`
    (see `ufgen.images.manifest`). `group_pattern` is a regular expression searched in the
    file name: its first bracket (or the whole match) is the group. Images without a group beside
    others with one are refused, or with `allow_ungrouped` are groups of their own. Where the
    question is not `binary`, no class is positive and there may be any number of them. With
    `one_class`, a folder that holds files alone is read as one class of that name. Raises
    UserError.
    """
    location = Path(location).expanduser()
    if not location.exists():
        near = [p.name for p in location.parent.iterdir()] if location.parent.is_dir() else []
        raise UserError(
            f"there is nothing at {location}{_start(location)}: expected a folder of images or a "
            "CSV manifest"
            + (f" (beside it there are: {', '.join(sorted(near)[:8])})" if near else "")
        )
    if location.is_dir() and (location / "manifest.csv").is_file():
        location = location / "manifest.csv"
    if location.is_file() and location.suffix.lower() != ".csv":
        raise UserError(f"{location} is neither a folder nor a .csv manifest: name one of these")
    listed = location.is_file()
    table = read_manifest(location) if listed else read_class_folders(location, one_class)
    if group_pattern:
        table["group"] = groups_by_pattern(table["path"], group_pattern)
    if not allow_ungrouped:
        _check_all_grouped(table, group_pattern)
    root = _root(table["path"], location.parent if listed else location)
    nameless = table["group"] == ""
    unnamed = [UNNAMED + _relative(path, root) for path in table["path"]]
    table = table.assign(group=table["group"].mask(nameless, unnamed), sha256="")
    table = table.sort_values("path", ignore_index=True)[COLUMNS]
    return ImageSet(table, _positive_class(table, positive) if binary else None, root)


def _start(location: Path) -> str:
    """Where a relative path starts."""
    if location.is_absolute():
        return ""
    return f" (from {Path.cwd()} on; in a study's file, first from the file's own folder on)"


def name_of(location: Path | str) -> str:
    """The name of an image set: its folder's, or its manifest's if that is not manifest.csv."""
    location = Path(location).expanduser().resolve()
    if location.name == "manifest.csv":
        return location.parent.name
    listed = location.suffix.lower() == ".csv" and not location.is_dir()
    return location.stem if listed else location.name


def _root(paths: pd.Series, folder: Path) -> str:
    """The `folder`, if all images are in it, or else the innermost that all of them are in."""
    folder = os.path.abspath(folder)
    if all(Path(path).is_relative_to(folder) for path in paths):
        return folder
    try:
        return os.path.commonpath([Path(path).parent for path in paths])
    except ValueError:  # on several drives
        return ""


def _relative(path: str, root: str) -> str:
    return Path(os.path.relpath(path, root)).as_posix() if root else path


def _check_all_grouped(table: pd.DataFrame, pattern: str | None) -> None:
    """Raise UserError if some images have a group and others, synthetic ones aside, have none."""
    without = table["path"][(table["group"] == "") & (table["source"] != "synthetic")]
    with_one = ((table["group"] != "") & (table["source"] != "synthetic")).sum()
    if with_one and len(without):
        names = ", ".join(Path(path).name for path in without[:NAMED])
        why = f"--group-pattern {pattern!r} misses" if pattern else "no group is given for"
        raise UserError(
            f"{why} {len(without)} of {len(without) + with_one} images: {names}"
            f"{' ...' if len(without) > NAMED else ''}. Expected a group for all or for none, or "
            "else patients are split unseen. If each of these is a patient of its own, say "
            "--allow-ungrouped (in a study, images: allow_ungrouped: true)"
        )


def groups_by_pattern(paths: pd.Series, pattern: str) -> list[str]:
    """What the first bracket of `pattern`, or all of it, matches in each file's name, or "".

    Raises UserError if it is no regular expression, or matches none.
    """
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise UserError(f"--group-pattern {pattern!r} is no regular expression: {error}") from None
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
            f"Say for example --positive {classes[-1]}"
        )
    if positive not in classes:
        raise UserError(f"the positive class {positive!r} is not among {', '.join(classes)}")
    return positive


def write_manifest(images: ImageSet, out: Path, extra: dict | None = None) -> None:
    """Write a manifest whose paths are relative to its own folder."""
    out = Path(out)
    table = images.table.assign(**(extra or {}))
    table["path"] = [os.path.relpath(p, out.parent.absolute()) for p in table["path"]]
    with atomic_file(out) as temporary:
        table.to_csv(temporary, index=False)


def count_table(images: ImageSet) -> pd.DataFrame:
    """Images and groups by class and split."""
    return images.table.groupby(["split", "label"], as_index=False).agg(
        images=("path", "size"), groups=("group", "nunique")
    )
