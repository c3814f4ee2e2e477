"""Text burned into the images: where it is, and how much of it may name a patient."""

import json

import pandas as pd

from ufgen.audit.findings import Exhibit, Finding
from ufgen.audit.measurements import Measurements

MOST_SHOWN = 12
BY_MISTAKE = 0.01  # of images without text: more are found in them in no set that was measured


def findings(measured: Measurements) -> list[Finding]:
    """Find the images that text is burned into.

    Args:
        measured: Its table has `text_boxes` (see `ufgen.preparation.overlay_measure`).

    Returns:
        One finding, or none.
    """
    boxes = [json.loads(text) for text in measured.table["text_boxes"]]
    counts = pd.Series([len(found) for found in boxes])
    if not (counts > 0).any():
        return []
    paths = measured.images.table["path"]
    order = counts[counts > 0].sort_values(ascending=False, kind="stable").index
    number = len(order)
    few = number <= BY_MISTAKE * len(paths)
    exhibits = [
        Exhibit(
            [paths[row]],
            f"{counts[row]} region{'s' if counts[row] > 1 else ''} of text",
            [[(box[0], box[1], box[2], box[3]) for box in boxes[row]]],
        )
        for row in order[:MOST_SHOWN]
    ]
    return [
        Finding(
            "burned-in-text",
            "note" if few else "warning",
            f"Text {'may be' if few else 'is'} burned into {number} of {len(paths)} images",
            number,
            "It may name a patient, a hospital or a date: look at it before images leave the "
            "hospital. A classifier can learn from it, too, and a generator copies it. Found by "
            "the shape of characters; what they say is not read, faint or short text on tissue is "
            "missed, and in up to 1 % of images tissue is taken for text.",
            "`ufgen data prepare FOLDER --mask-overlays --out prepared`",
            pd.DataFrame({"path": paths[order], "regions": counts[order]}),
            exhibits,
        )
    ]
