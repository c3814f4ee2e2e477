"""The image set: a table with one row per image, handed from every part to the next."""

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ufgen.atomic import whole_file
from ufgen.errors import UserError
from ufgen.pictures import IMAGE_TYPES

COLUMNS = ["path", "label", "split", "group", "source", "sha256"]
SPLITS = ("train", "test")
SOURCES = ("real", "phantom", "synthetic")
UNNAMED = "path:"  # begins the group of an image that was given none
SPLIT_NAMES = {"train", "training", "test", "testing", "val", "valid", "validation"}


@dataclass(frozen=True)
class ImageSet:
    """Images as a table with the columns `path, label, split, group, source, sha256`, all text.

    `path` is absolute, `split` is "train", "test" or "" (not split yet), `group` is what must never
    be on both sides of a split, `source` is "real", "phantom" or "synthetic", and `sha256` (of the
    decoded pixels) is "" until `ufgen.pixels.load` has filled it. `positive` names the positive
    class; it is None where the question does not arise.
    """

    table: pd.DataFrame
    positive: str | None = None

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
        """The rows of one split."""
        return self.select((self.table["split"] == name).to_numpy())

    def targets(self) -> np.ndarray:
        """1 for the positive class and 0 for the rest: int64, shape (N,)."""
        return (self.table["label"] == self.positive).to_numpy().astype("int64")


def concatenate(parts: list[ImageSet]) -> ImageSet:
    """The rows of several image sets one after the other; the first names the positive class."""
    table = pd.concat([part.table[COLUMNS] for part in parts], ignore_index=True)
    return ImageSet(table, parts[0].positive)


def scan(
    location: Path | str,
    positive: str | None = None,
    group_pattern: str | None = None,
    binary: bool = True,
    one_class: str | None = None,
) -> ImageSet:
    """Read an image set from a folder or from a CSV manifest; no image is opened.

    A folder holds `train/<class>/` and `test/<class>/`, or `<class>/` alone; a `manifest.csv` in
    it is used if there is one. A manifest has the columns `path,label[,split][,group][,source]`,
    with paths relative to its own folder. `group_pattern` is a regular expression searched in the
    file name: its first bracket (or the whole match) is the group. Where the question is not
    `binary`, no class is positive and there may be any number of them. With `one_class`, a folder
    that holds files alone is read as one class of that name. Raises UserError.
    """
    location = Path(location).expanduser()
    if not location.exists():
        near = [p.name for p in location.parent.iterdir()] if location.parent.is_dir() else []
        raise UserError(
            f"there is nothing at {location}: expected a folder of images or a CSV manifest"
            + (f" (beside it there are: {', '.join(sorted(near)[:8])})" if near else "")
        )
    if location.is_dir() and (location / "manifest.csv").is_file():
        location = location / "manifest.csv"
    if location.is_file() and location.suffix.lower() != ".csv":
        raise UserError(f"{location} is neither a folder nor a .csv manifest: name one of these")
    table = _read_manifest(location) if location.is_file() else _read_folder(location, one_class)
    if group_pattern:
        table["group"] = _groups_by_pattern(table["path"], group_pattern)
    nameless = table["group"] == ""
    table.loc[nameless, "group"] = UNNAMED + table.loc[nameless, "path"]
    table["sha256"] = ""
    table = table.sort_values("path", ignore_index=True)[COLUMNS]
    return ImageSet(table, _positive_class(table, positive) if binary else None)


def _visible(folder: Path) -> list[Path]:
    skipped = {"thumbs.db", "desktop.ini"}
    return sorted(p for p in folder.iterdir() if p.name[0] != "." and p.name.lower() not in skipped)


