"""A box around the salient region of an evidence map: weak localisation, from numpy and Pillow."""

import numpy as np
from PIL import Image

GRID = 64
SHARE = 0.5


def enlarge(heatmaps: np.ndarray, width: int, height: int) -> np.ndarray:
    """An evidence map (h, w) as float32 (height, width), bilinear."""
    plane = Image.fromarray(np.asarray(heatmaps, "float32"))
    return np.asarray(plane.resize((width, height), Image.Resampling.BILINEAR))


def salient_box(heatmaps: np.ndarray, share: float = SHARE) -> tuple | None:
    """The box (x0, y0, x1, y1), in shares of width and height, around the most salient region.

    That region holds the maximum of `heatmaps` (h, w) and what is connected with it above `share`
    of it. Nobody has drawn such boxes for training: it shows where the evidence lies, not where a
    lesion ends. None where there is no evidence at all.
    """
    field = enlarge(heatmaps, GRID, GRID)
    if not field.max() > 0:
        return None
    above = field >= share * field.max()
    region = np.zeros_like(above)
    region[np.unravel_index(field.argmax(), field.shape)] = True
    size = 0
    while size < region.sum():
        size = region.sum()
        region[1:] |= region[:-1] & above[1:]
        region[:-1] |= region[1:] & above[:-1]
        region[:, 1:] |= region[:, :-1] & above[:, 1:]
        region[:, :-1] |= region[:, 1:] & above[:, :-1]
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    return tuple(
        float(edge) / GRID for edge in (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    )
