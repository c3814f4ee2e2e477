"""Stored values of DICOM to 0..255: modality tables, rescaling, windows and palettes.

Stored values have at most 16 bits: what is to be done with them is computed once for each possible
value, and then looked up for each pixel.
"""

from typing import TYPE_CHECKING

import numpy as np

from ufgen.errors import UserError
from ufgen.images.dicom.header import Header

if TYPE_CHECKING:
    from pydicom import Dataset


def eight_bits(values: np.ndarray, maximum: float) -> np.ndarray:
    """Scale values to eight bits.

    Args:
        values: Numbers in 0..`maximum`; what lies outside is clipped.
        maximum: The value that becomes 255.

    Returns:
        uint8, of the shape of `values`.

    Example:
        >>> eight_bits(np.array([0, 2048, 4095, 9999]), 4095).tolist()
        [0, 128, 255, 255]
    """
    return np.round(np.clip(values / maximum, 0, 1) * 255).astype("uint8")


def table_of_grey_values(header: Header, frame: int) -> tuple[np.ndarray, int]:
    """Compute the grey value of each value that a file may store.

    Args:
        header: The header of a file of grey values.
        frame: The index of the frame: of enhanced files, each frame may have its window.

    Returns:
        The grey values, uint8 (2 ** bits stored,), and the stored value of the first of them.

    Raises:
        UserError: Where a table or window cannot be understood.
    """
    dataset = header.dataset
    bits = int(dataset.get("BitsStored") or dataset.BitsAllocated)
    lowest = -(2 ** (bits - 1)) if int(dataset.get("PixelRepresentation") or 0) else 0
    values = np.arange(lowest, lowest + 2**bits, dtype="float64")
    low, high = values[0], values[-1]
    if tables := dataset.get("ModalityLUTSequence"):
        values, high = _look_up(header, tables[0].LUTDescriptor, tables[0].LUTData, values)
        low = 0.0
    else:
        place = _place(dataset, "PixelValueTransformationSequence", frame)
        slope, intercept = _number(place, "RescaleSlope"), _number(place, "RescaleIntercept")
        if slope and intercept is not None:
            values = values * slope + intercept
            low, high = min(values[0], values[-1]), max(values[0], values[-1])
    place = _place(dataset, "FrameVOILUTSequence", frame)
    width, center = _number(place, "WindowWidth"), _number(place, "WindowCenter")
    if (tables := place.get("VOILUTSequence")) and tables[0].get("LUTData") is not None:
        values, high = _look_up(header, tables[0].LUTDescriptor, tables[0].LUTData, values)
        shown = values / high
    elif width is not None and center is not None and width > 0:
        shown = _window(values, center, width, str(place.get("VOILUTFunction") or "LINEAR"))
    else:
        shown = (values - low) / (high - low)
    table = eight_bits(shown, 1)
    inverted = str(dataset.PhotometricInterpretation).strip() == "MONOCHROME1"
    return (255 - table if inverted else table), lowest


def palette(header: Header, values: np.ndarray) -> np.ndarray:
    """Colour values by a file's palette.

    Args:
        header: The header of a file with a palette.
        values: The stored values: integers (H, W).

    Returns:
        The colours: uint8 (H, W, 3).

    Raises:
        UserError: Where the file holds no palette, or one in segments.
    """
    channels = []
    for colour in ("Red", "Green", "Blue"):
        descriptor = header.dataset.get(f"{colour}PaletteColorLookupTableDescriptor")
        entries = header.dataset.get(f"{colour}PaletteColorLookupTableData")
        if descriptor is None or entries is None:
            raise UserError(
                "its palette is missing, or given in segments: expected the lookup tables of three "
                "colours. Export PNG files"
            )
        possible = np.arange(int(values.min()), int(values.max()) + 1)
        found, maximum = _look_up(header, descriptor, entries, possible)
        channels.append(eight_bits(found, maximum)[values.astype("int32") - possible[0]])
    return np.stack(channels, axis=-1)


def _place(dataset: "Dataset", group: str, frame: int) -> "Dataset":
    """Where a window or rescaling is found: at a frame, at all frames, or in the header itself."""
    of_frames = dataset.get("PerFrameFunctionalGroupsSequence") or []
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    for functional_groups in [*of_frames[frame : frame + 1], *shared[:1]]:
        if found := functional_groups.get(group):
            return found[0]
    return dataset


def _number(dataset: "Dataset", keyword: str) -> float | None:
    """The first value of an element; None where there is none, or it is no finite number."""
    value = dataset.get(keyword)
    try:
        value = float(value if isinstance(value, str | float | int) else value[0])
    except (TypeError, ValueError, IndexError):
        return None
    return value if np.isfinite(value) else None


def _window(values: np.ndarray, center: float, width: float, function: str) -> np.ndarray:
    """Values as parts of a window, in 0..1 within it (DICOM PS3.3, C.11.2.1.2 and C.11.2.1.3)."""
    if function == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (values - center) / width, -700, 700)))
    if function == "LINEAR_EXACT":
        return (values - center) / width + 0.5
    if width <= 1:
        return (values > center - 0.5).astype("float64")
    return (values - (center - 0.5)) / (width - 1) + 0.5


def _look_up(
    header: Header, descriptor: list[int], data: bytes | list[int], values: np.ndarray
) -> tuple[np.ndarray, float]:
    """Values through a lookup table, and the table's greatest possible value."""
    count, first, bits = (int(number) for number in descriptor)
    count = count or 2**16
    if first > 32767 and values[0] < 0:
        first -= 2**16  # the stored values are signed, and so is this
    if isinstance(data, bytes):
        order = "<" if header.syntax.is_little_endian else ">"
        packed = len(data) < 2 * count
        entries = np.frombuffer(data[: len(data) // 2 * 2], "u1" if packed else f"{order}u2")
        bits = 8 if packed else bits
    else:
        entries = np.atleast_1d(np.asarray(data, "int64"))
    if not 1 <= bits <= 16 or not len(entries):
        raise UserError(f"its lookup table of {count} values of {bits} bits cannot be read")
    index = np.clip(np.floor(values - first), 0, min(count, len(entries)) - 1).astype("int32")
    return entries[index].astype("float64"), float(2**bits - 1)
