"""What an audit measures of the overlays of one image."""

import json

import numpy as np

from ufgen.preparation.overlays import find_overlays
from ufgen.preparation.text_lines import Box

MOST_BOXES = 50


def measure(path: str, picture: np.ndarray) -> dict[str, str | float]:
    """Measure the overlays of an image.

    Args:
        path: Where the image is; not opened.
        picture: uint8 (H, W) or (H, W, 3).

    Returns:
        `text_boxes` (JSON: at most 50 boxes as top, left, bottom, right in fractions of the height
        and width), `text_area`, `caliper_area` and `marks_area` (fractions of the image), and
        `sector` (JSON: such a box, or null).
    """
    found, shape = find_overlays(picture), picture.shape
    return {
        "text_boxes": json.dumps([_fractions(box, shape) for box in found.text[:MOST_BOXES]]),
        "text_area": float(found.text_mask.mean()),
        "caliper_area": float(found.calipers.mean()),
        "marks_area": float(found.marks.mean()),
        "sector": json.dumps(_fractions(found.sector, shape) if found.sector else None),
    }


def _fractions(box: Box, shape: tuple[int, ...]) -> list[float]:
    height, width = shape[:2]
    top, left, bottom, right = box
    return [round(v, 4) for v in (top / height, left / width, bottom / height, right / width)]
