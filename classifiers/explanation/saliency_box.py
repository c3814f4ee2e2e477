"""A box around the salient region of a heatmap, with numpy and Pillow alone."""

import numpy as np
from PIL import Image

GRID = 64
FRACTION = 0.5

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 as fractions of width and height."""


def enlarge(heatmap: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize a heatmap, bilinearly.

    Args:
        heatmap: (h, w).
        width: In pixels.
        height: In pixels.

    Returns:
        float32 (height, width).
    """
    image = Image.fromarray(np.asarray(heatmap, "float32"))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))


def salient_box(heatmap: np.ndarray, fraction: float = FRACTION) -> Box | None:
    """The bounding box of the region connected with the maximum of a heatmap.

    This is weak localisation: no boxes are used in training. It shows what the network responds to,
    not the extent of a lesion.

    Args:
        heatmap: (h, w), 0 or more.
        fraction: The region lies above this fraction of the maximum, in 0..1.

    Returns:
        The box, or None if the heatmap is zero everywhere.

    Example:
        >>> salient_box(np.ones((4, 4)))
        (0.0, 0.0, 1.0, 1.0)
    """
    field = enlarge(heatmap, GRID, GRID)
    if not field.max() > 0:
        return None
    above = field >= fraction * field.max()
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
    x0, y0, x1, y1 = (
        float(edge) / GRID for edge in (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    )
    return x0, y0, x1, y1
