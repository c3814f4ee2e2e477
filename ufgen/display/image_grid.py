"""Labelled sheets of images."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ufgen.atomic import atomic_file
from ufgen.images.pixel_store import as_picture

MARGIN = 6
TILE = 128
GRID_COLUMNS = 10


def write_grid(path: Path, rows: list[tuple[str, np.ndarray]], title: str) -> None:
    """Write a sheet: one captioned strip of images for each of `rows`.

    Each row is a caption and uint8 images (N, H, W, C) with C 1 or 3; small images are enlarged
    by a whole factor without smoothing.
    """
    height, width = rows[0][1].shape[1:3]
    factor = max(1, TILE // height)
    tile_h, tile_w = height * factor, width * factor
    font, small = ImageFont.load_default(18), ImageFont.load_default(14)
    probe = ImageDraw.Draw(Image.new("L", (1, 1)))
    left = max(probe.textlength(line, small) for text, _ in rows for line in text.split("\n"))
    left = int(left) + 2 * MARGIN
    columns = max(len(images) for _, images in rows)
    wide = left + columns * (tile_w + 2) + MARGIN
    wide = max(wide, int(probe.textlength(title, font)) + 2 * MARGIN)
    top = 34
    sheet = Image.new("RGB", (wide, top + len(rows) * (tile_h + 2) + MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, 6), title, fill="black", font=font)
    for row, (caption, images) in enumerate(rows):
        y = top + row * (tile_h + 2)
        draw.text((MARGIN, y + tile_h // 2), caption, fill="black", font=small, anchor="lm")
        for column, pixels in enumerate(images):
            tile = Image.fromarray(as_picture(pixels))
            tile = tile.resize((tile_w, tile_h), Image.Resampling.NEAREST)
            sheet.paste(tile, (left + column * (tile_w + 2), y))
    with atomic_file(path) as temporary:
        sheet.save(temporary)
