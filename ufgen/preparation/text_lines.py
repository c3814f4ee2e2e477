"""Lines of text: strokes that are as characters are, beside each other."""

import numpy as np

from ufgen.preparation.strokes import Strokes

Box = tuple[int, int, int, int]  # top, left, bottom, right: pixels, the last two exclusive

LOWEST, HIGHEST = 5, 48  # pixels: the height of a character
WIDEST = 14  # times its height: characters that touch are one stroke
HALO, FAR_HALO = 0.65, 0.5  # of text on tissue (see `Strokes`)
MANY = 60  # candidates: of so many grains of bright speckle, three are alike by chance
GAP = 1.1  # heights: the largest gap between two characters of a line


def text_lines(strokes: Strokes, inside: np.ndarray) -> list[Box]:
    """Group strokes to lines of text.

    Outside of the sector, where all was drawn, two characters are a line; on tissue three (four
    where many grains are bright), which must be about as bright and as high as each other, the
    more so the fewer they are.

    Args:
        strokes: The strokes of a picture.
        inside: Where the sector is: boolean (H, W).

    Returns:
        The box of each line, from top to bottom.
    """
    height, width = strokes.height, strokes.width
    sized = (height >= LOWEST) & (height <= HIGHEST) & (width <= WIDEST * height)
    thin = (strokes.fill > 0.15) & ((strokes.fill < 0.85) | (width < 0.5 * height))
    middle = (strokes.top + strokes.bottom) // 2, (strokes.left + strokes.right) // 2
    on_tissue = inside[middle] if len(height) else np.zeros(0, bool)
    sharp = (strokes.halo < HALO) & (strokes.far_halo < FAR_HALO)
    chosen = np.flatnonzero(sized & thin & (sharp | ~on_tissue))
    groups = _groups(strokes, chosen)
    fewest = 3 if len(chosen) <= MANY else 4
    lines = [group for group in groups if _is_line(strokes, group, on_tissue, fewest)]
    return sorted({_box(strokes, _extended(strokes, line)) for line in lines})


def _groups(strokes: Strokes, chosen: np.ndarray) -> list[np.ndarray]:
    """Strokes of about one height that follow each other at small gaps, by connected components."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    if not len(chosen):
        return []
    top, bottom = strokes.top[chosen], strokes.bottom[chosen]
    left, right = strokes.left[chosen], strokes.right[chosen]
    height, peak = bottom - top, strokes.peak[chosen]
    tall = np.maximum(height[:, None], height)
    low = np.minimum(height[:, None], height)
    overlap = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    gap = np.maximum(left[:, None], left) - np.minimum(right[:, None], right)
    base = np.abs(bottom[:, None] - bottom)
    alike = np.abs(peak[:, None] - peak) <= 45
    joined = (gap <= GAP * tall) & (overlap >= 0.6 * low) & (low >= 0.55 * tall) & alike
    joined &= (base <= 0.3 * tall) & (gap > -0.5 * low)
    _, number = connected_components(coo_matrix(joined), directed=False)
    return [chosen[number == one] for one in range(number.max() + 1)]


def _is_line(strokes: Strokes, group: np.ndarray, on_tissue: np.ndarray, fewest: int) -> bool:
    """Whether strokes side by side are text rather than speckle or the edge of an organ."""
    height, width = strokes.height[group], strokes.width[group]
    level = np.median(height)
    if len(group) < 2 or np.median(width) > 1.6 * level:
        return False
    halo, far_halo = strokes.halo[group].mean(), strokes.far_halo[group].mean()
    if not on_tissue[group].any():
        return bool(far_halo < 0.25)
    same = np.abs(height - level) <= max(1, 0.15 * level)
    if len(group) < fewest or same.mean() < 0.6:
        return False
    bottoms = strokes.bottom[group][same]
    straight = np.ptp(bottoms) <= 0.1 * (strokes.right[group].max() - strokes.left[group].min()) + 2
    allowed = 3 + min(9, 3 * (len(group) - 3)) + (6 if far_halo < 0.1 else 0)
    even = strokes.peak[group].std() <= allowed and (height.std() <= 0.22 * level)
    return bool(even and straight and halo < 0.53 and far_halo < 0.42)


def _extended(strokes: Strokes, group: np.ndarray) -> np.ndarray:
    """A line with the strokes at its ends, which may be other words, or touch bright tissue."""
    level = np.median(strokes.height[group])
    bright = strokes.peak >= strokes.peak[group].min() - 30
    alike = bright & (strokes.height <= 1.4 * level) & (strokes.width <= WIDEST * level)
    top, bottom = strokes.top[group].min(), strokes.bottom[group].max()
    within = np.minimum(strokes.bottom, bottom) - np.maximum(strokes.top, top)
    alike &= within >= 0.7 * strokes.height
    members = np.zeros(len(strokes.top), bool)
    members[group] = True
    while True:
        left, right = strokes.left[members].min(), strokes.right[members].max()
        near = (strokes.left <= right + 1.2 * level) & (strokes.right >= left - 1.2 * level)
        if not (added := alike & near & ~members).any():
            return np.flatnonzero(members)
        members |= added


def _box(strokes: Strokes, group: np.ndarray) -> Box:
    height, width = strokes.labels.shape
    top, left = strokes.top[group].min() - 1, strokes.left[group].min() - 1
    bottom, right = strokes.bottom[group].max() + 1, strokes.right[group].max() + 1
    return max(0, int(top)), max(0, int(left)), min(height, int(bottom)), min(width, int(right))
