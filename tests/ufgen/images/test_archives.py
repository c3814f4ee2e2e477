"""Zip archives: read in place like the folder that was zipped; what is unsafe is left out."""

import shutil
import zipfile

import pytest

from ufgen.errors import UserError
from ufgen.images import folder_listing, image_set


@pytest.fixture
def zipped(folder, tmp_path):
    """A function that writes a zip archive of the folder, below a path, and other members."""

    def write(below="", others=()):
        with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
            for file in sorted(folder.rglob("*.png")):
                archive.write(file, f"{below}{file.relative_to(folder).as_posix()}")
            for name in others:
                archive.writestr(name, b"other")
        return tmp_path / "set.zip"

    return write


@pytest.mark.parametrize("below", ["", "UF_dataset/"])
def test_an_archive_is_read_like_its_folder(folder, zipped, below):
    images, unpacked = image_set.scan(zipped(below)), image_set.scan(folder)
    columns = ["path", "label", "split", "source"]
    assert images.relative()[columns].equals(unpacked.relative()[columns])
    assert images.table["path"].iloc[0] == f"{zipped(below)}/{below}test/NUF/NUF_test_p0_0.png"
    assert image_set.name_of(zipped()) == "set" and image_set.is_location("a/set.zip")


def test_an_archive_may_hold_classes_or_a_manifest(folder, zipped, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image_set.write_manifest(image_set.scan(folder), folder / "manifest.csv")
    with zipfile.ZipFile(zipped("set/"), "a") as archive:
        archive.write(folder / "manifest.csv", "set/manifest.csv")
    images = image_set.scan("set.zip")
    assert images.relative()["path"].tolist() == (
        image_set.scan(folder).relative()["path"].tolist()
    )
    assert set(images.table["split"]) == {"train", "test"}
    with zipfile.ZipFile("set.zip", "w") as archive:
        archive.writestr("manifest.csv", "path,label\na.png,UF\n../out.png,NUF\n")
    with pytest.raises(UserError, match=r"line 3: .*out\.png is outside the archive"):
        image_set.scan("set.zip")
    shutil.make_archive("classes", "zip", folder / "train")
    images = image_set.scan("classes.zip")
    assert len(images) == 12 and set(images.table["split"]) == {""}


def test_members_that_are_not_read_are_counted(zipped):
    others = ["../evil.png", "train/../../e.png", "/etc/e.png", "C:/e.png", "train\\UF\\e.png"]
    others += ["train/UF/more.zip", "__MACOSX/train/UF/._a.png", "train/.DS_Store"]
    path = zipped("", others)
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("train/UF/link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    images = image_set.scan(path)
    assert len(images) == 18
    assert folder_listing.describe(images.left_out) == (
        "left out: 5 unsafe paths in the archive, 1 archive in the archive, 1 link in the archive, "
        "2 system files"
    )


def test_an_archive_that_cannot_be_read_says_why(zipped, tmp_path):
    content = zipped().read_bytes()
    (tmp_path / "cut.zip").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=r"not a readable zip archive.*damaged"):
        image_set.scan(tmp_path / "cut.zip")
    start = content.index(b"PK\x01\x02")
    locked = content[: start + 8] + b"\x01" + content[start + 9 :]
    (tmp_path / "locked.zip").write_bytes(locked)
    with pytest.raises(UserError, match="is encrypted"):
        image_set.scan(tmp_path / "locked.zip")
    (tmp_path / "set.rar").write_bytes(b"x")
    with pytest.raises(UserError, match="unpack it"):
        image_set.scan(tmp_path / "set.rar")


def test_a_folder_of_one_archive_hints_at_it(zipped, tmp_path):
    (tmp_path / "only").mkdir()
    zipped().rename(tmp_path / "only" / "set.zip")
    with pytest.raises(UserError, match=r"read where it is: name .*only/set\.zip instead"):
        image_set.scan(tmp_path / "only")
