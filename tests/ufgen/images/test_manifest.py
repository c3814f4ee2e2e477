"""Manifests: whatever a spreadsheet wrote is read, and a group or a split is never lost."""

import os

import pandas as pd
import pytest

from ufgen.errors import UserError
from ufgen.images import folder_listing, image_set, pixel_store, splits

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
        (ROWS + "\n,,,\n\n \n").encode(),
        ("\n" + ROWS.replace("\n", ",,\n")).encode(),
        ("sep=;\n" + ROWS.replace(",", ";")).encode(),
        ROWS.replace("path", ",path").replace("images", "7,images").encode(),
        ROWS.replace("path", "Unnamed: 0,path").replace("images", "7,images").encode(),
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
        (b'path,label,note\na.png,UF,"two\nlines"\n\nb.png,,\n', "line 5: the label is empty"),
        (b"path,label\na, 1.png,UF\n", "line 2: found 3 fields, expected 2"),
        (b'path,label\n"a.png,UF\nb.png,NUF\n', "line 2: .*quotation mark"),
        (b"path,label\n,UF\n", "the column path is empty"),
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


def test_splits_have_other_names_in_manifests_too(written, tmp_path):
    for name in ("val", "Valid", "dev", " validation "):
        images = written(ROWS.replace("test", name).encode())
        assert images.table["split"].tolist() == ["train", "validation"]
    image_set.write_manifest(images, tmp_path / "again.csv")
    assert "validation" in (tmp_path / "again.csv").read_text()
    with pytest.raises(UserError, match="split is 'fold1': expected one of train, validation, tes"):
        written(ROWS.replace("test", "fold1").encode())


def test_a_quoted_field_may_have_lines_and_commas(written, tmp_path, picture):
    picture(tmp_path / "images" / "c, 1\n2.png", 3)
    text = 'path,label,group\n"images/c, 1\n2.png",UF,"a ""b"""\nimages/b.png,NUF,p\n'
    table = written(text.encode()).table
    assert table["path"].iloc[1].endswith("images/c, 1\n2.png")
    assert table["group"].iloc[1] == 'a "b"'


@pytest.mark.parametrize("name", ["m.tsv", "M.TSV", "m.parquet", "manifest.parquet"])
def test_other_manifests_are_read_as_csv_is(written, tmp_path, name):
    expected = written(ROWS.encode())
    if name.endswith("parquet"):
        columns = pd.DataFrame({"path": ["images/a 1.png", "images/b.png"], "label": ["UF", "NUF"]})
        columns = columns.assign(split=["train", "test"], group=["p1", "p2"], source=None)
        columns.assign(source="real").to_parquet(tmp_path / name)
    else:
        (tmp_path / name).write_text(ROWS.replace(",", "\t"))
    location = tmp_path if name.startswith("manifest") else tmp_path / name
    pd.testing.assert_frame_equal(image_set.scan(location).table, expected.table)
    assert image_set.name_of(tmp_path / "m.tsv") == "m"


def test_parquet_manifests_hold_numbers_and_gaps(written, tmp_path):
    table = pd.DataFrame({"path": ["a.png", "b.png"], "Label": [0, 1], "split": [None, None]})
    table.assign(group=pd.Categorical(["x", "y"])).to_parquet(tmp_path / "m.parquet")
    images = image_set.scan(tmp_path / "m.parquet", "1")
    assert images.classes == ["0", "1"] and images.table["split"].tolist() == ["", ""]
    assert images.table["group"].tolist() == ["x", "y"]


def test_parquet_without_its_reader_or_content_says_what_to_do(tmp_path, monkeypatch):
    (tmp_path / "m.parquet").write_bytes(b"PAR1 not")
    with pytest.raises(UserError, match="not a readable Parquet file"):
        image_set.scan(tmp_path / "m.parquet")

    def missing(*_):
        raise ImportError("pyarrow")

    monkeypatch.setattr(pd, "read_parquet", missing)
    with pytest.raises(UserError, match=r"install `ufgen\[parquet\]`"):
        image_set.scan(tmp_path / "m.parquet")


def test_a_spreadsheet_is_to_be_saved_as_csv(tmp_path):
    (tmp_path / "m.xlsx").write_bytes(b"PK")
    with pytest.raises(UserError, match="save the spreadsheet as `CSV UTF-8`"):
        image_set.scan(tmp_path / "m.xlsx")


def test_rows_that_name_no_picture_are_told_apart_from_the_others(written, tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    names = ["images/a 1.png", f"../{tmp_path.name}/images/b.png", "pipe.png"]
    names += [
        "folder.png",
        "/dev/zero",
        "gone.png",
        "",
        " ",
        "images/._b.png",
        "images/a 1_mask.png",
    ]
    rows = "".join(
        f"{name},{label}\n" for name, label in zip(names, ["UF", "NUF"] * 5, strict=True)
    )
    images = written(("path,label\n" + rows).encode())
    decoded = pixel_store.load(images, 32)
    assert [path.rsplit("/", 1)[1] for path in decoded.images.table["path"]] == ["a 1.png", "b.png"]
    assert len(decoded.quarantine) == 4 and (decoded.quarantine["reason"] != "").all()
    assert folder_listing.describe(images.left_out) == (
        "left out: 2 rows without a path, 1 system file, 1 segmentation mask"
    )
