"""The sizes that a compressed frame itself declares, before a decoder allocates by them."""

import re
from typing import TYPE_CHECKING

from ufgen.errors import UserError
from ufgen.images.dicom.header import DAMAGED

if TYPE_CHECKING:
    from pydicom.uid import UID

START_OF_FRAME = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # 0xF7 is that of JPEG-LS
ALLOWED_IN_SCANS = {0xD9, 0xDA, 0xF8, 0xFF, *range(0xD0, 0xD8)}  # the end, other scans, resets
JPEG_2000 = b"\xff\x4f\xff\x51"  # start of codestream, then its size


def check_codestream(frame: bytes, syntax: "UID", options: dict[str, int]) -> bytes:
    """Check that a compressed frame declares the size that the DICOM header does.

    Args:
        frame: The compressed frame.
        syntax: The transfer syntax.
        options: `rows`, `columns`, `samples_per_pixel` and `bits_allocated` of the header.

    Returns:
        The frame, from where its codestream begins.

    Raises:
        UserError: Where the sizes differ, or none is found.
    """
    from pydicom.uid import JPEGLSLossless, JPEGLSNearLossless, RLELossless

    rows, columns, samples = (options[n] for n in ("rows", "columns", "samples_per_pixel"))
    if syntax == RLELossless:
        most = 2 * rows * columns * samples * options["bits_allocated"] // 8 + 4096
        if len(frame) > most:
            raise UserError(f"{DAMAGED}: its compressed pixels are larger than uncompressed ones")
        return frame
    if (begin := frame.find(JPEG_2000)) >= 0:
        frame = frame[begin:]
        found = _jpeg_2000_size(frame)
    else:
        found = _jpeg_size(frame)
    if found != (columns, rows, samples):
        shown = "no size" if found is None else "{} x {} pixels of {} samples".format(*found)
        raise UserError(
            f"{DAMAGED}: its compressed picture declares {shown}, its header {columns} x {rows} "
            f"pixels of {samples}"
        )
    if syntax in (JPEGLSLossless, JPEGLSNearLossless):
        _check_scans(frame)
    return frame


def _check_scans(frame: bytes) -> None:
    """Raise UserError where JPEG-LS data end early: CharLS then counts zeros for many seconds."""
    scans = frame[max(0, frame.find(b"\xff\xda")) :]
    markers = {match[0] for match in re.findall(rb"\xff([\x80-\xff])", scans)}
    if markers - ALLOWED_IN_SCANS or not frame.rstrip(b"\0").endswith(b"\xff\xd9"):
        raise UserError(f"{DAMAGED}: its compressed picture ends early")


def _jpeg_2000_size(frame: bytes) -> tuple[int, int, int] | None:
    if len(frame) < 42:
        return None
    right, bottom, left, top = (int.from_bytes(frame[n : n + 4]) for n in (8, 12, 16, 20))
    return right - left, bottom - top, int.from_bytes(frame[40:42])


def _jpeg_size(frame: bytes) -> tuple[int, int, int] | None:
    """Width, height and samples from the first start-of-frame segment of JPEG or JPEG-LS."""
    at = 2
    while at + 10 <= len(frame) and frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker in START_OF_FRAME:
            height, width = (int.from_bytes(frame[n : n + 2]) for n in (at + 5, at + 7))
            return width, height, frame[at + 9]
        stands_alone = marker in (0xFF, 0x01)  # a filling byte, a marker without length
        at += (1 if marker == 0xFF else 2) if stands_alone else 2 + _length(frame, at)
    return None


def _length(frame: bytes, at: int) -> int:
    return max(2, int.from_bytes(frame[at + 2 : at + 4]))
