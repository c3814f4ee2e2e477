"""Image formats: every kind is read, by content and whatever else is odd; the rest is explained."""

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from ufgen.errors import UserError
from ufgen.images import decoding

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (20, 30), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)
FRAMES = [Image.fromarray(np.full((8, 8, 3), (50 * n, 20, 9), np.uint8)) for n in range(5)]


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.webp", {"lossless": True}), ("a.jp2", {}), ("a.png", {}), ("a.gif", {}), ("a.bmp", {})],
)
def test_lossless_formats_give_the_same_pixels(tmp_path, name, options):
    Image.fromarray(GREY).save(tmp_path / name, **options)
    assert (decoding.decode(tmp_path / name) == GREY).all()


@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".jpg", ".jpeg", ".JPG"])
def test_jpeg_under_all_its_names(tmp_path, suffix):
    Image.fromarray(COLOUR).save(tmp_path / f"a{suffix}", "JPEG")
    expected = np.asarray(Image.open(tmp_path / f"a{suffix}"))
    assert (decoding.decode(tmp_path / f"a{suffix}") == expected).all()


@pytest.mark.parametrize("name", ["a.jpg", "a.tif", "a.gif", "a.dcm"])
def test_the_content_counts_and_not_the_name(tmp_path, name):
    Image.fromarray(GREY).save(tmp_path / name, "PNG")
    assert (decoding.decode(tmp_path / name) == GREY).all()


@pytest.mark.parametrize("name", ["a.gif", "a.tif", "a.png", "a.webp"])
def test_of_several_frames_the_middle_one_is_read(tmp_path, name):
    options = {"lossless": True} if name == "a.webp" else {}
    FRAMES[0].save(tmp_path / name, save_all=True, append_images=FRAMES[1:], **options)
    assert (decoding.decode(tmp_path / name) == (100, 20, 9)).all()
    FRAMES[0].save(tmp_path / name, save_all=True, append_images=FRAMES[1:4], **options)
    assert (decoding.decode(tmp_path / name) == (100, 20, 9)).all()


def test_a_smaller_copy_in_a_tiff_is_no_frame(tmp_path):
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    copy = Image.fromarray(GREY).resize((3, 2))
    tags = ImageFileDirectory_v2()
    tags[254] = 1
    copy.encoderinfo = {"tiffinfo": tags}
    Image.fromarray(GREY).save(tmp_path / "a.tif", save_all=True, append_images=[copy])
    assert Image.open(tmp_path / "a.tif").n_frames == 2
    assert (decoding.decode(tmp_path / "a.tif") == GREY).all()


def test_of_a_phones_jpeg_the_first_picture_is_read(tmp_path):
    Image.fromarray(COLOUR).save(
        tmp_path / "a.jpg", "MPO", save_all=True, append_images=[Image.new("RGB", (9, 9))]
    )
    assert Image.open(tmp_path / "a.jpg").format == "MPO"
    assert decoding.decode(tmp_path / "a.jpg").shape == COLOUR.shape


def test_animations_too_long_to_step_through_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "STEPPED_PIXELS", 100)
    FRAMES[0].save(tmp_path / "a.gif", save_all=True, append_images=FRAMES[1:])
    with pytest.raises(UserError, match="5 frames, too many"):
        decoding.decode(tmp_path / "a.gif")


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "I;16"]
)
def test_every_mode_becomes_bytes(tmp_path, mode):
    image = Image.fromarray(GREY)
    image = Image.fromarray(GREY.astype("uint16")) if mode == "I;16" else image.convert(mode)
    name = "a.png" if mode == "PA" else "a.tif"
    (image.convert("LA") if mode == "PA" else image).save(tmp_path / name)
    picture = decoding.decode(tmp_path / name)
    assert picture.dtype == np.uint8 and picture.shape[:2] == (20, 30)


def test_sixteen_bits_are_rounded_from_their_full_range(tmp_path):
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    Image.fromarray(values).save(tmp_path / "a.png")
    assert (decoding.decode(tmp_path / "a.png") == np.round(values / 257)).all()


