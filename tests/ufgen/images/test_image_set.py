"""Image sets: what is read, what is refused, and how groups are split."""

import pandas as pd
import pytest

from ufgen.errors import UserError
from ufgen.images import image_set, pixel_store, splits


def test_folder_with_splits(folder):
    images = image_set.scan(folder)
    assert len(images) == 18
    assert images.positive == "UF"
    assert images.split("train").targets().sum() == 6
    assert list(images.table.columns) == image_set.COLUMNS


def test_flat_folder_has_no_split(folder):
    images = image_set.scan(folder / "train")
    assert set(images.table["split"]) == {""}
    with pytest.raises(UserError, match="ufgen data split"):
        splits.check_splits(images)


def test_parent_folder_is_refused_with_the_likely_path(folder):
    with pytest.raises(UserError, match=f"probably mean {folder}"):
        image_set.scan(folder.parent)


def test_train_and_test_are_never_classes(folder):
    assert set(image_set.scan(folder).classes) == {"UF", "NUF"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: (f / "train/UF/deeper").mkdir(), "folders in it"),
        (lambda f: (f / "train/empty").mkdir(), "is empty"),
        (lambda f: (f / "extra").mkdir(), "Move extra elsewhere"),
        (lambda f: (f / "train/UF").rename(f.parent / "gone"), "test only"),
        (lambda f: (f / "test").rename(f.parent / "gone"), "no test folder"),
        (lambda f: (f / "test").rename(f / "val"), "call validation test"),
    ],
)
def test_bad_folders_are_refused(folder, change, message):
    change(folder)
    with pytest.raises(UserError, match=message):
        splits.check_splits(image_set.scan(folder))


def test_loose_images_and_missing_places_are_refused(folder, picture):
    with pytest.raises(UserError, match="nothing at"):
        image_set.scan(folder / "nowhere")
    picture(folder / "train" / "loose.png")
    with pytest.raises(UserError, match=r"loose\.png"):
        image_set.scan(folder)


def test_same_picture_on_both_sides_names_both_files(folder):
    copy = folder / "test" / "UF" / "copy.png"
    copy.write_bytes((folder / "train" / "UF" / "UF_train_p0_0.png").read_bytes())
    images = pixel_store.load(image_set.scan(folder), 32).images
    with pytest.raises(UserError) as error:
        splits.check_splits(images)
    assert "UF_train_p0_0.png" in str(error.value) and "copy.png" in str(error.value)


def test_group_on_both_sides_is_refused(folder):
    with pytest.raises(UserError, match="same group"):
        splits.check_splits(image_set.scan(folder, group_pattern=r"_(p\d)_"))


def test_positive_class_is_never_guessed(folder):
    (folder / "train/UF").rename(folder / "train/a")
    (folder / "test/UF").rename(folder / "test/a")
    with pytest.raises(UserError, match="--positive"):
        image_set.scan(folder)
    assert image_set.scan(folder, "a").positive == "a"
    with pytest.raises(UserError, match="not among"):
        image_set.scan(folder, "b")


def test_manifest_round_trip(folder, tmp_path):
    images = image_set.scan(folder, group_pattern=r"^(\w+_p\d)_")
    image_set.write_manifest(images, tmp_path / "m.csv")
    again = image_set.scan(tmp_path / "m.csv")
    pd.testing.assert_frame_equal(again.table, images.table)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\na.png,UF\n", "path is missing"),
        ("path,label,split\na.png,UF,fold1\n", "line 2: split is 'fold1'"),
        ("path,label\na.png,\n", "label is empty"),
        ("path,label\na.png,UF\na.png,UF\n", "more than once"),
        ("path,label\n", "lists no images"),
        ("", "not a readable CSV"),
    ],
)
def test_bad_manifests_are_refused(tmp_path, text, message):
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        image_set.scan(tmp_path / "m.csv")
