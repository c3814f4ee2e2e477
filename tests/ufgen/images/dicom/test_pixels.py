"""DICOM pictures: as from PNG in every syntax, as a viewer shows them, refused if hostile."""

import io
import sys

import dicom_files
import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset, Sequence, dcmread
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels.decoders import base

from ufgen.errors import UserError
from ufgen.images import decoding, dicom

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (40, 50), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (40, 50, 3), dtype=np.uint8)
RAMP = np.arange(4096, dtype=np.uint16).reshape(64, 64)


def item(**elements):
    dataset = Dataset()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return Sequence([dataset])


@pytest.mark.parametrize("syntax", [*dicom_files.UNCOMPRESSED, *dicom_files.LOSSLESS])
@pytest.mark.parametrize("pixels", [GREY, COLOUR, GREY.astype(np.uint16) * 257])
def test_every_lossless_syntax_gives_the_pixels_of_a_png(tmp_path, syntax, pixels):
    path = dicom_files.write(tmp_path / "a.dcm", pixels, syntax)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert (decoding.decode(path) == decoding.decode(tmp_path / "a.png")).all()
    assert decoding.size_in_pixels(path) == decoding.size_in_pixels(tmp_path / "a.png") == (50, 40)


@pytest.mark.parametrize("syntax", [*dicom_files.UNCOMPRESSED, *dicom_files.LOSSLESS])
def test_of_several_frames_the_middle_one_is_read(tmp_path, syntax):
    frames = RNG.integers(0, 256, (5, 33, 35), dtype=np.uint8)  # of odd length
    path = dicom_files.write(tmp_path / "a.dcm", frames, syntax, frames=5)
    assert (dicom.decode(path) == frames[2]).all()


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL_422"])
def test_jpeg_is_as_pillow_decodes_it(tmp_path, photometric):
    smooth = np.asarray(Image.fromarray(COLOUR).resize((64, 48)))
    colour = dicom_files.write(tmp_path / "a.dcm", smooth, "jpeg", photometric)
    expected = np.asarray(Image.open(io.BytesIO(dicom_files.jpeg_of(smooth)))).astype(int)
    assert abs(decoding.decode(colour).astype(int) - expected).max() <= 1  # both round
    grey = dicom_files.write(tmp_path / "b.dcm", GREY, "jpeg")
    expected = np.asarray(Image.open(io.BytesIO(dicom_files.jpeg_of(GREY))))
    assert (decoding.decode(grey) == expected).all()


def test_inverted_grey_values(tmp_path):
    path = dicom_files.write(tmp_path / "a.dcm", GREY, photometric="MONOCHROME1")
    assert (dicom.decode(path) == 255 - GREY).all()


def test_luminance_and_chrominance(tmp_path):
    ybr = np.asarray(Image.fromarray(COLOUR).convert("YCbCr"))
    expected = np.asarray(Image.fromarray(ybr, "YCbCr").convert("RGB")).astype(int)
    full = dicom_files.write(tmp_path / "a.dcm", ybr, photometric="YBR_FULL")
    assert abs(dicom.decode(full) - expected).max() <= 1
    pairs = ybr.reshape(40, 25, 2, 3)
    shared = np.stack([pairs[..., 0, 0], pairs[..., 1, 0], pairs[..., 0, 1], pairs[..., 0, 2]], -1)
    half = dicom_files.write(
        tmp_path / "b.dcm", ybr, photometric="YBR_FULL_422", PlanarConfiguration=0
    )
    content = half.read_bytes().replace(ybr.tobytes(), shared.astype(np.uint8).tobytes())
    half.write_bytes(content.replace((6000).to_bytes(4, "little"), (4000).to_bytes(4, "little")))
    assert abs(dicom.decode(half)[:, ::2] - expected[:, ::2]).max() <= 1


