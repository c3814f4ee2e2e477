"""Layouts of image sets: splits by any name, masks and system files left out, links."""

import os
import shutil
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from ufgen.errors import UserError
from ufgen.images import class_folders, folder_listing, image_set, positive_class, splits


def _line(images) -> str:
    return folder_listing.describe(images.left_out)


def _files(images) -> list[str]:
    return images.relative()["path"].tolist()


@pytest.fixture
def with_validation(folder, picture):
    """The folder with 3 validation images per class."""
    for number in range(6):
        label = ("UF", "NUF")[number % 2]
        picture(folder / "val" / label / f"{label}_val_p0_{number}.png", 100 + number)
    return folder


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [("train", "val", "test"), ("Training", "Valid", "TESTING"), ("TRAIN", "dev", "Test")],
)
def test_splits_have_their_names_and_others(with_validation, train, validation, test):
    for name, other in (("train", train), ("val", validation), ("test", test)):
        (with_validation / name).rename(with_validation / f"{other}_")
        (with_validation / f"{other}_").rename(with_validation / other)
    images = image_set.scan(with_validation)
    counts = images.table["split"].value_counts().to_dict()
    assert counts == {"train": 12, "validation": 6, "test": 6}
    splits.check_splits(images)
    assert set(splits.join_validation(images).table["split"]) == {"train", "test"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: (f / "dev").mkdir(), "more than one means validation"),
        (lambda f: shutil.rmtree(f / "train"), "has no train folder"),
        (lambda f: shutil.rmtree(f / "val/UF"), "train and validation must hold .*--join"),
        (lambda f: shutil.rmtree(f / "test"), "Or call validation test"),
    ],
)
def test_what_three_splits_lack_is_named(with_validation, change, message):
    change(with_validation)
    with pytest.raises(UserError, match=message):
        splits.check_splits(image_set.scan(with_validation))


@pytest.mark.parametrize(("one", "other"), [("train", "val"), ("val", "test"), ("train", "test")])
def test_a_group_in_any_two_splits_is_named(with_validation, one, other):
    for split in (one, other):
        file = next((with_validation / split / "UF").iterdir())
        file.rename(file.with_name("same_patient.png"))
    images = image_set.scan(with_validation, group_pattern="same|.*")
    names = {"val": "validation"}
    message = f"same group is in {names.get(one, one)} and in {names.get(other, other)} "
    with pytest.raises(UserError, match=message):
        splits.check_disjoint(images)


def test_training_needs_training_images(with_validation):
    images = image_set.scan(with_validation)
    splits.check_training(images)
    splits.check_training(image_set.scan(with_validation / "train"))
    for name in ("validation", "test"):
        with pytest.raises(UserError, match=f"found the splits {name}: expected train"):
            splits.check_training(images.split(name))


def test_masks_of_a_published_set_are_left_out(tmp_path, picture):
    for label in ("benign", "normal"):
        for number in (1, 2):
            for ending in ("", "_mask", "_mask_1", "_MASK-2", "_seg", "_gt", "_label_1"):
                picture(tmp_path / "set" / label / f"{label} ({number}){ending}.png")
    picture(tmp_path / "set" / "normal" / "lonely_mask.png")
    picture(tmp_path / "set" / "normal" / "benign (1)_mask.png")  # its image is in another folder
    images = image_set.scan(tmp_path / "set", binary=False)
    assert _files(images) == [
        "benign/benign (1).png",
        "benign/benign (2).png",
        "normal/benign (1)_mask.png",
        "normal/lonely_mask.png",
        "normal/normal (1).png",
        "normal/normal (2).png",
    ]
    assert _line(images) == "left out: 24 segmentation masks"


@pytest.mark.parametrize("name", ["a_segment.png", "a_masked.png", "amask.png", "a_label_b.png"])
def test_other_names_are_no_masks(name):
    assert not folder_listing.are_masks(["a.png", name]).any()


def test_a_mask_is_recognised_by_its_two_grey_values():
    rows, columns = np.mgrid[:64, :64]
    blurred = 1 / (1 + np.exp(np.hypot(rows - 30, columns - 30) * 6 - 120))
    noise = np.random.default_rng(0).integers(0, 256, (64, 64))
    for mask in (blurred * 255, blurred.round(), blurred * 0, blurred.round() * 255):
        assert folder_listing.is_mask_like(mask.astype("uint8"))
    dark, sparse = noise % 12, np.where(blurred > 0.5, noise, 0) * (rows < 16)
    for image in (noise, dark, sparse, np.stack([noise] * 3, -1)):
        assert not folder_listing.is_mask_like(image.astype("uint8"))


def test_system_files_are_left_out_and_counted(folder, picture):
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._a.png", ".hidden.png"):
        (folder / "train" / "UF" / name).write_bytes(b"x")
    for place in (folder, folder / "train", folder / "train" / "UF"):
        for name in ("__MACOSX", "@eaDir"):
            picture(place / name / "thumbnail.png")
    images = image_set.scan(folder)
    assert len(images) == 18
    assert _line(images) == "left out: 10 system files, 1 hidden file"
    assert not len(image_set.scan(folder / "test").left_out)


