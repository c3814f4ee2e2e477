"""The images of a folder, zip archive or manifest: class folders, with splits or without."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ufgen.errors import UserError
from ufgen.images.decoding import IMAGE_TYPES, check_utf8_names
from ufgen.images.folder_listing import (
    ARCHIVES,
    Entry,
    LeftOut,
    describe,
    entries,
    opened_archive,
)
from ufgen.images.manifest import MANIFEST_TYPES, SPLIT_OF, SPREADSHEETS, read_manifest

Row = tuple[str, str, str]


def list_images(
    location: Path, left_out: LeftOut, one_class: str | None = None
) -> tuple[pd.DataFrame, str]:
    """List the images of a folder, a zip archive or a manifest.

    Args:
        location: One of these.
        left_out: Collects the files that are no images of the set.
        one_class: See `read_class_folders`.

    Returns:
        The columns of `read_class_folders`, and the folder that the images start from.

    Raises:
        UserError: Where it is none of these, or holds no image set.
    """
    if location.is_dir():
        return _list_folder(location, left_out, one_class)
    suffix = location.suffix.lower()
    if suffix == ".zip":
        with opened_archive(location.absolute(), left_out) as top:
            return _list_folder(_innermost(top), left_out, one_class)
    if suffix in MANIFEST_TYPES:
        return read_manifest(location, left_out), str(location.parent)
    advice = "name one of these"
    if suffix in SPREADSHEETS:
        advice = "save the spreadsheet as `CSV UTF-8`"
    elif suffix in ARCHIVES:
        advice = "unpack it and name the folder"
    raise UserError(
        f"{location} is neither a folder nor a zip archive nor a manifest "
        f"({', '.join(MANIFEST_TYPES)}): {advice}"
    )


def _list_folder(
    folder: Entry, left_out: LeftOut, one_class: str | None
) -> tuple[pd.DataFrame, str]:
    for suffix in MANIFEST_TYPES:
        if (manifest := folder / f"manifest{suffix}").is_file():
            return read_manifest(manifest, left_out), str(folder)
    return read_class_folders(folder, left_out, one_class), str(folder)


def read_class_folders(folder: Entry, left_out: LeftOut, one_class: str | None) -> pd.DataFrame:
    """List the images of class folders; no image is opened.

    Args:
        folder: Holds `train/<class>/`, `test/<class>/` and perhaps `validation/<class>/` (or
            another name of `manifest.SPLIT_OF`), or only `<class>/`.
        left_out: Collects the files that are no images of the set.
        one_class: The label of all images where `folder` holds files and no class folders.

    Returns:
        The columns path (absolute), label, split, group and source, all text.

    Raises:
        UserError: Where the folders are laid out otherwise, or a class is empty.
    """
    inside = _entries(folder, left_out)
    subfolders = [p for p in inside if p.is_dir()]
    if one_class and not subfolders and inside:
        return _table([(_absolute(path), one_class, "") for path in _named(inside, left_out)])
    if not subfolders:
        raise UserError(
            f"{folder} holds no class folders: expected {folder}/train/<class>/ and "
            f"{folder}/test/<class>/, or {folder}/<class>/{_archive_hint(inside)}"
        )
    _check_level(folder, subfolders)
    if {p.name.lower() for p in subfolders} & set(SPLIT_OF):
        splits = _check_splits(folder, subfolders)
        rows = [
            row
            for p, split in zip(subfolders, splits, strict=True)
            for row in _read_classes(p, split, left_out)
        ]
    else:
        rows = _read_classes(folder, "", left_out, subfolders)
    if not rows:
        lost = describe(left_out.table())
        raise UserError(
            f"{folder} holds no images: its class folders are empty{f' ({lost})' if lost else ''}. "
            f"Expected {', '.join(sorted(IMAGE_TYPES))} files in them"
        )
    return _table(rows)


def _innermost(top: Entry) -> Entry:
    """The single folder of an archive, where it holds folders or a manifest and is no split."""
    unseen = LeftOut()
    inside = entries(top, unseen)
    if len(inside) != 1 or not inside[0].is_dir() or inside[0].name.lower() in SPLIT_OF:
        return top
    below = entries(inside[0], unseen)
    is_set = any(p.is_dir() or p.name.lower().startswith("manifest.") for p in below)
    return inside[0] if is_set else top


def _table(rows: list[Row]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["path", "label", "split"])
    return table.assign(group="", source="real")


def _check_level(folder: Entry, subfolders: Sequence[Entry]) -> None:
    """Raise UserError where the splits are one folder further down."""
    for child in subfolders:
        children = {p.name.lower() for p in entries(child, LeftOut()) if p.is_dir()}
        if child.name.lower() not in SPLIT_OF and {"train", "test"} <= children:
            raise UserError(
                f"{folder} is one level too high: {child} holds the train and test folders. "
                f"You probably mean {child}"
            )


def _check_splits(folder: Entry, subfolders: Sequence[Entry]) -> list[str]:
    """The split of each subfolder; UserError where some are none, or a needed one is missing."""
    splits = [SPLIT_OF.get(p.name.lower(), "") for p in subfolders]
    names = ", ".join(sorted(p.name for p in subfolders))
    if "" in splits:
        others = [p.name for p, split in zip(subfolders, splits, strict=True) if not split]
        raise UserError(
            f"{folder} holds {names}: expected only train, validation and test there. "
            f"Move {', '.join(sorted(others))} elsewhere. If these are classes, name splits and "
            "classes in a manifest"
        )
    for split in splits:
        if splits.count(split) > 1:
            raise UserError(
                f"{folder} holds {names}, of which more than one means {split}: put their images "
                "into one folder"
            )
    if "train" not in splits or len(splits) == 1:
        missing = "test" if "train" in splits else "train"
        raise UserError(
            f"{folder} has no {missing} folder: expected {folder}/train/<class>/ and "
            f"{folder}/test/<class>/. With one folder of classes only, name that folder "
            f"({subfolders[0]}) and split it with `ufgen data split`"
        )
    return splits


def _read_classes(
    folder: Entry, split: str, left_out: LeftOut, subfolders: Sequence[Entry] | None = None
) -> list[Row]:
    """List the images of the class folders in `folder`: its `subfolders`, where these are known."""
    inside = _entries(folder, left_out if subfolders is None else LeftOut())
    unclassified = [p for p in inside if _suffix(p) in IMAGE_TYPES and p.is_file()]
    if unclassified:
        raise UserError(
            f"{folder} holds images outside any class folder, such as {unclassified[0].name} "
            f"({len(unclassified)} in all): move each into the folder of its class"
        )
    classes = subfolders or [p for p in inside if p.is_dir()]
    if not classes:
        raise UserError(
            f"{folder} is empty: expected one folder per class in it{_archive_hint(inside)}"
        )
    rows: list[Row] = []
    for class_folder in classes:
        check_utf8_names([_absolute(class_folder)])  # a class would be lost
        within = entries(class_folder, left_out)
        if nested := [p for p in within if p.is_dir()]:
            raise UserError(
                f"{class_folder} is a class folder with folders in it ({nested[0].name}): put the "
                f"images straight into {class_folder}, or list them in a manifest"
            )
        if not within:
            raise UserError(
                f"the class folder {class_folder} is empty: put its images there or remove it"
                + _archive_hint(within)
            )
        rows += [(_absolute(p), class_folder.name, split) for p in _named(within, left_out)]
    return rows


def _entries(folder: Entry, left_out: LeftOut) -> list[Entry]:
    """The entries of a folder; UserError for a broken link among them: a class may be lost."""
    inside = entries(folder, left_out)
    links = [p for p in inside if isinstance(p, Path) and p.is_symlink() and not p.exists()]
    if links:
        raise UserError(
            f"{links[0]} is a link to {links[0].readlink()}, where there is nothing "
            f"({len(links)} such in {folder}): repair or remove it"
        )
    return inside


def _named(files: Sequence[Entry], left_out: LeftOut) -> list[Entry]:
    """The files whose names are UTF-8 text, which tables can hold; the others are left out."""
    named = []
    for file in files:
        try:
            file.name.encode()
            named.append(file)
        except UnicodeEncodeError:
            left_out.add(file, "name in another encoding than UTF-8")
    return named


def _archive_hint(files: Sequence[Entry]) -> str:
    archives = [p for p in files if _suffix(p) in ARCHIVES]
    if not archives:
        return ""
    if _suffix(archives[0]) == ".zip":
        return f". A zip archive is read where it is: name {archives[0]} instead"
    return f". Unpack {archives[0].name} first"


def _suffix(path: Entry) -> str:
    return Path(path.name).suffix.lower()


def _absolute(path: Entry) -> str:
    return str(path.absolute()) if isinstance(path, Path) else str(path)
