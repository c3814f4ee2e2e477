"""Manifests: whatever a spreadsheet wrote is read, and a group or a split is never lost."""

import pandas as pd
import pytest

from ufgen.errors import UserError
from ufgen.images import image_set, pixel_store, splits

ROWS = "path,label,split,group\nimages/a 1.png,UF,train,p1\nimages/b.png,NUF,test,p2\n"


@pytest.fixture
def written(tmp_path, picture):
    """A function that writes a manifest of two pictures as bytes, and reads it."""
    for number, name in enumerate(("a 1", "b")):
        picture(tmp_path / "images" / f"{name}.png", number)

    def write(content: bytes):
        (tmp_path / "m.csv").write_bytes(content)
        return image_set.scan(tmp_path / "m.csv")

    return write


@pytest.mark.parametrize(
    "content",
    [
        ROWS.replace(",", ";").encode(),
        ROWS.replace(",", "\t").encode(),
        ROWS.encode("utf-16"),
        ROWS.encode("utf-8-sig"),
        ROWS.replace("/", "\\").encode(),
        ROWS.replace("path,label,split", "Path, Label ,SPLIT").encode(),
        ROWS.replace("train", "Train ").replace("\n", "\r\n").encode(),
        ROWS.replace("path,", '"path",').encode(),
    ],
)
def test_any_spreadsheet_is_read(written, content):
    pd.testing.assert_frame_equal(written(content).table, written(ROWS.encode()).table)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (ROWS.replace("UF", "Größe").encode("latin1"), "not UTF-8 text.*Save it as"),
        (b"path,Path,label\na,b,c\n", "column path more than once"),
        (b"path,label\na.png,..\n", r"line 2: the label is '\.\.'"),
        (b"path,label\na.png,  \n", "line 2: the label is empty"),
    ],
)
def test_the_cause_is_named(written, content, message):
    with pytest.raises(UserError, match=message):
        written(content)


@pytest.mark.parametrize("label", ["all", "real", "nan", "None", "NA", "1", "test", "1e5", "no"])
def test_a_class_may_have_any_name(written, label, tmp_path):
    images = written(ROWS.replace("NUF", label).encode())
    assert set(images.classes) == {"UF", label}
    decoded = pixel_store.load(images, 32)
    image_set.write_manifest(decoded.images, tmp_path / "again.csv")
    assert set(image_set.scan(tmp_path / "again.csv").classes) == {"UF", label}


def test_rows_without_a_split_are_not_dropped(written):
    images = written(ROWS.replace("test,p2", ",p2").encode())
    with pytest.raises(UserError, match=r"1 of 2 images have no split, such as .*b\.png"):
        splits.check_splits(images.select([0, 1]))
    with pytest.raises(UserError, match="no split"):
        images.split("train")


def test_a_patient_without_a_group_is_named(written, tmp_path):
    with pytest.raises(UserError, match=r"no group is given for 1 of 2 images: b\.png.*--allow"):
        written(ROWS.replace("p2", "").encode())
    images = image_set.scan(tmp_path / "m.csv", allow_ungrouped=True)
    assert images.table["group"].tolist() == ["p1", "path:images/b.png"]
    for pattern in (r"a", r"^(a)|b"):
        with pytest.raises(UserError, match=r"misses 1 of 2 images: b\.png"):
            image_set.scan(tmp_path / "m.csv", group_pattern=pattern)
    images = image_set.scan(tmp_path / "m.csv", group_pattern="a", allow_ungrouped=True)
    assert images.table["group"].tolist() == ["a", "path:images/b.png"]


def test_synthetic_rows_need_no_group(written):
    text = "path,label,source,group\nimages/a 1.png,UF,real,\nimages/b.png,NUF,synthetic,g\n"
    assert written(text.encode()).table["group"].tolist() == ["path:images/a 1.png", "g"]


def test_written_paths_are_the_same_wherever_the_images_lie(folder, tmp_path):
    here = image_set.scan(folder)
    moved = image_set.scan(folder.rename(tmp_path / "elsewhere"))
    columns = ["path", "label", "split", "group"]
    pd.testing.assert_frame_equal(here.relative()[columns], moved.relative()[columns])
    assert here.relative()["path"].iloc[0] == "test/NUF/NUF_test_p0_0.png"
    assert here.relative()["path"].is_unique
    assert not here.relative().astype(str).map(lambda cell: str(tmp_path) in cell).any().any()


def test_written_paths_hide_where_a_manifest_far_away_finds_its_images(folder, tmp_path):
    image_set.write_manifest(image_set.scan(folder), tmp_path / "far" / "m.csv")
    images = image_set.scan(tmp_path / "far" / "m.csv")
    assert images.root == str(folder)
    assert images.split("train").relative()["path"].iloc[0] == "train/NUF/NUF_train_p0_0.png"


def test_default_names_do_not_collide(tmp_path):
    for name in ("data.v1", "data.v2"):
        (tmp_path / name).mkdir()
    names = [
        image_set.name_of(tmp_path / n) for n in ("data.v1", "data.v2", "s.v1.csv", "s.v2.csv")
    ]
    assert names == ["data.v1", "data.v2", "s.v1", "s.v2"]
    assert image_set.name_of(tmp_path / "data.v1" / "manifest.csv") == "data.v1"
