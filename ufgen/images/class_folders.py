"""Folders of images, one per class: under train and test, or not split yet."""

from pathlib import Path

import pandas as pd

from ufgen.errors import UserError
from ufgen.images.decoding import IMAGE_TYPES, check_utf8_names
from ufgen.images.manifest import SPLITS

SPLIT_NAMES = {"train", "training", "test", "testing", "val", "valid", "validation"}


def read_class_folders(folder: Path, one_class: str | None = None) -> pd.DataFrame:
    """List the images of class folders; no image is opened.

    Args:
        folder: Holds `train/<class>/` and `test/<class>/`, or only `<class>/`.
        one_class: The label of all images where `folder` holds files and no class folders.

    Returns:
        The columns path (absolute), label, split, group and source, all text.

    Raises:
        UserError: Where the folders are laid out otherwise, or a class is empty.
    """
    _check_links(folder)
    subfolders = [p for p in _visible(folder) if p.is_dir()]
    if one_class and not subfolders and (files := _visible(folder)):
        paths = [str(path.absolute()) for path in files]
        table = pd.DataFrame({"path": paths, "label": one_class, "split": ""})
        return table.assign(group="", source="real")
    if not subfolders:
        raise UserError(
            f"{folder} holds no class folders: expected {folder}/train/<class>/ and "
            f"{folder}/test/<class>/, or {folder}/<class>/"
        )
    for child in subfolders:
        children = {p.name.lower() for p in _visible(child) if p.is_dir()}
        if child.name.lower() not in SPLIT_NAMES and {"train", "test"} <= children:
            raise UserError(
                f"{folder} is one level too high: {child} holds the train and test folders. "
                f"You probably mean {child}"
            )
    names = {p.name for p in subfolders}
    if names & set(SPLITS):
        others = names - set(SPLITS)
        if others:
            raise UserError(
                f"{folder} holds {', '.join(sorted(names))}: expected only train and test there. "
                f"Move {', '.join(sorted(others))} elsewhere, or name splits and classes in a "
                "manifest (ufgen splits validation images off train)"
            )
        if names != set(SPLITS):
            missing = (set(SPLITS) - names).pop()
            raise UserError(
                f"{folder} has no {missing} folder: expected {folder}/train/<class>/ and "
                f"{folder}/test/<class>/. With one folder of classes only, name that folder "
                f"({folder / names.pop()}) and split it with `ufgen data split`"
            )
        rows = [row for p in subfolders for row in _read_classes(p, p.name)]
    elif names & SPLIT_NAMES:
        raise UserError(
            f"{folder} holds {', '.join(sorted(names))}: the split folders must be called "
            f"train and test (ufgen splits validation images off train). If these are "
            "classes, list the images in a manifest"
        )
    else:
        rows = _read_classes(folder, "")
    check_utf8_names(path for path, _, _ in rows)  # pandas could not hold it
    table = pd.DataFrame(rows, columns=["path", "label", "split"])
    if len(table) == 0:
        raise UserError(
            f"{folder} holds no images: its class folders are empty. "
            f"Expected {', '.join(sorted(IMAGE_TYPES))} files in them"
        )
    return table.assign(group="", source="real")


def _read_classes(folder: Path, split: str) -> list[tuple[str, str, str]]:
    _check_links(folder)
    unclassified = [p for p in _visible(folder) if p.is_file() and p.suffix.lower() in IMAGE_TYPES]
    if unclassified:
        raise UserError(
            f"{folder} holds images outside any class folder, such as {unclassified[0].name} "
            f"({len(unclassified)} in all): move each into the folder of its class"
        )
    classes = [p for p in _visible(folder) if p.is_dir()]
    if not classes:
        raise UserError(f"{folder} is empty: expected one folder per class in it")
    rows = []
    for class_folder in classes:
        files = [p for p in _visible(class_folder) if not p.is_dir()]
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


def _check_links(folder: Path) -> None:
    """Raise UserError for a broken link beside class folders: a class may be lost."""
    broken = [p for p in _visible(folder) if p.is_symlink() and not p.exists()]
    if broken:
        raise UserError(
            f"{broken[0]} is a link to {broken[0].readlink()}, where there is nothing "
            f"({len(broken)} such in {folder}): repair or remove it"
        )


def _visible(folder: Path) -> list[Path]:
    """What is in `folder`, sorted, without hidden and operating-system files."""
    skipped = {"thumbs.db", "desktop.ini"}
    return sorted(p for p in folder.iterdir() if p.name[0] != "." and p.name.lower() not in skipped)
