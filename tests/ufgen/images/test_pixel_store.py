"""Decoding: every kind of file, quarantine, cache, hashes."""

import os
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ufgen.display import image_set_page
from ufgen.errors import UserError
from ufgen.images import decoding, image_set, pixel_store

RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 256, (20, 30), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".tiff"])
def test_gray_files_of_every_kind_decode_to_the_same_pixels(tmp_path, suffix):
    Image.fromarray(GRAY).save(tmp_path / f"a{suffix}")
    assert (pixel_store.decode(tmp_path / f"a{suffix}") == GRAY).all()


def test_modes(tmp_path):
    rgb = Image.fromarray(COLOUR)
    rgb.save(tmp_path / "rgb.png")
    assert (pixel_store.decode(tmp_path / "rgb.png") == COLOUR).all()
    Image.fromarray(GRAY).convert("RGB").save(tmp_path / "gray_as_rgb.png")
    assert (pixel_store.decode(tmp_path / "gray_as_rgb.png") == GRAY).all()
    rgb.convert("CMYK").save(tmp_path / "cmyk.tif")
    assert (pixel_store.decode(tmp_path / "cmyk.tif") == COLOUR).all()
    rgb.quantize(256).save(tmp_path / "palette.png")
    expected = np.asarray(rgb.quantize(256).convert("RGB"))
    assert (pixel_store.decode(tmp_path / "palette.png") == expected).all()
    rgb.save(tmp_path / "a.jpg", quality=95)
    assert pixel_store.decode(tmp_path / "a.jpg").shape == (20, 30, 3)


def test_transparency_is_laid_on_black(tmp_path):
    alpha = np.full((20, 30, 1), 255, np.uint8)
    alpha[:10] = 0
    Image.fromarray(np.concatenate([COLOUR, alpha], axis=-1)).save(tmp_path / "a.png")
    decoded = pixel_store.decode(tmp_path / "a.png")
    assert (decoded[:10] == 0).all() and (decoded[10:] == COLOUR[10:]).all()


def test_sixteen_bits_span_the_full_range(tmp_path):
    deep = GRAY.astype(np.uint16) * 257
    Image.fromarray(deep).save(tmp_path / "a.png")
    Image.fromarray(deep).save(tmp_path / "a.tif")
    assert (pixel_store.decode(tmp_path / "a.png") == GRAY).all()
    assert (pixel_store.decode(tmp_path / "a.tif") == GRAY).all()


def test_exif_rotation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(GRAY).save(tmp_path / "a.png", exif=exif)
    assert (pixel_store.decode(tmp_path / "a.png") == np.rot90(GRAY, -1)).all()


@pytest.mark.parametrize("fit", pixel_store.FITS)
def test_resize_keeps_the_aspect(fit):
    wide = np.full((50, 100), 200, np.uint8)
    small = pixel_store.resize(wide, 32, 1, fit)[..., 0]
    assert small.shape == (32, 32)
    if fit == "pad":
        assert (small[:7] == 0).all() and (small[9:23] == 200).all()
    else:
        assert (small == 200).all()


def test_resize_is_antialiased():
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    inner = pixel_store.resize(board, 16)[2:-2, 2:-2]
    assert abs(inner.astype(float) - 127.5).max() < 8


def test_broken_files_are_quarantined_with_their_reason(folder):
    bad = folder / "train" / "UF"
    (bad / "truncated.png").write_bytes((bad / "UF_train_p0_0.png").read_bytes()[:300])
    (bad / "empty.jpg").write_bytes(b"")
    (bad / "notes.txt").write_text("hello")
    decoded = pixel_store.load(image_set.scan(folder), 32)
    assert len(decoded.images) == 18
    reasons = dict(zip(decoded.quarantine["path"], decoded.quarantine["reason"], strict=True))
    assert len(reasons) == 3 and all(reasons.values())
    assert "file type .txt" in reasons[str(bad / "notes.txt")]


