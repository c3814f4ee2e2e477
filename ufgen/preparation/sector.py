"""The sector: where in a picture the scan itself lies, of whatever shape the probe makes it."""

import numpy as np

CELLS = 128  # of the longer side of the grid that the sector is searched on
MARGIN = 6  # grey levels above the background
DARKEST_PANEL = 64  # grey level: the background of a scanner's screen is darker
FLAT = 4  # grey levels: between the corners of a cell of the background
SMALLEST = 0.08  # of the picture
EDGE = 12  # pixels around the sector that count as tissue: its edge is as sharp as text is
BRIDGE = 5  # cells: shadows up to this width do not divide a sector


def sector_mask(bright: np.ndarray, smooth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the sector: the convex hull of the largest region that is brighter than the background.

    Args:
        bright: The brightness of a picture: uint8 (H, W).
        smooth: The same without thin strokes, so that text does not join the sector.

    Returns:
        Where the sector is, and the same with an edge of `EDGE` pixels: boolean (H, W), both. Where
        no region is large enough the first is nowhere and the second everywhere.
    """
    from scipy import ndimage

    height, width = smooth.shape
    step = max(1, -(-max(height, width) // CELLS))
    blocks = _blocks(bright, step)
    corners = [blocks[:, row, :, column] for row in (0, -1) for column in (0, -1)]
    flat = np.max(corners, axis=0) - np.min(corners, axis=0) <= FLAT
    levels = np.bincount(corners[0][flat], minlength=256)[:DARKEST_PANEL]
    background = int(levels.argmax()) if levels.max() > 0.05 * flat.size else 0
    cells = _blocks(smooth, step)[:, step // 2, :, step // 2]
    lit = np.pad(cells > background + MARGIN, BRIDGE)
    closed = ndimage.binary_closing(lit, np.ones((BRIDGE, BRIDGE)))
    closed = ndimage.binary_opening(closed, np.ones((3, 3)))[BRIDGE:-BRIDGE, BRIDGE:-BRIDGE]
    labels, count = ndimage.label(closed)
    nothing = np.zeros((height, width), bool), np.ones((height, width), bool)
    if not count:
        return nothing
    sizes = np.bincount(labels.ravel())[1:]
    if sizes.max() < SMALLEST * closed.size:
        return nothing
    hull = _convex_hull(labels == 1 + sizes.argmax())
    hull = ndimage.binary_dilation(hull, np.ones((3, 3)))  # the opening cut its corners
    cells_of_edge = -(-EDGE // step)
    edge = ndimage.binary_dilation(hull, np.ones((3, 3)), cells_of_edge)
    return _enlarged(hull, step)[:height, :width], _enlarged(edge, step)[:height, :width]


def _blocks(values: np.ndarray, step: int) -> np.ndarray:
    """Values (H, W) by cells of `step` pixels, padded: (rows, step, columns, step)."""
    height, width = values.shape
    padded = np.pad(values, ((0, -height % step), (0, -width % step)), mode="edge")
    return padded.reshape(padded.shape[0] // step, step, padded.shape[1] // step, step)


def bounding_box(mask: np.ndarray) -> tuple[int, int, int, int] | None:
    """Find the box around what is marked.

    Args:
        mask: Boolean (H, W).

    Returns:
        (top, left, bottom, right) in pixels, the last two exclusive; None where nothing is.

    Example:
        >>> bounding_box(np.pad(np.ones((2, 3), bool), 1))
        (1, 1, 3, 4)
    """
    if not mask.any():
        return None
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _convex_hull(mask: np.ndarray) -> np.ndarray:
    """The convex hull of a mask: boolean (H, W)."""
    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - 1 - mask[rows, ::-1].argmax(axis=1)
    y, x = np.arange(rows[0], rows[-1] + 1), np.arange(mask.shape[1])
    left, right = _envelope(rows, first, y), -_envelope(rows, -last, y)
    hull = np.zeros_like(mask)
    hull[y] = (x >= left[:, None] - 1e-6) & (x <= right[:, None] + 1e-6)
    return hull


def _envelope(at: np.ndarray, values: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The largest convex function below points, at `y` (Andrew's monotone chain)."""
    chain: list[tuple[int, int]] = []
    for point in zip(at.tolist(), values.tolist(), strict=True):
        while len(chain) > 1 and _turns_down(chain[-2], chain[-1], point):
            chain.pop()
        chain.append(point)
    return np.interp(y, [row for row, _ in chain], [value for _, value in chain])


def _turns_down(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> bool:
    """Whether b lies on or above the line from a to c."""
    return (b[1] - a[1]) * (c[0] - a[0]) >= (c[1] - a[1]) * (b[0] - a[0])


def _enlarged(cells: np.ndarray, step: int) -> np.ndarray:
    return cells.repeat(step, axis=0).repeat(step, axis=1)
