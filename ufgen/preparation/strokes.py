"""Strokes: thin, bright, sharply bounded regions of a picture, and what tells them from speckle."""

from dataclasses import dataclass

import numpy as np

CONTRAST = 50  # grey levels of a stroke above its surroundings
BRIGHT = 190  # grey level of strokes on tissue: few grains of speckle are as bright
WIDEST = 11  # pixels of a stroke in pictures of LARGE pixels or more; 7 in smaller ones
LARGE = 400
EIGHT = np.ones((3, 3), int)


@dataclass(frozen=True)
class Strokes:
    """The strokes of a picture.

    Attributes:
        labels: The number of the stroke at each pixel, from 1, or 0: integers (H, W).
        smooth: The brightness without strokes (its grey opening): uint8 (H, W).
        top: The first row of each stroke: (N,); so are `left`, `bottom` and `right` (exclusive).
        area: Number of pixels: (N,).
        peak: The brightest value: (N,).
        surroundings: The mean of `smooth` below the stroke: (N,).
        halo: The brightness just outside the stroke, one pixel away: 0 for that of the
            surroundings and 1 for the peak. Speckle fades slowly, burned-in strokes do not: (N,).
        far_halo: The same two pixels away.
    """

    labels: np.ndarray
    smooth: np.ndarray
    top: np.ndarray
    left: np.ndarray
    bottom: np.ndarray
    right: np.ndarray
    area: np.ndarray
    peak: np.ndarray
    surroundings: np.ndarray
    halo: np.ndarray
    far_halo: np.ndarray

    @property
    def height(self) -> np.ndarray:
        """In pixels: (N,)."""
        return self.bottom - self.top

    @property
    def width(self) -> np.ndarray:
        """In pixels: (N,)."""
        return self.right - self.left

    @property
    def fill(self) -> np.ndarray:
        """The part of its box that each stroke covers: (N,)."""
        return self.area / (self.height * self.width)

    def mask(self, chosen: np.ndarray) -> np.ndarray:
        """Mark the pixels of some strokes.

        Args:
            chosen: Boolean, (N,).

        Returns:
            Boolean (H, W).
        """
        return np.concatenate([[False], chosen])[self.labels]


def brightness(picture: np.ndarray) -> np.ndarray:
    """The brightest channel of each pixel, in which coloured text is as bright as white text.

    Args:
        picture: uint8 (H, W) or (H, W, 3).

    Returns:
        uint8 (H, W).
    """
    return picture if picture.ndim == 2 else picture.max(axis=2)


def without_strokes(bright: np.ndarray) -> np.ndarray:
    """Remove what is bright and thin from a picture, by its grey opening.

    Args:
        bright: uint8 (H, W).

    Returns:
        uint8 (H, W), nowhere brighter than the picture.
    """
    widest = WIDEST if max(bright.shape) >= LARGE else 7
    padded = np.pad(bright, widest, mode="edge")
    eroded = running(running(padded, widest, np.minimum).T, widest, np.minimum).T[::-1, ::-1]
    opened = running(running(eroded, widest, np.maximum).T, widest, np.maximum).T[::-1, ::-1]
    return np.ascontiguousarray(opened[widest:-widest, widest:-widest])


def running(values: np.ndarray, length: int, extreme: np.ufunc) -> np.ndarray:
    """Take the extreme of each value and the `length` - 1 after it in its column.

    Spans are doubled, so that few passes are made; scipy's filters take several times as long.

    Args:
        values: (H, W).
        length: Of the span, at least 1; the last `length` - 1 rows are of shorter ones.
        extreme: np.minimum or np.maximum.

    Returns:
        (H, W).
    """
    span = 1
    while span < length:
        step = min(span, length - span)
        values = np.concatenate([extreme(values[:-step], values[step:]), values[-step:]])
        span += step
    return values


def find_strokes(bright: np.ndarray, smooth: np.ndarray, inside: np.ndarray) -> Strokes:
    """Find the strokes of a picture, among which are the brightest grains of speckle.

    Args:
        bright: uint8 (H, W).
        smooth: Its brightness `without_strokes`: uint8 (H, W).
        inside: Where the sector is, in which strokes are `BRIGHT`: boolean (H, W).

    Returns:
        The strokes, in the order of their first pixels.
    """
    from scipy import ndimage

    contrast = bright - smooth
    labels, count = ndimage.label((contrast > CONTRAST) & (~inside | (bright >= BRIGHT)), EIGHT)
    pixels = np.flatnonzero(labels)
    order = np.argsort(labels.ravel()[pixels], kind="stable")
    pixels = pixels[order]
    number = labels.ravel()[pixels] - 1
    starts = np.flatnonzero(np.diff(number, prepend=-1))
    rows, columns = np.divmod(pixels, bright.shape[1])
    area = np.bincount(number, minlength=count)
    values, below = bright.ravel()[pixels], smooth.ravel()[pixels]

    def least(of: np.ndarray) -> np.ndarray:
        return np.minimum.reduceat(of, starts) if count else np.zeros(0, int)

    def most(of: np.ndarray) -> np.ndarray:
        return np.maximum.reduceat(of, starts) if count else np.zeros(0, int)

    peak = most(values).astype(float)
    surroundings = np.bincount(number, below, minlength=count) / np.maximum(area, 1)
    rings = _rings(bright, labels, rows, columns, number, count)
    halo, far = ((ring - surroundings) / np.maximum(peak - surroundings, 1) for ring in rings)
    boxes = least(rows), least(columns), most(rows) + 1, most(columns) + 1
    return Strokes(labels, smooth, *boxes, area, peak, surroundings, halo, far)


def _rings(
    bright: np.ndarray,
    labels: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    number: np.ndarray,
    count: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The mean brightness one and two pixels outside of each stroke: (N,) each."""
    taken = np.pad(labels > 0, 2, constant_values=True)
    padded = np.pad(bright, 2, mode="edge")
    means = []
    for distance in (1, 2):
        steps = (-distance, 0, distance)
        ring = [(y, x) for y in steps for x in steps if y or x]
        total, counted = np.zeros(count), np.zeros(count)
        new = taken.copy()
        for y, x in ring:
            at = rows + 2 + y, columns + 2 + x
            free = ~taken[at]
            total += np.bincount(number[free], padded[at][free], minlength=count)
            counted += np.bincount(number[free], minlength=count)
            new[at] = True
        taken = new
        means.append(np.where(counted > 0, total / np.maximum(counted, 1), 255.0))
    return means[0], means[1]
