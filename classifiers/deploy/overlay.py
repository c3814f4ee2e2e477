"""A prediction drawn on its picture: class, probability, and the box around the evidence."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from classifiers.deploy.predictor import Prediction

COLOUR = (255, 196, 0)
BEHIND = (0, 0, 0)


def draw(picture: np.ndarray, found: Prediction, note: str = "") -> np.ndarray:
    """uint8 (H, W) or (H, W, 3) with the prediction drawn on it: uint8 (H, W, 3) RGB.

    `note` is written behind class and probability.
    """
    image = Image.fromarray(picture).convert("RGB")
    pen = ImageDraw.Draw(image)
    width, height = image.size
    thick = max(1, round(min(width, height) / 200))
    if found.box:
        x0, y0, x1, y1 = (round(b * s) for b, s in zip(found.box, (width, height) * 2, strict=True))
        pen.rectangle((x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), outline=COLOUR, width=thick)
    font = ImageFont.load_default(max(10, round(height / 24)))
    text = f"{found.label} {found.probability:.2f} {note}".rstrip()
    left, top, right, bottom = pen.textbbox((thick, thick), text, font=font)
    pen.rectangle((left - thick, top - thick, right + thick, bottom + thick), fill=BEHIND)
    pen.text((thick, thick), text, font=font, fill=COLOUR)
    return np.asarray(image)
