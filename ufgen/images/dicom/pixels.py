"""The picture of a DICOM file, as a viewer shows it: uint8, one frame.

Grey values go through the modality table or rescaling, then through the table or window that the
file asks for (the first where there are several); without one, the full range of the bits stored is
0..255. A file of several frames gives its middle frame, of index n // 2.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image

from ufgen.errors import UserError
from ufgen.images import image_files
from ufgen.images.dicom.codestreams import check_codestream
from ufgen.images.dicom.grey_values import eight_bits, palette, table_of_grey_values
from ufgen.images.dicom.header import DAMAGED, PIXEL_DATA, UNDEFINED, Header, read_header

if TYPE_CHECKING:
    from pydicom.uid import UID

GREY = ("MONOCHROME1", "MONOCHROME2")
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT")
PALETTE = "PALETTE COLOR"
IMAGE_PIXEL = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "PixelRepresentation",
)
ELEMENTS = (
    *IMAGE_PIXEL,
    "SOPClassUID",
    "ModalityLUTSequence",
    "RescaleSlope",
    "RescaleIntercept",
    "VOILUTSequence",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    *(f"{colour}PaletteColorLookupTableDescriptor" for colour in ("Red", "Green", "Blue")),
    *(f"{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")),
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
)


def decode(source: str | Path | BinaryIO) -> np.ndarray:
    """Decode the picture of a DICOM file; of several frames only the middle one is decoded.

    Args:
        source: A path (see `ufgen.images.image_files`), or a seekable stream.

    Returns:
        uint8 (H, W) for grey values, or (H, W, 3) in RGB.

    Raises:
        UserError: Where it is no DICOM file, holds no picture, is damaged, larger than Pillow's
            limit, or compressed by a method for which no decoder is installed.
    """
    if isinstance(source, str | Path):
        with image_files.open_image(source) as stream:
            return decode(stream)
    header = read_header(source, ELEMENTS)
    try:
        return _decode(header)
    except UserError:
        raise
    except Exception as error:  # a decoder may fail in any way at a damaged file
        raise UserError(f"{DAMAGED} ({type(error).__name__} in its picture)") from None


def picture_size(stream: BinaryIO) -> tuple[int, int]:
    """Read the size of a DICOM file's picture from its header.

    Args:
        stream: A seekable stream.

    Returns:
        Its width and height in pixels.

    Raises:
        UserError: Where it is no DICOM file, is damaged, or holds no picture.
    """
    header = read_header(stream, (*IMAGE_PIXEL, "SOPClassUID"))
    options = _checked(header)
    return options["columns"], options["rows"]


def _decode(header: Header) -> np.ndarray:
    options: dict[str, Any] = _checked(header)
    frames = options.pop("number_of_frames")
    frame = frames // 2
    if header.syntax.is_encapsulated:
        values, kind = _decompress(header, options, frame, frames)
    else:
        values, kind = _slice(header, options, frame, frames)
    if kind in GREY:
        table, lowest = table_of_grey_values(header, frame)
        return table[np.clip(values.astype("int32") - lowest, 0, len(table) - 1)]
    if kind == PALETTE:
        return palette(header, values)
    if kind != "RGB":
        raise UserError(f"its colours ({kind}) cannot be converted to RGB")
    return (
        values if values.dtype == "uint8" else eight_bits(values, 2 ** options["bits_stored"] - 1)
    )


def _checked(header: Header) -> dict[str, Any]:
    """The options of pydicom's decoders, once what they allocate is known to be little."""
    dataset = header.dataset
    if not header.pixel_element or "Rows" not in dataset or "Columns" not in dataset:
        raise UserError(f"the DICOM file holds no picture{_class_name(header)}: leave it out")
    if header.pixel_element != PIXEL_DATA:
        raise UserError("the DICOM file holds floating-point pixels, whose range is unknown")
    try:
        options = {
            "rows": int(dataset.Rows),
            "columns": int(dataset.Columns),
            "samples_per_pixel": int(dataset.get("SamplesPerPixel") or 1),
            "bits_allocated": int(dataset.BitsAllocated),
            "bits_stored": int(dataset.get("BitsStored") or dataset.BitsAllocated),
            "pixel_representation": int(dataset.get("PixelRepresentation") or 0),
            "planar_configuration": int(dataset.get("PlanarConfiguration") or 0),
            "number_of_frames": int(dataset.get("NumberOfFrames") or 1),
        }
    except (AttributeError, TypeError, ValueError):
        raise UserError(f"{DAMAGED}: the description of its pixels is incomplete") from None
    kind = str(dataset.get("PhotometricInterpretation", "")).strip()
    samples, stored = options["samples_per_pixel"], options["bits_stored"]
    if kind not in (*GREY, *COLOUR, PALETTE) or samples != (3 if kind in COLOUR else 1):
        raise UserError(
            f"its photometric interpretation is not supported with {samples} samples a pixel: "
            f"expected {', '.join((*GREY, PALETTE))}, or of 3 samples {', '.join(COLOUR)}"
        )
    if options["bits_allocated"] not in (8, 16) or not 1 <= stored <= options["bits_allocated"]:
        raise UserError(
            f"it stores {stored} bits in {options['bits_allocated']}: expected up to 16 in 8 or 16"
        )
    if options["rows"] < 1 or options["columns"] < 1 or options["number_of_frames"] < 1:
        raise UserError(f"{DAMAGED}: it has {options['rows']} rows of {options['columns']} pixels")
    pixels, limit = options["rows"] * options["columns"] * samples, Image.MAX_IMAGE_PIXELS
    if limit and pixels > limit:
        raise UserError(
            f"it declares {options['columns']} x {options['rows']} pixels, more than the limit of "
            f"{limit} values: cut out or scale down what matters"
        )
    return {**options, "photometric_interpretation": kind}


