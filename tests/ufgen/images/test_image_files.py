"""The bytes of images: files, and members of zip archives, within limits."""

import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from ufgen.errors import UserError
from ufgen.images import decoding, image_files, image_set, pixel_store

GREY = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)


@pytest.fixture
def archive(tmp_path):
    """set.zip with train/UF/a.png and b.bmp, and what operating systems leave."""
    Image.fromarray(GREY).save(tmp_path / "a.png")
    Image.fromarray(GREY[::-1]).save(tmp_path / "b.bmp")
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as written:
        written.write(tmp_path / "b.bmp", "train/UF/b.bmp")
        written.write(tmp_path / "a.png", "train/UF/a.png")
        written.mkdir("train/NUF")
        written.writestr("__MACOSX/train/UF/._a.png", "nothing")
        written.writestr("train/UF/.DS_Store", "nothing")
    return tmp_path / "set.zip"


def member(archive, name, content=b"nothing", method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(archive, "w", method) as written:
        written.writestr(name, content)
    return f"{archive}/{name}"


def test_members_are_read_in_place(archive, tmp_path):
    path = archive / "train" / "UF" / "a.png"
    assert image_files.archive_of(path) == (archive, "train/UF/a.png")
    assert image_files.archive_of(archive) is None and image_files.is_archive(archive)
    assert image_files.open_image(path).read() == (tmp_path / "a.png").read_bytes()
    assert image_files.size(path) == image_files.size(tmp_path / "a.png")
    assert (decoding.decode(path) == GREY).all() and decoding.size_in_pixels(path) == (30, 20)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.bmp", "set.zip"]


def test_what_is_in_an_archive_is_found(archive):
    names = ["train/UF/a.png", "train/UF/b.bmp"]
    assert image_files.members(archive) == names
    assert decoding.find_files([archive]) == [archive / name for name in names]
    assert decoding.find_files([archive / names[0]]) == [archive / names[0]]
    assert image_files.is_image_file(archive / names[0]) and image_files.is_image_file(archive)
    for other in ("train/UF/c.png", "train/NUF/", "train"):
        assert not image_files.is_image_file(f"{archive}/{other}")
    with pytest.raises(UserError, match=r"set\.zip has no member train/UF/c.png"):
        image_files.open_image(f"{archive}/train/UF/c.png")


def test_the_store_holds_the_same_pixels_from_archives_and_files(archive, tmp_path):
    files = [tmp_path / "a.png", tmp_path / "b.bmp"]
    table = image_set.scan(_manifest(tmp_path, files), positive="a").table
    inside = [str(archive / "train/UF/a.png"), str(archive / "train/UF/b.bmp")]
    images = image_set.ImageSet(table, "a")
    loaded = pixel_store.load(images, 16).images.table["sha256"].tolist()
    zipped = image_set.ImageSet(table.assign(path=inside), "a")
    assert pixel_store.load(zipped, 16).images.table["sha256"].tolist() == loaded


def _manifest(folder, paths):
    rows = "".join(f"{path},{label},train\n" for path, label in zip(paths, "ab", strict=True))
    (folder / "m.csv").write_text("path,label,split\n" + rows)
    return folder / "m.csv"


def test_threads_read_one_archive(archive):
    names = ["a.png", "b.bmp"] * 40
    with ThreadPoolExecutor(8) as pool:
        decoded = list(pool.map(lambda n: decoding.decode(archive / "train/UF" / n), names))
    assert all((one == (GREY, GREY[::-1])[i % 2]).all() for i, one in enumerate(decoded))


def test_a_replaced_archive_is_read_again(archive):
    path = archive / "train/UF/a.png"
    image_files.open_image(path)
    assert image_files.open_image(member(archive, "train/UF/a.png", b"new")).read() == b"new"


@pytest.mark.parametrize("name", ["../a.png", "UF/../../a.png", "UF\\a.png", "C:a.png", "/a.png"])
def test_names_that_lead_out_are_refused(tmp_path, name):
    path = member(tmp_path / "a.zip", name)
    with pytest.raises(UserError, match="leads out of it"):
        image_files.open_image(path)
    with pytest.raises(UserError, match="leads out of it"):
        image_files.members(tmp_path / "a.zip")


def test_bombs_are_limited_as_they_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(image_files, "RATIO_FREE", 2**20)
    path = member(tmp_path / "a.zip", "a.bmp", bytes(2**23))
    content = (tmp_path / "a.zip").read_bytes()
    with pytest.raises(UserError, match="decompresses to more than"):
        image_files.open_image(path)
    lying = content.replace((2**23).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    (tmp_path / "b.zip").write_bytes(lying)
    with pytest.raises(UserError, match=r"damaged in b\.zip"):
        image_files.open_image(tmp_path / "b.zip" / "a.bmp")
    monkeypatch.setattr(image_files, "MEMBER_LIMIT", 2**18)
    noise = np.random.default_rng(0).bytes(2**19)
    with pytest.raises(UserError, match="decompresses to more than"):
        image_files.open_image(member(tmp_path / "c.zip", "a.bmp", noise))


def test_archives_that_cannot_be_read_say_why(archive, tmp_path):
    content = archive.read_bytes()
    (tmp_path / "half.zip").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=r"half\.zip cannot be read as a zip archive"):
        image_files.open_image(tmp_path / "half.zip" / "a.png")
    flags = content.index(b"PK\x01\x02") + 8
    (tmp_path / "secret.zip").write_bytes(content[:flags] + b"\x01" + content[flags + 1 :])
    with pytest.raises(UserError, match="encrypted in secret"):
        decoding.decode(tmp_path / "secret.zip" / "train/UF/b.bmp")
    (tmp_path / "bad.zip").write_bytes(content[:300] + bytes(40) + content[340:])
    with pytest.raises(UserError, match="damaged in bad"):
        decoding.decode(tmp_path / "bad.zip" / "train/UF/b.bmp")
    with pytest.raises(UserError, match="method 14"):
        image_files.open_image(member(tmp_path / "l.zip", "a.png", method=zipfile.ZIP_LZMA))
