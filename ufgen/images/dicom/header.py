"""The header of a DICOM file: only the elements that are asked for, none of the pixels.

Neither pydicom's messages nor the values of unknown elements are passed on: they quote headers,
which hold names of patients.
"""

import io
import logging
import warnings
import zlib
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, BinaryIO

from ufgen.errors import UserError

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.uid import UID

DICOM_TYPES = {".dcm", ".dicom", ".ima"}
PREAMBLE = 132  # bytes, of which the last four are DICM
PIXEL_DATA = 0x7FE00010
PIXEL_ELEMENTS = {0x7FE00008, 0x7FE00009, PIXEL_DATA}  # the first two are floating-point
INFLATED_LIMIT = 2**30  # bytes of a deflated data set
UNDEFINED = 0xFFFFFFFF
DAMAGED = "the DICOM file is damaged or truncated"


class Limited:
    """A stream that reads no more than there is: a damaged length allocates nothing."""

    def __init__(self, stream: BinaryIO) -> None:
        """Wrap a seekable stream, from its beginning."""
        self.size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        self.seek, self.tell, self._read = stream.seek, stream.tell, stream.read

    def read(self, count: int = -1) -> bytes:
        """Read at most `count` bytes, or all that is left.

        Args:
            count: The number of bytes; all if it is negative.

        Returns:
            The bytes, fewer than `count` at the end of the stream.
        """
        left = max(0, self.size - self.tell())
        return self._read(left if count < 0 else min(count, left))


@dataclass(frozen=True)
class Header:
    """What was read of a DICOM file.

    Attributes:
        dataset: The elements that were asked for, as far as the file holds them.
        syntax: The transfer syntax: how the data set and its pixels are written.
        stream: The stream, at the first byte of the pixel data where there are any.
        pixel_element: The tag of the pixel data, 0 where there are none.
        pixel_representation: The element's value representation, such as OW; "" if implicit.
        pixel_bytes: The length of the pixel data, `UNDEFINED` where they are compressed.
    """

    dataset: "Dataset"
    syntax: "UID"
    stream: Limited
    pixel_element: int
    pixel_representation: str
    pixel_bytes: int


def has_preamble(stream: BinaryIO) -> bool:
    """Whether a stream holds a DICOM file; it is rewound.

    Args:
        stream: A seekable stream.

    Returns:
        True where the letters DICM follow 128 bytes.
    """
    stream.seek(0)
    start = stream.read(PREAMBLE)
    stream.seek(0)
    return len(start) == PREAMBLE and start.endswith(b"DICM")


def import_pydicom() -> ModuleType:
    """Import pydicom, and keep it from quoting headers in warnings and logs.

    Returns:
        The module pydicom.

    Raises:
        UserError: Where it is not installed, as where only a predictor is.
    """
    try:
        import pydicom
        import pydicom.config
    except ImportError:
        raise UserError("DICOM files need pydicom: `pip install pydicom`") from None
    if logging.getLogger("pydicom").level <= logging.CRITICAL:
        for name in ("pydicom", "pylibjpeg", "openjpeg"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        warnings.filterwarnings("ignore", module=r"pydicom\b")
        pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    return pydicom


def read_header(stream: BinaryIO, keywords: tuple[str, ...]) -> Header:
    """Read elements of a DICOM file's header; the pixels are left unread.

    Args:
        stream: A seekable stream.
        keywords: The elements by their names in the standard, such as "Rows".

    Returns:
        What was found of them, and where the pixel data begin.

    Raises:
        UserError: Where it is no DICOM file, or a damaged one.
    """
    import_pydicom()
    if not has_preamble(stream):
        raise UserError(
            "it has no DICOM preamble (DICM after 128 bytes): expected a DICOM file, such as "
            "`dcmconv` of DCMTK makes of an older one"
        )
    try:
        return _read(stream, keywords)
    except UserError:
        raise
    except Exception as error:  # pydicom may fail in any way at a damaged file
        raise UserError(f"{DAMAGED} ({type(error).__name__} in its header)") from None


def _read(stream: BinaryIO, keywords: tuple[str, ...]) -> Header:
    from pydicom.datadict import tag_for_keyword
    from pydicom.filereader import read_dataset
    from pydicom.tag import Tag
    from pydicom.uid import UID

    limited = Limited(stream)
    limited.seek(PREAMBLE)
    meta = read_dataset(limited, False, True, stop_when=lambda tag, *_: tag >> 16 != 2)  # type: ignore[arg-type]
    syntax = UID(str(meta.get("TransferSyntaxUID", "")))
    if not syntax.is_transfer_syntax:
        raise UserError("its transfer syntax is unknown: expected a standard one of DICOM")
    if syntax.is_deflated:
        limited = Limited(io.BytesIO(_inflate(limited.read())))
    dataset = read_dataset(
        limited,  # type: ignore[arg-type]
        syntax.is_implicit_VR,
        syntax.is_little_endian,
        stop_when=lambda tag, *_: tag in PIXEL_ELEMENTS or tag > PIXEL_DATA,
        specific_tags=[Tag(tag_for_keyword(word) or 0) for word in keywords],
    )
    for tag in list(dataset.keys()):
        dataset[tag]  # converted now, and not where nobody expects it to fail
    start = limited.read(8)
    order = "little" if syntax.is_little_endian else "big"
    first, second = (int.from_bytes(start[at : at + 2], order) for at in (0, 2))  # type: ignore[arg-type]
    element = first << 16 | second
    if len(start) < 8 or element not in PIXEL_ELEMENTS:
        return Header(dataset, syntax, limited, 0, "", 0)
    representation = start[4:6].decode() if start[4:6] in (b"OB", b"OW", b"OF", b"OD") else ""
    length = limited.read(4) if representation else start[4:]
    count = int.from_bytes(length, order)  # type: ignore[arg-type]
    return Header(dataset, syntax, limited, element, representation, count)


def _inflate(deflated: bytes) -> bytes:
    decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = decompressor.decompress(deflated, INFLATED_LIMIT)
    if decompressor.unconsumed_tail:
        raise UserError(
            f"the DICOM file inflates to more than {INFLATED_LIMIT // 2**20} MiB: leave it out"
        )
    return inflated
