"""The simulated scanner: its sector, speckle, and scan conversion."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d, map_coordinates

ZOOM_TOP, ZOOM_WIDTH = 0.41, 0.5  # a square that is inside every sector of `sample_scan`

Box = tuple[float, float, float, float]  # x0, y0, x1, y1


class View(NamedTuple):
    """One image of a patient.

    Attributes:
        pixels: uint8 (size, size).
        lesions: The bounding boxes of the fibroids, in pixels.
    """

    pixels: np.ndarray
    lesions: list[Box]


class Scan(NamedTuple):
    """The geometry of a sector, with lengths in units of the image width.

    Attributes:
        apex: Distance of the apex of the sector above the skin.
        opening: Half of the opening angle, in radians.
        near: Distance of the first samples from the apex.
        far: Distance of the last samples from the apex.
        x: Lateral position of each sample: float32, (samples, lines).
        y: Depth of each sample below the skin: float32, (samples, lines).
    """

    apex: float
    opening: float
    near: float
    far: float
    x: np.ndarray
    y: np.ndarray


def sample_scan(rng: np.random.Generator, lines: int, samples: int) -> Scan:
    """Sample a sector of random opening and depth.

    Args:
        rng: The source of randomness.
        lines: The number of beams.
        samples: The number of samples of each beam.

    Returns:
        The sector.
    """
    apex, near = rng.uniform(0.05, 0.16), rng.uniform(0.1, 0.2)
    opening, far = rng.uniform(0.55, 0.72), rng.uniform(1.0, 1.12)
    angle = np.linspace(-opening, opening, lines)[None, :]
    depth = np.linspace(near, far, samples)[:, None]
    x, y = depth * np.sin(angle), depth * np.cos(angle) - apex
    return Scan(apex, opening, near, far, x.astype("float32"), y.astype("float32"))


def speckle(echo: np.ndarray, rng: np.random.Generator, axial: float, lateral: float) -> np.ndarray:
    """Simulate the envelope of the echoes of many scatterers under a Gaussian pulse.

    Where `echo` is constant the envelope is Rayleigh distributed with a mean square of the echo's
    power (Wagner et al., Statistics of speckle in ultrasound B-scans, 1983). Beams diverge, so
    speckle widens with depth.

    Args:
        echo: The mean level in dB: (samples, lines).
        rng: The source of randomness.
        axial: The standard deviation of the pulse, in samples.
        lateral: The standard deviation of the beam, in lines.

    Returns:
        The envelope: float32, (samples, lines).
    """
    strength = 10 ** (np.clip(echo, -40, 20) / 20)
    noise = rng.standard_normal((2, *echo.shape), "float32") * strength.astype("float32")
    parts = []
    for part in noise:
        part = gaussian_filter1d(part, axial, axis=0, mode="nearest")
        parts.append(gaussian_filter1d(part, lateral, axis=1, mode="nearest"))
    return np.hypot(*parts) * np.sqrt(4 * np.pi * axial * lateral / 2)


def scan_convert(
    gray: np.ndarray, scan: Scan, boxes: list[Box], size: int, zoomed: bool = False
) -> View:
    """Convert a polar raster to an image, and the boxes to its pixels.

    Args:
        gray: Grey values in [0, 1]: (samples, lines).
        scan: The geometry of the raster.
        boxes: The boxes of the fibroids, in units of the image width.
        size: Height and width of the image in pixels.
        zoomed: Show a square inside the sector instead of the whole sector on black.

    Returns:
        The image; boxes that are outside of it are left out.
    """
    top = scan.near * np.cos(scan.opening)
    extent = max(2 * scan.far * np.sin(scan.opening), scan.far - top)
    if zoomed:
        top, extent = ZOOM_TOP, ZOOM_WIDTH
    grid = (np.arange(size) + 0.5) / size
    px, py = (grid[None, :] - 0.5) * extent, grid[:, None] * extent + top
    row = (np.hypot(px, py) - scan.near) / (scan.far - scan.near) * (gray.shape[0] - 1)
    angle = np.arctan2(px, py)
    column = (angle + scan.opening) / (2 * scan.opening) * (gray.shape[1] - 1)
    image = map_coordinates(gray, [row, column], order=1, mode="constant", cval=0)
    lesions = []
    for x0, y0, x1, y1 in boxes:
        x = (np.array([x0, x1]) / extent + 0.5) * size
        y = (np.array([y0, y1]) + scan.apex - top) / extent * size
        (x0, x1), (y0, y1) = np.clip(x, 0, size), np.clip(y, 0, size)
        if x1 - x0 > 1 and y1 - y0 > 1:
            lesions.append((float(x0), float(y0), float(x1), float(y1)))
    return View(np.clip(np.rint(image * 255), 0, 255).astype("uint8"), lesions)


def smooth_field(rng: np.random.Generator, shape: tuple[int, int], cells: int) -> np.ndarray:
    """Sample a smooth random field of about unit variance.

    Args:
        rng: The source of randomness.
        shape: Height and width of the field.
        cells: The number of cells per side, at whose corners the field is independent.

    Returns:
        The field: float32, of this shape.
    """
    coarse = rng.standard_normal((cells + 1, cells + 1), "float32")
    down, across = (_interpolation(length, cells) for length in shape)
    return 1.3 * down @ coarse @ across.T


@lru_cache
def _interpolation(length: int, cells: int) -> np.ndarray:
    """The matrix (length, cells + 1) of linear interpolation between equally spaced points."""
    position = np.linspace(0, cells, length)[:, None]
    return np.clip(1 - np.abs(position - np.arange(cells + 1)), 0, 1).astype("float32")