def test_two_of_three_classes(folder, picture):
    for split in ("train", "test"):
        picture(folder / split / "cyst" / f"{split}.png")
    images = positive_class.scan(folder, "UF", negative="NUF")
    assert images.classes == ["NUF", "UF"] and len(images) == 18
    assert _line(images) == "left out: 2 images of cyst"
    assert positive_class.negative(images) == "NUF"
    for positive, negative, message in (
        ("UF", "gone", "'gone' is not among NUF, cyst"),
        ("UF", "UF", "'UF' is not among"),
        (None, "NUF", "none is the positive one.*--positive cyst --negative NUF"),
    ):
        with pytest.raises(UserError, match=message):
            positive_class.scan(folder, positive, negative=negative)


def test_links_are_followed_and_loops_are_not(folder, tmp_path):
    moved = (folder / "train" / "UF").rename(tmp_path / "elsewhere")
    (folder / "train" / "UF").symlink_to(moved)
    (folder / "train" / "up").symlink_to(folder)
    (folder / "self").symlink_to(folder)
    (moved / "loop").symlink_to(moved)
    (moved / "broken.png").symlink_to(tmp_path / "gone.png")
    images = image_set.scan(folder)
    assert len(images) == 19  # the broken one is listed, and cannot be read later
    assert _line(images) == "left out: 3 links to a folder above it"
    (folder / "train" / "round").symlink_to(folder / "train" / "round")
    with pytest.raises(UserError, match=r"round is a link to .* nothing"):
        image_set.scan(folder)


@pytest.mark.parametrize("name", ["with space", "line\nbreak", "größe 子宫", "x" * 250])
def test_any_name_is_read(folder, name):
    file = next((folder / "train" / "UF").iterdir())
    file.rename(file.with_name(f"{name}.png"))
    assert f"train/UF/{name}.png" in _files(image_set.scan(folder))


def test_a_name_that_is_no_utf_8_is_left_out_and_a_class_is_not(folder):
    file = next((folder / "train" / "UF").iterdir())
    file.rename(file.with_name(os.fsdecode(b"Gr\xf6\xdfe.png")))
    images = image_set.scan(folder)
    assert len(images) == 17
    assert _line(images) == "left out: 1 name in another encoding than UTF-8"
    assert images.left_out["path"].iloc[0].endswith(r"Gr\udcf6\udcdfe.png")
    (folder / "train" / "UF").rename(folder / "train" / os.fsdecode(b"\xf6"))
    with pytest.raises(UserError, match="not UTF-8"):
        image_set.scan(folder)


def test_a_folder_that_may_not_be_read_is_named(folder, monkeypatch):
    listed = Path.iterdir

    def refused(path):
        if path.name == "NUF":
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(UserError, match="NUF cannot be read: permission denied"):
        image_set.scan(folder)


def test_dicom_files_bring_their_groups(folder, monkeypatch):
    files = sorted((folder / "train" / "UF").iterdir())
    dicom = [
        files[0].rename(files[0].with_suffix(".DCM")),
        files[1].rename(files[1].with_name("1")),
    ]
    dicom[1].write_bytes(bytes(128) + b"DICM")
    files[2].rename(files[2].with_name("2")).write_bytes(bytes(200))
    asked = []

    def groups(paths):
        asked.extend(Path(path).name for path in paths)
        return [f"patient {number}" for number in range(len(paths))]

    module = types.SimpleNamespace(groups=groups)
    monkeypatch.setitem(sys.modules, "ufgen.images.dicom", module)
    table = image_set.scan(folder, allow_ungrouped=True).table.set_index("path")
    assert sorted(asked) == sorted(path.name for path in dicom)
    assert set(table["group"][list(map(str, dicom))]) == {"patient 0", "patient 1"}
    with pytest.raises(UserError, match="no group is given for 16 of 18"):
        image_set.scan(folder)
    asked.clear()
    image_set.scan(folder, group_pattern=".+")
    rows = f"{dicom[0]},UF,\n{files[3]},NUF,p1\n"
    (folder.parent / "m.csv").write_text(f"path,label,group\n{rows}")
    image_set.scan(folder.parent / "m.csv", allow_ungrouped=True)
    assert not asked  # a pattern or a manifest names groups


def test_listing_needs_no_dicom_reader_without_dicom_files(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "ufgen.images.dicom", None)  # importing it would fail
    assert len(image_set.scan(folder)) == 18


def test_flat_files_of_one_class(folder):
    left_out = folder_listing.LeftOut()
    table, start = class_folders.list_images(folder / "train" / "UF", left_out, "images")
    assert len(table) == 6 and set(table["label"]) == {"images"} and start.endswith("train/UF")