def test_pixels_without_a_known_range_are_refused(tmp_path):
    Image.fromarray(GREY / np.float32(255)).save(tmp_path / "a.tif")
    with pytest.raises(UserError, match="floating-point pixels, whose range is unknown"):
        decoding.decode(tmp_path / "a.tif")
    Image.fromarray(GREY.astype("int32") * 1000).save(tmp_path / "a.tif")
    with pytest.raises(UserError, match=r"outside 0\.\.65535"):
        decoding.decode(tmp_path / "a.tif")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_of_exif(tmp_path, orientation):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(GREY).save(tmp_path / "a.png", exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "a.png")))
    assert (decoding.decode(tmp_path / "a.png") == expected).all()


@pytest.mark.parametrize("exif", [b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0nonsense", b""])
def test_broken_exif_and_profiles_do_not_stop_an_image(tmp_path, exif):
    Image.fromarray(GREY).save(tmp_path / "a.jpg", exif=exif, icc_profile=b"no profile")
    assert decoding.decode(tmp_path / "a.jpg").shape == GREY.shape


def test_whatever_fails_in_exif_does_not_stop_an_image(tmp_path, monkeypatch):
    def fail(_):
        raise struct.error("unpack requires a buffer of 2 bytes")

    Image.fromarray(GREY).save(tmp_path / "a.png")
    monkeypatch.setattr(Image.Image, "getexif", fail)
    assert (decoding.decode(tmp_path / "a.png") == GREY).all()


def png_of_size(width, height):
    """A PNG that declares a size, and has no pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    data = b"IDAT" + zlib.compress(b"")
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", len(data) - 4) + data + bytes(4)


@pytest.mark.parametrize("size", [(10_000, 10_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_more_pixels_than_the_limit_are_refused_unread(tmp_path, size):
    (tmp_path / "a.png").write_bytes(png_of_size(*size))
    with pytest.raises(UserError, match="limit of"):
        decoding.decode(tmp_path / "a.png")


def test_very_wide_images(tmp_path):
    wide = np.tile(np.arange(256, dtype=np.uint8), 400)[None, :100_000]
    Image.fromarray(wide).save(tmp_path / "a.png")
    picture = decoding.decode(tmp_path / "a.png")
    assert (picture == wide).all()
    assert decoding.resize(picture, 32).shape == (32, 32, 1)
    with pytest.raises(UserError, match="100000 x 1 pixels are too narrow"):
        decoding.resize(picture, 32, fit="pad")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.gif", "a.webp", "a.jp2", "a.bmp"])
def test_truncated_and_empty_files_are_refused(tmp_path, name):
    content = io.BytesIO()
    kind = Image.registered_extensions()[name[1:]]
    Image.fromarray(COLOUR).save(content, kind)
    for part in (4, 2):
        (tmp_path / name).write_bytes(content.getvalue()[: len(content.getvalue()) // part])
        with pytest.raises(UserError, match="cannot be decoded"):
            decoding.decode(tmp_path / name)
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(UserError, match="the file is empty"):
        decoding.decode(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("a.npz", "medmnist save"),
        ("a.nii", "export the slices"),
        ("a.nii.gz", "export the slices"),
        ("a.mha", "export the slices"),
        ("a.mp4", "ffmpeg"),
        ("a.zip", "unpack it"),
        ("a.heic", "save it as JPEG"),
        ("a", "expected JPEG, PNG"),
        ("a.txt", r"file type .txt is not supported: expected .* or DICOM$"),
    ],
)
def test_other_types_come_with_advice(tmp_path, name, advice):
    (tmp_path / name).write_bytes(b"anything")
    with pytest.raises(UserError, match=advice):
        decoding.decode(tmp_path / name)


def test_no_message_holds_a_folder(tmp_path):
    (tmp_path / "a.png").write_bytes(b"nothing")
    with pytest.raises(UserError) as refused:
        decoding.decode(tmp_path / "a.png")
    assert str(tmp_path) not in str(refused.value) and "DICOM" in str(refused.value)


def test_decoding_needs_numpy_and_pillow_alone():
    code = "import sys, ufgen.images.decoding; print(*sorted(m for m in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert "numpy" in loaded.split() and "PIL" in loaded.split()
    assert not {"pydicom", "pandas", "scipy", "tensorflow"} & set(loaded.split())
