"""Calipers: the crosses and dotted lines that measurements leave in a picture."""

import numpy as np

from ufgen.preparation.strokes import Strokes, running

ARMS = 0.85  # of the pixels of a cross that lie in its middle rows and columns
ARM = 4  # pixels: the arms of a + reach this far at least
CROSS = 90  # grey level of a whole + on tissue
BETWEEN = 40  # grey levels that the pixels between its arms are darker
SMALLEST, LARGEST = 5, 27  # pixels: height and width of a cross
DOT = 5  # pixels: the largest side of a dot
FARTHEST = 16  # pixels from dot to dot
FEWEST = 5  # equally spaced dots are a line
MOST = 600  # candidates: where there are more they are grains of speckle


def find_calipers(bright: np.ndarray, strokes: Strokes) -> np.ndarray:
    """Find crosses (+ or x) and dotted lines.

    Args:
        bright: The brightness of a picture: uint8 (H, W).
        strokes: Its strokes.

    Returns:
        Their pixels: boolean (H, W).
    """
    found = strokes.mask(_crosses(strokes) | _dots(strokes))
    return found | _upright_crosses(bright, strokes.labels > 0)


def _upright_crosses(bright: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """The pixels of + shapes, which may touch other strokes: boolean (H, W).

    At the centre of one both arms are bright over their whole length, and what lies between the
    arms is darker.
    """
    if min(bright.shape) <= 4 * ARM:
        return np.zeros(bright.shape, bool)
    edge, length = ARM, 2 * ARM + 1
    padded = np.pad(bright, edge)
    across = running(padded.T, length, np.minimum).T[edge:-edge, : bright.shape[1]]
    down = running(padded, length, np.minimum)[: bright.shape[0], edge:-edge]
    arms = np.minimum(across, down)
    centres = np.argwhere((arms >= CROSS) & drawn)
    found = np.zeros(bright.shape, bool)
    for y, x in centres + edge:
        between = padded[y - 3 : y + 4 : 6, x - 3 : x + 4 : 6]
        if between.max() < int(arms[y - edge, x - edge]) - BETWEEN:
            box = slice(max(0, y - 3 * edge), y + edge), slice(max(0, x - 3 * edge), x + edge)
            cross = np.zeros(drawn[box].shape, bool)
            row, column = y - edge - box[0].start, x - edge - box[1].start
            cross[max(0, row - 1) : row + 2] = cross[:, max(0, column - 1) : column + 2] = True
            found[box] |= drawn[box] & cross
    return found


def _crosses(strokes: Strokes) -> np.ndarray:
    height, width = strokes.height, strokes.width
    fits = (np.minimum(height, width) >= SMALLEST) & (np.maximum(height, width) <= LARGEST)
    fits &= (np.abs(height - width) <= 2) & (strokes.fill < 0.65) & (strokes.far_halo < 0.5)
    chosen = np.zeros(len(height), bool)
    for i in np.flatnonzero(fits):
        box = slice(strokes.top[i], strokes.bottom[i]), slice(strokes.left[i], strokes.right[i])
        chosen[i] = _is_cross(strokes.labels[box] == i + 1)
    return chosen


def _is_cross(shape: np.ndarray) -> bool:
    """Whether the pixels of a box are a + or an x with all four arms."""
    height, width = shape.shape
    y, x = np.mgrid[:height, :width]
    y, x = y - (height - 1) / 2, x - (width - 1) / 2
    thick = max(1.0, min(height, width) / 8)
    reach = 0.3 * min(height, width)
    upright = (np.minimum(np.abs(y), np.abs(x)) <= thick, [y < -reach, y > reach, x < -reach])
    oblique = np.abs(np.abs(y) - np.abs(x)) <= 1.5 * thick
    corners = [(a * y > reach) & (b * x > reach) for a in (1, -1) for b in (1, -1)]
    upright_arms = [*upright[1], x > reach]
    return any(
        shape[on].sum() >= ARMS * shape.sum()
        and all((shape & on & arm).sum() >= 0.5 * height * 0.2 for arm in arms)
        for on, arms in ((upright[0], upright_arms), (oblique, corners))
    )


def _dots(strokes: Strokes) -> np.ndarray:
    """Small strokes that lie on a straight line, equally spaced."""
    from scipy.spatial import cKDTree

    small = (strokes.height <= DOT) & (strokes.width <= DOT) & (strokes.halo < 0.6)
    candidates = np.flatnonzero(small & (strokes.far_halo < 0.4))
    chosen = np.zeros(len(strokes.top), bool)
    if not FEWEST <= len(candidates) <= MOST:
        return chosen
    y = (strokes.top + strokes.bottom)[candidates] / 2
    x = (strokes.left + strokes.right)[candidates] / 2
    points = np.stack([y, x], axis=1)
    tree = cKDTree(points)
    pairs = tree.query_pairs(FARTHEST, output_type="ndarray")
    pairs = np.concatenate([pairs, pairs[:, ::-1]])
    chain, step = [pairs[:, 0], pairs[:, 1]], points[pairs[:, 1]] - points[pairs[:, 0]]
    going = np.hypot(*step.T) >= 3
    while len(chain) < FEWEST:
        distance, following = tree.query(points[chain[-1]] + step)
        going &= distance <= 1.2
        chain.append(following)
    for members in chain:
        chosen[candidates[members[going]]] = True
    return chosen