@pytest.mark.parametrize("syntax", ["implicit", "explicit", "big_endian"])
@pytest.mark.parametrize("bits", [8, 16])
def test_palettes(tmp_path, syntax, bits):
    order = ">" if syntax == "big_endian" else "<"
    lut = RNG.integers(0, 256, (3, 256))
    tables = (lut * (257 if bits == 16 else 1)).astype(f"{order}u{bits // 8}")
    elements = {}
    for name, table in zip(("Red", "Green", "Blue"), tables, strict=True):
        elements[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, bits]
        elements[f"{name}PaletteColorLookupTableData"] = table.tobytes()
    path = dicom_files.write(tmp_path / "a.dcm", GREY, syntax, "PALETTE COLOR", **elements)
    assert (dicom.decode(path) == lut.T[GREY]).all()


def test_without_a_window_the_bits_stored_are_the_range(tmp_path):
    expected = np.round(RAMP / 4095 * 255)
    path = dicom_files.write(tmp_path / "a.dcm", RAMP, bits=12)
    assert (dicom.decode(path) == expected).all()
    signed = (RAMP.astype(np.int16) - 2048).astype(np.int16)
    path = dicom_files.write(tmp_path / "b.dcm", signed, bits=12)
    assert (dicom.decode(path) == expected).all()
    scaled = dicom_files.write(
        tmp_path / "c.dcm", RAMP, bits=12, RescaleSlope=2, RescaleIntercept=-1024
    )
    assert (dicom.decode(scaled) == expected).all()


def test_windows_follow_the_formula_of_the_standard(tmp_path):
    """The worked formula of C.11.2.1.2: linear from c - 0.5 - (w - 1) / 2 on."""
    path = dicom_files.write(
        tmp_path / "a.dcm",
        RAMP,
        bits=12,
        RescaleSlope=1,
        RescaleIntercept=-1024,
        WindowCenter=[40, 300],
        WindowWidth=[400, 1500],
    )
    values = RAMP.astype(float) - 1024
    expected = np.clip((values - 39.5) / 399 + 0.5, 0, 1) * 255
    assert (dicom.decode(path) == np.round(expected)).all()
    exact = dicom_files.write(
        tmp_path / "b.dcm",
        RAMP,
        bits=12,
        WindowCenter=1000,
        WindowWidth=500,
        VOILUTFunction="LINEAR_EXACT",
    )
    expected = np.clip((RAMP - 1000.0) / 500 + 0.5, 0, 1) * 255
    assert (dicom.decode(exact) == np.round(expected)).all()


def test_tables_of_the_modality_and_of_the_values_of_interest(tmp_path):
    falling = np.arange(255, -1, -1, dtype=np.uint16)
    table = item(LUTDescriptor=[256, 0, 8], LUTData=falling.tobytes())
    for keyword in ("ModalityLUTSequence", "VOILUTSequence"):
        path = dicom_files.write(tmp_path / f"{keyword}.dcm", GREY, **{keyword: table})
        assert (dicom.decode(path) == 255 - GREY).all()


def test_enhanced_files_have_a_window_for_each_frame(tmp_path):
    frames = RNG.integers(0, 256, (3, 8, 8), dtype=np.uint8)
    windows = [Dataset() for _ in range(3)]
    for number, window in enumerate(windows):
        window.FrameVOILUTSequence = item(WindowCenter=100 + 20 * number, WindowWidth=101)
    path = dicom_files.write(
        tmp_path / "a.dcm", frames, frames=3, PerFrameFunctionalGroupsSequence=Sequence(windows)
    )
    expected = np.clip((frames[1] - 119.5) / 100 + 0.5, 0, 1) * 255
    assert (dicom.decode(path) == np.round(expected)).all()


