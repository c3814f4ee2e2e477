"""A prediction drawn on its picture: probability, class, threshold, and a box of evidence."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from classifiers.deploy.predictor import Prediction

COLOUR = (255, 196, 0)
BEHIND = (0, 0, 0)
SMALLEST = 8
ARROW = "->"
"""The font that Pillow brings has no other."""


def draw(picture: np.ndarray, found: Prediction, note: str = "") -> np.ndarray:
    """uint8 (H, W) or (H, W, 3) with the prediction drawn on it: uint8 (H, W, 3) RGB.

    `note` is written behind probability, class and threshold; a line that is wider than the
    picture is broken before the class.
    """
    image = Image.fromarray(picture).convert("RGB")
    pen = ImageDraw.Draw(image)
    width, height = image.size
    thick = max(1, round(min(width, height) / 200))
    if found.box:
        x0, y0, x1, y1 = (round(b * s) for b, s in zip(found.box, (width, height) * 2, strict=True))
        pen.rectangle((x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), outline=COLOUR, width=thick)
    text = f"{found.text(ARROW)} {note}".rstrip()
    font, text = _fitted(pen, text, width - 2 * thick, max(10, round(height / 24)))
    left, top, right, bottom = pen.multiline_textbbox((thick, thick), text, font=font)
    pen.rectangle((left - thick, top - thick, right + thick, bottom + thick), fill=BEHIND)
    pen.multiline_text((thick, thick), text, font=font, fill=COLOUR)
    return np.asarray(image)


def _fitted(pen: ImageDraw.ImageDraw, text: str, width: int, size: int) -> tuple:
    """A font of `size` or smaller, and the text in one line or two, so that it fits `width`."""
    for smaller in range(size, SMALLEST - 1, -1):
        font = ImageFont.load_default(smaller)
        for shown in (text, text.replace(f" {ARROW} ", f"\n{ARROW} ")):
            if pen.multiline_textbbox((0, 0), shown, font=font)[2] <= width:
                return font, shown
    return font, shown
