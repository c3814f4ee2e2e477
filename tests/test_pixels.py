"""Decoding: every kind of file, quarantine, cache, hashes."""

import numpy as np
import pytest
from PIL import Image

from ufgen import imageset, pixels
from ufgen.errors import UserError

RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 256, (20, 30), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".tiff"])
def test_gray_files_of_every_kind_decode_to_the_same_pixels(tmp_path, suffix):
    Image.fromarray(GRAY).save(tmp_path / f"a{suffix}")
    assert (pixels.decode(tmp_path / f"a{suffix}") == GRAY).all()


def test_modes(tmp_path):
    rgb = Image.fromarray(COLOUR)
    rgb.save(tmp_path / "rgb.png")
    assert (pixels.decode(tmp_path / "rgb.png") == COLOUR).all()
    Image.fromarray(GRAY).convert("RGB").save(tmp_path / "gray_as_rgb.png")
    assert (pixels.decode(tmp_path / "gray_as_rgb.png") == GRAY).all()
    rgb.convert("CMYK").save(tmp_path / "cmyk.tif")
    assert (pixels.decode(tmp_path / "cmyk.tif") == COLOUR).all()
    rgb.quantize(256).save(tmp_path / "palette.png")
    expected = np.asarray(rgb.quantize(256).convert("RGB"))
    assert (pixels.decode(tmp_path / "palette.png") == expected).all()
    rgb.save(tmp_path / "a.jpg", quality=95)
    assert pixels.decode(tmp_path / "a.jpg").shape == (20, 30, 3)


def test_transparency_is_laid_on_black(tmp_path):
    alpha = np.full((20, 30, 1), 255, np.uint8)
    alpha[:10] = 0
    Image.fromarray(np.concatenate([COLOUR, alpha], axis=-1)).save(tmp_path / "a.png")
    decoded = pixels.decode(tmp_path / "a.png")
    assert (decoded[:10] == 0).all() and (decoded[10:] == COLOUR[10:]).all()


def test_sixteen_bits_span_the_full_range(tmp_path):
    deep = GRAY.astype(np.uint16) * 257
    Image.fromarray(deep).save(tmp_path / "a.png")
    Image.fromarray(deep).save(tmp_path / "a.tif")
    assert (pixels.decode(tmp_path / "a.png") == GRAY).all()
    assert (pixels.decode(tmp_path / "a.tif") == GRAY).all()


def test_exif_rotation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(GRAY).save(tmp_path / "a.png", exif=exif)
    assert (pixels.decode(tmp_path / "a.png") == np.rot90(GRAY, -1)).all()


@pytest.mark.parametrize("fit", pixels.FITS)
def test_resize_keeps_the_aspect(fit):
    wide = np.full((50, 100), 200, np.uint8)
    small = pixels.resize(wide, 32, 1, fit)[..., 0]
    assert small.shape == (32, 32)
    if fit == "pad":
        assert (small[:7] == 0).all() and (small[9:23] == 200).all()
    else:
        assert (small == 200).all()


def test_resize_is_antialiased():
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    inner = pixels.resize(board, 16)[2:-2, 2:-2]
    assert abs(inner.astype(float) - 127.5).max() < 8


def test_broken_files_are_quarantined_with_their_reason(folder):
    bad = folder / "train" / "UF"
    (bad / "truncated.png").write_bytes((bad / "UF_train_p0_0.png").read_bytes()[:300])
    (bad / "empty.jpg").write_bytes(b"")
    (bad / "notes.txt").write_text("hello")
    decoded = pixels.load(imageset.scan(folder), 32)
    assert len(decoded.images) == 18
    reasons = dict(zip(decoded.quarantine["path"], decoded.quarantine["reason"], strict=True))
    assert len(reasons) == 3 and all(reasons.values())
    assert "file type .txt" in reasons[str(bad / "notes.txt")]


def test_everything_broken_is_an_error(tmp_path):
    for name in ("UF/a.png", "NUF/b.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"no picture")
    with pytest.raises(UserError, match="none of the 2 images"):
        pixels.load(imageset.scan(tmp_path), 32)


def test_second_load_decodes_nothing(folder, monkeypatch):
    first = pixels.load(imageset.scan(folder), 32)

    def refuse(path):
        raise AssertionError(f"decoded {path} again")

    monkeypatch.setattr(pixels, "decode", refuse)
    again = pixels.load(imageset.scan(folder), 32)
    assert isinstance(again.store.array, np.memmap)
    assert (again.store.take(again.images) == first.store.take(first.images)).all()


def test_pixels_follow_the_image_and_not_the_row(folder):
    decoded = pixels.load(imageset.scan(folder), 32)
    order = np.random.default_rng(0).permutation(len(decoded.images))
    straight = decoded.store.take(decoded.images)
    assert (decoded.store.take(decoded.images.select(order)) == straight[order]).all()
    assert straight.dtype == np.uint8 and straight.shape == (18, 32, 32, 1)


def test_hash_is_of_the_pixels_and_not_of_the_file(tmp_path):
    Image.fromarray(GRAY).save(tmp_path / "a.png")
    Image.fromarray(GRAY).save(tmp_path / "b.bmp")
    one, two = (pixels.hash_pixels(pixels.decode(tmp_path / n)) for n in ("a.png", "b.bmp"))
    assert one == two != pixels.hash_pixels(GRAY[::-1])
