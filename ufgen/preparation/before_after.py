"""before_after.png: originals with what was found in them, beside the prepared pictures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ufgen.atomic import atomic_file
from ufgen.images.decoding import decode
from ufgen.preparation.recipe import Preparation

SHOWN = 8
TILE = 360  # pixels
GAP = 6
COLUMNS = 2  # of pairs
TEXT, MARKS, SECTOR = (230, 60, 60), (240, 160, 0), (80, 180, 240)
TITLE = "original with text (red), marks (orange) and what is left (blue); prepared"


def write_sheet(path: Path, originals: Sequence[str], preparation: Preparation) -> None:
    """Write the sheet, of images evenly spaced in the list.

    Args:
        path: The PNG to write.
        originals: Files that can be decoded.
        preparation: The steps.
    """
    rows = np.unique(np.linspace(0, len(originals) - 1, SHOWN).round().astype(int))
    pairs = [_pair(originals[row], preparation) for row in rows]
    lines = -(-len(pairs) // COLUMNS)
    width = COLUMNS * 2 * (TILE + GAP) + GAP
    sheet = Image.new("RGB", (width, 30 + lines * (TILE + GAP)), "white")
    ImageDraw.Draw(sheet).text((GAP, 6), TITLE, fill="black", font=ImageFont.load_default(16))
    for number, pair in enumerate(pairs):
        line, column = divmod(number, COLUMNS)
        for side, image in enumerate(pair):
            x = GAP + (2 * column + side) * (TILE + GAP)
            sheet.paste(image, (x, 30 + line * (TILE + GAP)))
    with atomic_file(path) as temporary:
        sheet.save(temporary)


def _pair(path: str, preparation: Preparation) -> tuple[Image.Image, Image.Image]:
    """The original with boxes, and the prepared picture, both of at most `TILE` pixels."""
    picture = decode(path)
    prepared = preparation.prepare(picture, path)
    shown = np.array(Image.fromarray(picture).convert("RGB"))
    boxes = [(prepared.crop, SECTOR)]
    if prepared.overlays is not None:
        shown[prepared.overlays.marks] = MARKS
        boxes += [(box, TEXT) for box in prepared.overlays.text]
    factor = TILE / max(shown.shape[:2])
    original = _fitted(shown)
    draw = ImageDraw.Draw(original)
    for (top, left, bottom, right), colour in boxes:
        x, y = left * factor, top * factor
        corners = (x, y, max(x, right * factor - 1), max(y, bottom * factor - 1))
        draw.rectangle(corners, outline=colour)
    return original, _fitted(prepared.picture)


def _fitted(picture: np.ndarray) -> Image.Image:
    image = Image.fromarray(picture).convert("RGB")
    factor = TILE / max(image.size)
    return image.resize((max(1, round(image.width * factor)), max(1, round(image.height * factor))))