def _read_folder(folder: Path, one_class: str | None = None) -> pd.DataFrame:
    inside = [p for p in _visible(folder) if p.is_dir()]
    if one_class and not inside and (files := _visible(folder)):
        paths = [str(path.absolute()) for path in files]
        return pd.DataFrame({"path": paths, "label": one_class, "split": ""}).assign(
            group="", source="real"
        )
    if not inside:
        raise UserError(
            f"{folder} holds no class folders: expected {folder}/train/<class>/ and "
            f"{folder}/test/<class>/, or {folder}/<class>/"
        )
    for child in inside:
        holds = {p.name.lower() for p in _visible(child) if p.is_dir()}
        if child.name.lower() not in SPLIT_NAMES and {"train", "test"} <= holds:
            raise UserError(
                f"{folder} is one level too high: {child} holds the train and test folders. "
                f"You probably mean {child}"
            )
    names = {p.name for p in inside}
    if names & set(SPLITS):
        others = names - set(SPLITS)
        if others:
            raise UserError(
                f"{folder} holds {', '.join(sorted(names))}: expected only train and test there. "
                f"Move {', '.join(sorted(others))} elsewhere, or name the splits in a "
                "manifest (validation images are carved from train by ufgen)"
            )
        if names != set(SPLITS):
            missing = (set(SPLITS) - names).pop()
            raise UserError(
                f"{folder} has no {missing} folder: expected {folder}/train/<class>/ and "
                f"{folder}/test/<class>/. With one folder of classes only, name that folder "
                f"({folder / names.pop()}) and split it with `ufgen data split`"
            )
        rows = [row for p in inside for row in _read_classes(p, p.name)]
    elif names & SPLIT_NAMES:
        raise UserError(
            f"{folder} holds {', '.join(sorted(names))}: the split folders must be called "
            f"train and test (validation images are carved from train by ufgen)"
        )
    else:
        rows = _read_classes(folder, "")
    table = pd.DataFrame(rows, columns=["path", "label", "split"])
    if len(table) == 0:
        raise UserError(
            f"{folder} holds no images: its class folders are empty. "
            f"Expected {', '.join(sorted(IMAGE_TYPES))} files in them"
        )
    return table.assign(group="", source="real")


def _read_classes(folder: Path, split: str) -> list[tuple[str, str, str]]:
    loose = [p for p in _visible(folder) if p.is_file() and p.suffix.lower() in IMAGE_TYPES]
    if loose:
        raise UserError(
            f"{folder} holds images outside any class folder, such as {loose[0].name} "
            f"({len(loose)} in all): move each into the folder of its class"
        )
    classes = [p for p in _visible(folder) if p.is_dir()]
    if not classes:
        raise UserError(f"{folder} is empty: expected one folder a class in it")
    rows = []
    for class_folder in classes:
        files = [p for p in _visible(class_folder) if p.is_file()]
        nested = [p for p in _visible(class_folder) if p.is_dir()]
        if nested:
            raise UserError(
                f"{class_folder} is a class folder with folders in it ({nested[0].name}): put the "
                f"images straight into {class_folder}, or list them in a manifest"
            )
        if not files:
            raise UserError(
                f"the class folder {class_folder} is empty: put its images there or remove it"
            )
        rows += [(str(p.absolute()), class_folder.name, split) for p in files]
    return rows


def _read_manifest(manifest: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(manifest, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(f"{manifest} is not a readable CSV file: {error}") from None
    missing = {"path", "label"} - set(table.columns)
    if missing:
        raise UserError(
            f"{manifest} has the columns {', '.join(table.columns)}: {', '.join(sorted(missing))} "
            "is missing (expected path,label[,split][,group])"
        )
    if len(table) == 0:
        raise UserError(f"{manifest} lists no images")
    for name, default in (("split", ""), ("group", ""), ("source", "real")):
        table[name] = table.get(name, default)
    for name, allowed in (("split", {*SPLITS, ""}), ("source", set(SOURCES))):
        wrong = ~table[name].isin(allowed)
        if wrong.any():
            raise UserError(
                f"{manifest} line {int(np.argmax(wrong)) + 2}: {name} is "
                f"'{table[name][wrong].iloc[0]}', expected one of "
                f"{', '.join(sorted(filter(None, allowed)))}"
            )
    if (table["label"] == "").any():
        line = int(np.argmax(table["label"] == "")) + 2
        raise UserError(f"{manifest} line {line}: the label is empty")
    divided = table["label"].str.contains(r"[/\\]")
    if divided.any():
        raise UserError(
            f"{manifest} line {int(np.argmax(divided)) + 2}: the label is "
            f"{table['label'][divided].iloc[0]!r}: expected one without / and \\: it names a folder"
        )
    table["path"] = [os.path.abspath(manifest.parent / p) for p in table["path"]]
    repeated = table["path"].duplicated()
    if repeated.any():
        raise UserError(f"{manifest} lists {table['path'][repeated].iloc[0]} more than once")
    return table


def _groups_by_pattern(paths: pd.Series, pattern: str) -> list[str]:
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
    with whole_file(out) as temporary:
        table.to_csv(temporary, index=False)


def count_table(images: ImageSet) -> pd.DataFrame:
    """Images and groups by class and split."""
    return images.table.groupby(["split", "label"], as_index=False).agg(
        images=("path", "size"), groups=("group", "nunique")
    )
