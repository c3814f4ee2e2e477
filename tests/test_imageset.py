"""Image sets: what is read, what is refused, and how groups are split."""

import numpy as np
import pandas as pd
import pytest

from ufgen import imageset, pixels
from ufgen.errors import UserError


def test_folder_with_splits(folder):
    images = imageset.scan(folder)
    assert len(images) == 18
    assert images.positive == "UF"
    assert images.split("train").targets().sum() == 6
    assert list(images.table.columns) == imageset.COLUMNS


def test_flat_folder_has_no_split(folder):
    images = imageset.scan(folder / "train")
    assert set(images.table["split"]) == {""}
    with pytest.raises(UserError, match="ufgen data split"):
        imageset.check_splits(images)


def test_parent_folder_is_refused_with_the_likely_path(folder):
    with pytest.raises(UserError, match=f"probably mean {folder}"):
        imageset.scan(folder.parent)


def test_train_and_test_are_never_classes(folder):
    assert set(imageset.scan(folder).classes) == {"UF", "NUF"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: (f / "train/UF/deeper").mkdir(), "folders in it"),
        (lambda f: (f / "train/empty").mkdir(), "is empty"),
        (lambda f: (f / "extra").mkdir(), "Move extra elsewhere"),
        (lambda f: (f / "train/UF").rename(f.parent / "gone"), "test only"),
        (lambda f: (f / "test").rename(f.parent / "gone"), "no test folder"),
        (lambda f: (f / "test").rename(f / "val"), "carved from train"),
    ],
)
def test_bad_folders_are_refused(folder, change, message):
    change(folder)
    with pytest.raises(UserError, match=message):
        imageset.check_splits(imageset.scan(folder))


def test_loose_images_and_missing_places_are_refused(folder, picture):
    with pytest.raises(UserError, match="nothing at"):
        imageset.scan(folder / "nowhere")
    picture(folder / "train" / "loose.png")
    with pytest.raises(UserError, match=r"loose\.png"):
        imageset.scan(folder)


def test_same_picture_on_both_sides_names_both_files(folder):
    copy = folder / "test" / "UF" / "copy.png"
    copy.write_bytes((folder / "train" / "UF" / "UF_train_p0_0.png").read_bytes())
    images = pixels.load(imageset.scan(folder), 32).images
    with pytest.raises(UserError) as error:
        imageset.check_splits(images)
    assert "UF_train_p0_0.png" in str(error.value) and "copy.png" in str(error.value)


def test_group_on_both_sides_is_refused(folder):
    with pytest.raises(UserError, match="same group"):
        imageset.check_splits(imageset.scan(folder, group_pattern=r"_(p\d)_"))


def test_positive_class_is_never_guessed(folder):
    (folder / "train/UF").rename(folder / "train/a")
    (folder / "test/UF").rename(folder / "test/a")
    with pytest.raises(UserError, match="--positive"):
        imageset.scan(folder)
    assert imageset.scan(folder, "a").positive == "a"
    with pytest.raises(UserError, match="not among"):
        imageset.scan(folder, "b")


def test_manifest_round_trip(folder, tmp_path):
    images = imageset.scan(folder, group_pattern=r"^(\w+_p\d)_")
    imageset.write_manifest(images, tmp_path / "m.csv")
    again = imageset.scan(tmp_path / "m.csv")
    pd.testing.assert_frame_equal(again.table, images.table)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\na.png,UF\n", "path is missing"),
        ("path,label,split\na.png,UF,val\n", "line 2: split is 'val'"),
        ("path,label\na.png,\n", "label is empty"),
        ("path,label\na.png,UF\na.png,UF\n", "more than once"),
        ("path,label\n", "lists no images"),
        ("", "not a readable CSV"),
    ],
)
def test_bad_manifests_are_refused(tmp_path, text, message):
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        imageset.scan(tmp_path / "m.csv")


def _grouped(count=200, seed=0):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, count // 3, count)
    table = pd.DataFrame({"path": [f"/x/{i}.png" for i in range(count)]})
    table = table.assign(label=np.where(group % 3 == 0, "UF", "NUF"), split="", source="real")
    table = table.assign(group=[f"g{g}" for g in group], sha256=table["path"])
    return imageset.ImageSet(table[imageset.COLUMNS], "UF")


@pytest.mark.parametrize("fraction", [0.2, 0.3])
def test_hold_out_keeps_groups_whole_and_classes_in_proportion(fraction):
    images = _grouped()
    held = imageset.hold_out(images, fraction, 1)
    assert not set(images.table["group"][held]) & set(images.table["group"][~held])
    for target in (0, 1):
        share = held[images.targets() == target].mean()
        assert abs(share - fraction) < 0.04


def test_hold_out_depends_on_the_seed_and_not_on_row_order():
    images = _grouped()
    held = imageset.hold_out(images, 0.3, 1)
    order = np.random.default_rng(5).permutation(len(images))
    assert (imageset.hold_out(images.select(order), 0.3, 1) == held[order]).all()
    assert (imageset.hold_out(images, 0.3, 2) != held).any()


def test_hold_out_needs_two_groups_a_class():
    images = _grouped()
    images.table.loc[images.targets() == 1, "group"] = "one"
    with pytest.raises(UserError, match="at least two"):
        imageset.hold_out(images, 0.3, 0)


def test_same_pictures_share_a_group():
    images = _grouped(30)
    images.table.loc[[0, 7], "sha256"] = "same"
    joined = imageset.group_same_pictures(images).table["group"]
    assert joined[0] == joined[7]


def test_leak_is_named(folder):
    images = pixels.load(imageset.scan(folder), 32).images
    with pytest.raises(UserError, match="UF_test_p0_0"):
        imageset.check_no_leak(images.table, images.split("test"), by="the generator")
    imageset.check_no_leak(images.split("train").table, images.split("test"), by="the generator")
