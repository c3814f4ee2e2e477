"""Grids of images with captions, as PNG."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ufgen.atomic import atomic_file
from ufgen.images.decoding import as_picture

MARGIN = 6
TILE = 128
GRID_COLUMNS = 10


def write_grid(path: Path, rows: list[tuple[str, np.ndarray]], title: str) -> None:
    """Write a grid of images, with a caption beside each row.

    Images below 128 px are enlarged by a whole factor without smoothing.

    Args:
        path: The PNG to write.
        rows: A caption and images, uint8 (N, H, W, C) with C 1 or 3, for each row; H and W are the
            same in all rows.
        title: The line above the grid.
    """
    image_h, image_w = rows[0][1].shape[1:3]
    factor = max(1, TILE // image_h)
    tile_h, tile_w = image_h * factor, image_w * factor
    font, small = ImageFont.load_default(18), ImageFont.load_default(14)
    probe = ImageDraw.Draw(Image.new("L", (1, 1)))
    lines = [line for caption, _ in rows for line in caption.split("\n")]
    left = int(max(probe.textlength(line, small) for line in lines)) + 2 * MARGIN
    columns = max(len(images) for _, images in rows)
    width = left + columns * (tile_w + 2) + MARGIN
    width = max(width, int(probe.textlength(title, font)) + 2 * MARGIN)
    top = 34
    sheet = Image.new("RGB", (width, top + len(rows) * (tile_h + 2) + MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, 6), title, fill="black", font=font)
    for row, (caption, images) in enumerate(rows):
        y = top + row * (tile_h + 2)
        draw.text((MARGIN, y + tile_h // 2), caption, fill="black", font=small, anchor="lm")
        for column, image in enumerate(images):
            tile = Image.fromarray(as_picture(image))
            tile = tile.resize((tile_w, tile_h), Image.Resampling.NEAREST)
            sheet.paste(tile, (left + column * (tile_w + 2), y))
    with atomic_file(path) as temporary:
        sheet.save(temporary)
