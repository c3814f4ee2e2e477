"""Overlays: the text, the marks and the sector that a scanner burned into a picture."""

from dataclasses import dataclass

import numpy as np

from ufgen.preparation.calipers import find_calipers
from ufgen.preparation.sector import bounding_box, sector_mask
from ufgen.preparation.strokes import brightness, find_strokes, without_strokes
from ufgen.preparation.text_lines import Box, text_lines

LARGEST = 1024  # pixels: larger pictures are searched at this size
DARK = 40  # grey levels: outside of the sector what is brighter was drawn
COLOURED = 60  # levels between the brightest and the darkest channel
TINTED = (
    0.4  # of the pixels that are not black: the whole picture has a tint, and no coloured marks
)


@dataclass(frozen=True)
class Overlays:
    """What was burned into one picture.

    Attributes:
        text: The lines of text: (top, left, bottom, right) in pixels, the last two exclusive.
        calipers: The crosses and dotted lines of measurements: boolean (H, W).
        marks: These, colour, and what was drawn outside of the sector: boolean (H, W).
        sector: The box around the sector; None where there is none.
    """

    text: list[Box]
    calipers: np.ndarray
    marks: np.ndarray
    sector: Box | None

    @property
    def text_mask(self) -> np.ndarray:
        """The boxes of the text: boolean (H, W)."""
        return _boxes(self.text, self.marks.shape)


def find_text(picture: np.ndarray) -> list[Box]:
    """Find the lines of text that were burned into a picture.

    Args:
        picture: uint8 (H, W) or (H, W, 3); text from 5 to 48 pixels' height is found.

    Returns:
        (top, left, bottom, right) of each line in pixels, the last two exclusive.
    """
    return find_overlays(picture).text


def find_marks(picture: np.ndarray) -> np.ndarray:
    """Find marks: calipers, dotted lines, coloured pixels, and what is outside of the sector.

    Args:
        picture: uint8 (H, W) or (H, W, 3).

    Returns:
        Boolean (H, W); text is left out.
    """
    return find_overlays(picture).marks


def find_sector(picture: np.ndarray) -> Box | None:
    """Find the box around the scan itself, without the text and the scales beside it.

    Args:
        picture: uint8 (H, W) or (H, W, 3).

    Returns:
        (top, left, bottom, right) in pixels, the last two exclusive; the whole picture where it is
        all scan, and None where nothing is large and bright enough.
    """
    return find_overlays(picture).sector


def find_overlays(picture: np.ndarray) -> Overlays:
    """Find all overlays; a picture above 1024 pixels is searched at a smaller size.

    Args:
        picture: uint8 (H, W) or (H, W, 3).

    Returns:
        The overlays, at the size of the picture.
    """
    height, width = picture.shape[:2]
    if max(height, width) <= LARGEST:
        return _find(picture)
    from PIL import Image

    factor = LARGEST / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    found = _find(np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR)))
    y, x = height / size[1], width / size[0]

    def box(small: Box) -> Box:
        top, left, bottom, right = small
        ends = min(height, int(np.ceil(bottom * y))), min(width, int(np.ceil(right * x)))
        return int(top * y), int(left * x), *ends

    def mask(small: np.ndarray) -> np.ndarray:
        rows = (np.arange(height) / y).astype(int).clip(max=size[1] - 1)
        columns = (np.arange(width) / x).astype(int).clip(max=size[0] - 1)
        return small[rows[:, None], columns]

    sector = box(found.sector) if found.sector else None
    return Overlays([box(b) for b in found.text], mask(found.calipers), mask(found.marks), sector)


def _find(picture: np.ndarray) -> Overlays:
    bright = brightness(picture)
    smooth = without_strokes(bright)
    sector, inside = sector_mask(bright, smooth)
    strokes = find_strokes(bright, smooth, inside)
    text = text_lines(strokes, inside)
    free = ~_boxes(text, bright.shape)
    calipers = find_calipers(bright, strokes) & free
    drawn = (bright > DARK) & ~inside
    marks = (calipers | _coloured(picture, bright) | drawn) & free
    return Overlays(text, calipers, marks, bounding_box(sector))


def _boxes(boxes: list[Box], shape: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(shape[:2], bool)
    for top, left, bottom, right in boxes:
        mask[top:bottom, left:right] = True
    return mask


def _coloured(picture: np.ndarray, bright: np.ndarray) -> np.ndarray:
    """The saturated pixels, unless most pixels have a tint: boolean (H, W)."""
    if picture.ndim == 2:
        return np.zeros(bright.shape, bool)
    coloured = bright - picture.min(axis=2) > COLOURED
    tinted = coloured.sum() > TINTED * max(1, (bright > DARK).sum())
    return np.zeros(bright.shape, bool) if tinted else coloured