def test_everything_broken_is_an_error(tmp_path):
    for name in ("UF/a.png", "NUF/b.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"no picture")
    with pytest.raises(UserError, match="none of the 2 images"):
        pixel_store.load(image_set.scan(tmp_path), 32)


def test_second_load_decodes_nothing(folder, monkeypatch):
    first = pixel_store.load(image_set.scan(folder), 32)

    def refuse(path):
        raise AssertionError(f"decoded {path} again")

    monkeypatch.setattr(pixel_store, "decode", refuse)
    again = pixel_store.load(image_set.scan(folder), 32)
    assert isinstance(again.store.array, np.memmap)
    assert (again.store.take(again.images) == first.store.take(first.images)).all()


def test_pixels_follow_the_image_and_not_the_row(folder):
    decoded = pixel_store.load(image_set.scan(folder), 32)
    order = np.random.default_rng(0).permutation(len(decoded.images))
    straight = decoded.store.take(decoded.images)
    assert (decoded.store.take(decoded.images.select(order)) == straight[order]).all()
    assert straight.dtype == np.uint8 and straight.shape == (18, 32, 32, 1)


def test_hash_is_of_the_pixels_and_not_of_the_file(tmp_path):
    Image.fromarray(GRAY).save(tmp_path / "a.png")
    Image.fromarray(GRAY).save(tmp_path / "b.bmp")
    one, two = (
        pixel_store.hash_pixels(pixel_store.decode(tmp_path / n)) for n in ("a.png", "b.bmp")
    )
    assert one == two != pixel_store.hash_pixels(GRAY[::-1])


def _damaged_tiff(file: Path) -> None:
    """A TIFF with a second frame that lacks its size, at which Pillow raises a TypeError."""
    Image.fromarray(GRAY).save(file)
    content = bytearray(file.read_bytes())
    [first] = struct.unpack("<I", content[4:8])
    [entries] = struct.unpack("<H", content[first : first + 2])
    pointer = first + 2 + 12 * entries
    content[pointer : pointer + 4] = struct.pack("<I", len(content))
    file.write_bytes(bytes(content) + bytes(6))


def test_whatever_a_decoder_raises_is_a_reason(folder, monkeypatch):
    bad = folder / "train" / "UF"
    _damaged_tiff(bad / "damaged.tif")
    decoded = pixel_store.load(image_set.scan(folder), 32)
    assert len(decoded.images) == 18
    assert decoded.quarantine["path"].tolist() == [str(bad / "damaged.tif")]
    assert decoded.quarantine["reason"].iloc[0] == "cannot be decoded: Missing dimensions"

    def fail(*_, **__):
        raise ZeroDivisionError("zoom of 0")

    monkeypatch.setattr(decoding.Image, "open", fail)
    with pytest.raises(UserError, match="cannot be decoded: zoom of 0"):
        decoding.decode(bad / "UF_train_p0_0.png")


def test_dead_links_and_pipes_are_listed(folder):
    bad = folder / "train" / "UF"
    (bad / "link.png").symlink_to("nowhere.png")
    os.mkfifo(bad / "pipe.png")
    decoded = pixel_store.load(image_set.scan(folder), 32)
    reasons = dict(zip(decoded.quarantine["path"], decoded.quarantine["reason"], strict=True))
    assert reasons == {
        str(bad / "link.png"): "the file does not exist: it is a link to nowhere.png",
        str(bad / "pipe.png"): "it is not a regular file",
    }
    (folder / "test" / "gone").symlink_to("nowhere")
    with pytest.raises(UserError, match="gone is a link to nowhere"):
        image_set.scan(folder)


def test_twelve_bits_in_files_of_sixteen_are_mentioned(folder, capsys):
    pixel_store.load(image_set.scan(folder), 32)
    assert "grey levels" not in capsys.readouterr().err
    for number, file in enumerate(sorted((folder / "train").rglob("*.png"))):
        values = np.random.default_rng(number).integers(0, 4096, (40, 36)).astype("uint16")
        Image.fromarray(values).save(file)
    images = image_set.scan(folder)
    decoded = pixel_store.load(images, 32)
    warning = capsys.readouterr().err
    assert "12 of 18 images use less than a quarter of the grey levels" in warning
    assert "of 255" in warning and "4095 becomes 65535" in warning
    page = image_set_page.write_page(*decoded, folder.parent / "page").read_text()
    assert "12 of 18 images use less than" in page


def test_a_machine_without_a_home(monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(pixel_store.Path, "home", no_home)
    assert pixel_store.cache_folder() == Path(os.environ["UFGEN_CACHE"])
    monkeypatch.delenv("UFGEN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert pixel_store.cache_folder() == Path("/x/ufgen")
    monkeypatch.delenv("XDG_CACHE_HOME")
    with pytest.raises(UserError, match="set UFGEN_CACHE"):
        pixel_store.cache_folder()


def test_a_cache_entry_is_written_once_by_several_at_a_time(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("UFGEN_CACHE", str(tmp_path / "cache"))
    images, written = image_set.scan(folder), []
    write = pixel_store._write_entry

    def slowly(*arguments):
        written.append(arguments)
        time.sleep(0.3)
        write(*arguments)

    monkeypatch.setattr(pixel_store, "_write_entry", slowly)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: pixel_store.load(images, 32), range(4)))
    assert len(written) == 1
    assert all((one.store.array == results[0].store.array).all() for one in results)


def test_loading_does_not_write_into_the_table_it_was_given(folder):
    images = image_set.scan(folder)
    before = images.table.copy()
    loaded = pixel_store.load(images, 32).images
    pd.testing.assert_frame_equal(images.table, before)
    assert (loaded.table["sha256"] != "").all()


class _Halved:
    """A preparation that keeps the upper half."""

    def __init__(self, key):
        self.key = key

    def apply(self, picture, path):
        assert Path(path).is_file()
        return picture[: len(picture) // 2]


def test_a_prepared_image_is_resized_after_it_is_prepared_and_cached_by_its_key(tmp_path):
    for label in ("UF", "NUF"):
        (tmp_path / label).mkdir()
        Image.fromarray(np.repeat([[10], [200]], 32, 0).repeat(32, 1).astype(np.uint8)).save(
            tmp_path / label / "a.png"
        )
    images = image_set.scan(tmp_path)
    plain = pixel_store.load(images, 32)
    halved = pixel_store.load(images, 32, preparation=_Halved("a"))
    assert plain.store.array.max() == 200 and halved.store.array.max() == 10
    assert (halved.images.table["sha256"] == plain.images.table["sha256"]).all()

    class Whole(_Halved):
        def apply(self, picture, path):
            return picture

    assert pixel_store.load(images, 32, preparation=Whole("a")).store.array.max() == 10  # cached
    assert pixel_store.load(images, 32, preparation=Whole("b")).store.array.max() == 200