@pytest.mark.parametrize("name", ["IM000001", "1.2.840.113619.2", "a.png"])
def test_dicom_is_known_by_its_content(tmp_path, name):
    path = dicom_files.write(tmp_path / name, GREY)
    assert (decoding.decode(path) == GREY).all() and decoding.has_image_type(path)
    assert decoding.find_files([tmp_path]) == [path]


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({"Rows": 65535, "Columns": 65535}, "more than the limit"),
        ({"Rows": 41}, "its pixels end before"),
        ({"NumberOfFrames": 99}, "its pixels end before those of 99 frames"),
        ({"Rows": 0}, "0 rows"),
        ({"Rows": None}, "holds no picture .Ultrasound Image Storage."),
        ({"BitsAllocated": None}, "incomplete"),
        ({"BitsAllocated": 32}, "expected up to 16 in 8 or 16"),
        ({"PhotometricInterpretation": "Mustermann"}, "expected MONOCHROME1"),
        ({"SamplesPerPixel": 4}, "with 4 samples"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "its palette is missing"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, elements, reason):
    with pytest.raises(UserError, match=reason) as refused:
        decoding.decode(dicom_files.write(tmp_path / "a.dcm", GREY, **elements))
    assert "Muster" not in str(refused.value)


@pytest.mark.parametrize("syntax", ["rle", "jpeg_ls", "jpeg_2000", "jpeg"])
def test_a_compressed_picture_of_another_size_is_not_decoded(tmp_path, syntax, monkeypatch):
    path = dicom_files.write(tmp_path / "a.dcm", GREY, syntax)
    dataset = dcmread(path)
    dataset.Rows, dataset.Columns = 2, 3
    if syntax == "rle":
        dataset.PixelData = encapsulate([bytes(9000)])
    dataset.save_as(path)
    monkeypatch.setattr(base.DecodeRunner, "_decode_frame", None)  # nothing gets there
    reason = "larger than uncompressed" if syntax == "rle" else "declares 50 x 40 pixels"
    with pytest.raises(UserError, match=reason):
        decoding.decode(path)


def test_truncated_files_are_refused_wherever_they_end(tmp_path):
    content = dicom_files.write(tmp_path / "a.dcm", GREY, "explicit").read_bytes()
    for length in range(132, len(content), 7):
        (tmp_path / "b.dcm").write_bytes(content[:length])
        with pytest.raises(UserError):
            decoding.decode(tmp_path / "b.dcm")


def test_jpeg_ls_that_ends_early_is_not_decoded(tmp_path, monkeypatch):
    """CharLS takes a quarter of a minute to find out."""
    dataset = dcmread(dicom_files.write(tmp_path / "a.dcm", GREY, "jpeg_ls"))
    [frame] = generate_frames(dataset.PixelData, number_of_frames=1)
    monkeypatch.setattr(base.DecodeRunner, "_decode_frame", None)
    for damaged in (frame[:500], frame[:500] + b"\xff\x80" + frame[502:]):
        dataset.PixelData = encapsulate([damaged])
        dataset.save_as(tmp_path / "b.dcm")
        with pytest.raises(UserError, match="ends early"):
            dicom.decode(tmp_path / "b.dcm")


def test_other_contents(tmp_path):
    (tmp_path / "a.dcm").write_bytes(b"x" * 400)
    with pytest.raises(UserError, match="DICOM file"):
        decoding.decode(tmp_path / "a.dcm")
    with pytest.raises(UserError, match="no DICOM preamble"):
        dicom.decode(tmp_path / "a.dcm")
    Image.fromarray(GREY).save(tmp_path / "b.png")
    (tmp_path / "b.png").rename(tmp_path / "b.dcm")
    assert (decoding.decode(tmp_path / "b.dcm") == GREY).all()


def test_missing_decoders_are_named(tmp_path, monkeypatch):
    path = dicom_files.write(tmp_path / "a.dcm", GREY, "jpeg_ls")
    monkeypatch.setattr(base.Decoder, "is_available", False)
    with pytest.raises(UserError, match=r"JPEG-LS Lossless.*pip install 'ufgen\[dicom\]'"):
        dicom.decode(path)
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(UserError, match="pip install pydicom"):
        dicom.decode(path)
