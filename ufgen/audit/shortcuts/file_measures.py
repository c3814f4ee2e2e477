"""What a file and the whole of its picture say, whatever the picture shows."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

BORDER = 0.05
"""Depth of the border, as a fraction of the height or width."""
BLACK, COLOURED = 8, 24
"""Grey values up to `BLACK` are black; channels that differ by more than `COLOURED`, a colour."""
SAMPLED = 512
"""Larger pictures are measured on every second, third ... pixel, about so many a side."""
NAMED_TAGS = {271: "make", 272: "model", 305: "software"}
LAYOUT = ("dpi", "jfif", "jfif_density", "jfif_unit", "jfif_version", "adobe", "adobe_transform")
UNREAD = {"bytes": np.nan, "format": "", "jpeg_tables": "", "metadata": ""}


def measure(path: str, picture: np.ndarray) -> dict[str, Any]:
    """Measure a file and its picture.

    Args:
        path: The file; what cannot be read from it, as from a member of an archive, is left "" or
            NaN.
        picture: Its source image, uint8 (H, W) or (H, W, 3).

    Returns:
        Of the file: `bytes`, `format` (such as "JPEG"), `jpeg_tables` (a short hash of the
        quantisation tables) and `metadata` (which are there, and the software and device named in
        them). Of the picture: `width` and `height` in pixels, `aspect` (width / height), `mean`
        and `contrast` (standard deviation) of the grey values, `outer_mean` and `outer_contrast`
        outside the central half of height and width, and the fraction of coloured pixels `colour`.
        Of its border on each side (5 %): `border_<side>_mean`, `border_<side>_std`, and the black
        fraction of all of it, `border_black`.
    """
    height, width = picture.shape[:2]
    step = max(1, min(height, width) // SAMPLED)
    sampled = picture[::step, ::step]
    grey = sampled if sampled.ndim == 2 else sampled.mean(axis=2, dtype="float32")
    outer = _outside_centre(grey)
    return {
        **_read_file(path),
        "width": width,
        "height": height,
        "aspect": width / height,
        "mean": float(grey.mean()),
        "contrast": float(grey.std()),
        "outer_mean": float(outer.mean()),
        "outer_contrast": float(outer.std()),
        "colour": _coloured(sampled),
        **_border(grey),
    }


def _read_file(path: str) -> dict[str, Any]:
    try:
        size = Path(path).stat().st_size
        with Image.open(path) as file:
            tables = getattr(file, "quantization", None) or {}
            metadata = _metadata(file)
            name = file.format or ""
    except Exception:  # a decoder may fail in any way at a file that is not one of its own
        return dict(UNREAD)
    values = repr(sorted((number, list(table)) for number, table in tables.items()))
    short = hashlib.sha256(values.encode()).hexdigest()[:8] if tables else ""
    return {"bytes": float(size), "format": name, "jpeg_tables": short, "metadata": metadata}


def _metadata(file: Image.Image) -> str:
    """Which metadata there are, and the maker's names in them, but no other value."""
    found = sorted(str(key) for key in file.info if key not in LAYOUT and not isinstance(key, int))
    found += [f"dpi {'x'.join(f'{v:.0f}' for v in file.info['dpi'])}"] if "dpi" in file.info else []
    tags = file.getexif()
    found += [f"{name} {str(tags[tag]).strip()}" for tag, name in NAMED_TAGS.items() if tag in tags]
    if "Software" in file.info:
        found.append(f"software {file.info['Software']}")
    return ", ".join(found)[:200]


def _outside_centre(grey: np.ndarray) -> np.ndarray:
    outside = np.ones(grey.shape, bool)
    top, left = grey.shape[0] // 4, grey.shape[1] // 4
    outside[top : grey.shape[0] - top, left : grey.shape[1] - left] = False
    return grey[outside] if outside.any() else grey


def _coloured(picture: np.ndarray) -> float:
    if picture.ndim == 2:
        return 0.0
    red, green, blue = (picture[..., channel].astype("int16") for channel in range(3))
    most = np.maximum(np.maximum(red, green), blue)
    least = np.minimum(np.minimum(red, green), blue)
    return float((most - least > COLOURED).mean())


def _border(grey: np.ndarray) -> dict[str, float]:
    rows, columns = (max(1, round(BORDER * length)) for length in grey.shape)
    sides = {
        "top": grey[:rows],
        "bottom": grey[-rows:],
        "left": grey[:, :columns],
        "right": grey[:, -columns:],
    }
    measured = {}
    for name, side in sides.items():
        measured[f"border_{name}_mean"] = float(side.mean())
        measured[f"border_{name}_std"] = float(side.std())
    black = np.concatenate([side.ravel() for side in sides.values()]) <= BLACK
    return measured | {"border_black": float(black.mean())}