def _class_name(header: Header) -> str:
    """Which kind of object it is, in words of the standard alone."""
    from pydicom.uid import UID_dictionary

    known = UID_dictionary.get(str(header.dataset.get("SOPClassUID", "")))
    return f" ({known[0]})" if known else ""


def _slice(header: Header, options: dict, frame: int, frames: int) -> tuple[np.ndarray, str]:
    """One frame of uncompressed pixels, of which no others are read."""
    from pydicom.pixels import get_decoder

    size = options["rows"] * options["columns"] * options["samples_per_pixel"]
    size *= options["bits_allocated"] // 8
    if options["photometric_interpretation"] == "YBR_FULL_422":
        size = size // 3 * 2  # two pixels share their colours
    left = header.stream.size - header.stream.tell()
    if header.pixel_bytes == UNDEFINED or (frame + 1) * size > min(header.pixel_bytes, left):
        raise UserError(
            f"{DAMAGED}: its pixels end before those of {frames} frames of "
            f"{options['columns']} x {options['rows']}"
        )
    values, found = get_decoder(header.syntax).as_array(
        header.stream,  # type: ignore[arg-type]
        index=frame,
        **options,
        **_of_pixel_data(frames, header.pixel_representation or "OW"),
    )
    return values, str(found["photometric_interpretation"])


def _of_pixel_data(frames: int, representation: str) -> dict[str, Any]:
    return {
        "number_of_frames": frames,
        "pixel_keyword": "PixelData",
        "pixel_vr": representation,
    }


def _decompress(header: Header, options: dict, frame: int, frames: int) -> tuple[np.ndarray, str]:
    """One frame of compressed pixels, whose own header must not promise more than the file's."""
    from pydicom.encaps import encapsulate, get_frame
    from pydicom.pixels import get_decoder

    dataset = header.dataset
    offsets = None
    if "ExtendedOffsetTable" in dataset and "ExtendedOffsetTableLengths" in dataset:
        offsets = (dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths)
    _check_decoder(header.syntax)
    compressed = get_frame(
        header.stream,  # type: ignore[arg-type]
        frame,
        extended_offsets=offsets,
        number_of_frames=frames,
    )
    compressed = check_codestream(compressed, header.syntax, options)
    values, found = get_decoder(header.syntax).as_array(
        encapsulate([compressed]),
        index=0,
        **options,
        **_of_pixel_data(1, "OB"),
    )
    return values, str(found["photometric_interpretation"])


def _check_decoder(syntax: "UID") -> None:
    from pydicom.pixels import get_decoder
    from pydicom.uid import JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1

    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise UserError(
            f"its pixels are compressed as {syntax.name}, which is not supported: decompress them "
            "(`dcmdjpeg` of DCMTK), or export PNG files"
        ) from None
    if decoder.is_available:
        return
    needed = "'ufgen[dicom]'"
    if syntax in (JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1):
        needed = "pylibjpeg pylibjpeg-libjpeg"  # under the GPL: no part of ufgen[dicom]
    raise UserError(
        f"its pixels are compressed as {syntax.name}, for which no decoder is installed: run "
        f"`pip install {needed}`, or decompress them (`dcmdjpeg` of DCMTK)"
    )
