"""A prediction drawn on its image: probability, class, threshold, and the salient box."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from classifiers.deploy.predictor import Prediction

COLOUR = (255, 196, 0)
BACKGROUND = (0, 0, 0)
MIN_FONT_SIZE = 8
ARROW = "->"
"""Pillow's default font has no other."""

Font = ImageFont.ImageFont | ImageFont.FreeTypeFont


def draw(picture: np.ndarray, prediction: Prediction, note: str = "") -> np.ndarray:
    """Draw a prediction on its image.

    Args:
        picture: uint8 (H, W) or (H, W, 3).
        prediction: Of this image.
        note: Written after the threshold. A line wider than the image is broken before the class.

    Returns:
        uint8 (H, W, 3) RGB.
    """
    image = Image.fromarray(picture).convert("RGB")
    pen = ImageDraw.Draw(image)
    width, height = image.size
    line = max(1, round(min(width, height) / 200))
    if prediction.box:
        x0, y0, x1, y1 = (
            round(edge * length)
            for edge, length in zip(prediction.box, (width, height) * 2, strict=True)
        )
        pen.rectangle((x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), outline=COLOUR, width=line)
    text = f"{prediction.text(ARROW)} {note}".rstrip()
    font, text = _fitted(pen, text, width - 2 * line, max(10, round(height / 24)))
    left, top, right, bottom = pen.multiline_textbbox((line, line), text, font=font)
    pen.rectangle((left - line, top - line, right + line, bottom + line), fill=BACKGROUND)
    pen.multiline_text((line, line), text, font=font, fill=COLOUR)
    return np.asarray(image)


def _fitted(pen: ImageDraw.ImageDraw, text: str, width: int, size: int) -> tuple[Font, str]:
    """A font of `size` or smaller, and the text in one line or two, so that it fits `width`."""
    for smaller in range(size, MIN_FONT_SIZE - 1, -1):
        font = ImageFont.load_default(smaller)
        for broken in (text, text.replace(f" {ARROW} ", f"\n{ARROW} ")):
            if pen.multiline_textbbox((0, 0), broken, font=font)[2] <= width:
                return font, broken
    return font, broken
