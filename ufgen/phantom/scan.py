"""The scanner: its sector, its speckle, and the picture that it shows."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d, map_coordinates

ZOOM_TOP, ZOOM_WIDTH = 0.41, 0.5  # a square that lies inside every sector of `sample_scan`


class View(NamedTuple):
    """One image, uint8 (size, size), and its fibroids as boxes (x0, y0, x1, y1) in pixels."""

    pixels: np.ndarray
    lesions: list[tuple[float, float, float, float]]


class Scan(NamedTuple):
    """Where each sample of the polar raster lies: x and y in units of the image width."""

    apex: float
    opening: float
    near: float
    far: float
    x: np.ndarray
    y: np.ndarray


def sample_scan(rng: np.random.Generator, lines: int, samples: int) -> Scan:
    """A sector of random opening and depth, with `lines` beams of `samples` each."""
    apex, near = rng.uniform(0.05, 0.16), rng.uniform(0.1, 0.2)
    opening, far = rng.uniform(0.55, 0.72), rng.uniform(1.0, 1.12)
    angle = np.linspace(-opening, opening, lines)[None, :]
    depth = np.linspace(near, far, samples)[:, None]
    x, y = depth * np.sin(angle), depth * np.cos(angle) - apex
    return Scan(apex, opening, near, far, x.astype("float32"), y.astype("float32"))


def speckle(echo: np.ndarray, rng: np.random.Generator, axial: float, lateral: float) -> np.ndarray:
    """The envelope of many scatterers under a Gaussian pulse: float32, the shape of `echo`.

    `echo` is the mean level in dB, `axial` and `lateral` the pulse's standard deviations in
    samples and lines. Where `echo` is constant the envelope is Rayleigh distributed with a mean
    square of the echo's power (Wagner et al., 1983). Beams diverge, so cells widen with depth.
    """
    strength = 10 ** (np.clip(echo, -40, 20) / 20)
    noise = rng.standard_normal((2, *echo.shape), "float32") * strength.astype("float32")
    parts = []
    for part in noise:
        part = gaussian_filter1d(part, axial, axis=0, mode="nearest")
        parts.append(gaussian_filter1d(part, lateral, axis=1, mode="nearest"))
    return np.hypot(*parts) * np.sqrt(4 * np.pi * axial * lateral / 2)


def scan_convert(
    gray: np.ndarray, scan: Scan, boxes: list, size: int, zoomed: bool = False
) -> View:
    """The picture with boxes in its pixels: the whole sector, or `zoomed` a square inside it."""
    top = scan.near * np.cos(scan.opening)
    extent = max(2 * scan.far * np.sin(scan.opening), scan.far - top)
    if zoomed:
        top, extent = ZOOM_TOP, ZOOM_WIDTH
    grid = (np.arange(size) + 0.5) / size
    px, py = (grid[None, :] - 0.5) * extent, grid[:, None] * extent + top
    row = (np.hypot(px, py) - scan.near) / (scan.far - scan.near) * (gray.shape[0] - 1)
    angle = np.arctan2(px, py)
    column = (angle + scan.opening) / (2 * scan.opening) * (gray.shape[1] - 1)
    picture = map_coordinates(gray, [row, column], order=1, mode="constant", cval=0)
    lesions = []
    for x0, y0, x1, y1 in boxes:
        x = (np.array([x0, x1]) / extent + 0.5) * size
        y = (np.array([y0, y1]) + scan.apex - top) / extent * size
        (x0, x1), (y0, y1) = np.clip(x, 0, size), np.clip(y, 0, size)
        if x1 - x0 > 1 and y1 - y0 > 1:
            lesions.append((float(x0), float(y0), float(x1), float(y1)))
    return View(np.clip(np.rint(picture * 255), 0, 255).astype("uint8"), lesions)


def smooth_field(rng: np.random.Generator, shape: tuple[int, int], cells: int) -> np.ndarray:
    """A random field that varies over about `cells` lengths a side: about unit variance."""
    coarse = rng.standard_normal((cells + 1, cells + 1), "float32")
    down, across = (_interpolation(length, cells) for length in shape)
    return 1.3 * down @ coarse @ across.T


@lru_cache
def _interpolation(length: int, cells: int) -> np.ndarray:
    """The matrix (length, cells + 1) of linear interpolation between equally spaced points."""
    place = np.linspace(0, cells, length)[:, None]
    return np.clip(1 - np.abs(place - np.arange(cells + 1)), 0, 1).astype("float32")
