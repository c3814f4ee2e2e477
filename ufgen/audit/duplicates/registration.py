"""Registration of thumbnails: how well one image can be laid upon another."""

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np

DARK = 8  # grey values above the darkest place: less is no echo
CONTRAST = 4.0  # grey values that are added to the local contrast, so that noise stays small
COARSE = 32
LEVELS = 40.0  # steps of the coarse images per unit of contrast
STARTS = ((0.0, 1.0), (-8.0, 1.0), (8.0, 1.0), (0.0, 1.2), (0.0, 1 / 1.2))  # angle, scale
FARTHEST = COARSE // 4
ITERATIONS = {COARSE: 10, 2 * COARSE: 5}
LEAST_OVERLAP = 0.5
STRONGEST_SCALING = 1.35


def normalised(thumbnails: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Remove brightness, contrast and outline from thumbnails.

    Structures smaller than about a tenth of the image are kept, each divided by the contrast around
    it. Pixels outside the scanned area count nowhere, so that a common sector or frame does not
    make two images alike.

    Args:
        thumbnails: uint8 (N, 64, 64).

    Returns:
        The normalised images and the scanned area (0 or 1), both float32 (N, 64, 64).
    """
    from scipy.ndimage import binary_erosion, gaussian_filter, uniform_filter

    def blur(images: np.ndarray, sigma: float) -> np.ndarray:
        return gaussian_filter(images, sigma, axes=(1, 2), mode="constant", truncate=3)

    grey = thumbnails.astype("float32")
    local = uniform_filter(grey, 5, axes=(1, 2), mode="nearest")
    scanned = local > local.min((1, 2), keepdims=True) + DARK
    area = binary_erosion(scanned, np.ones((1, 5, 5)), border_value=1).astype("float32")
    weight = blur(area, 4) + 1e-3
    band = (grey - blur(grey * area, 4) / weight) * area
    contrast = np.sqrt(blur(band**2, 4) / weight)
    return np.clip(band / (contrast + CONTRAST), -3, 3), area


def coarse(bands: np.ndarray) -> np.ndarray:
    """Halve normalised images for `rough_similarity`.

    Args:
        bands: float32 (N, 64, 64), from `normalised`.

    Returns:
        int8 (N, 32, 32).
    """
    return np.rint(_halve(bands) * LEVELS).astype("int8")


def rough_similarity(
    first: np.ndarray, second: np.ndarray, flips: Iterable[int] = range(4)
) -> tuple[np.ndarray, np.ndarray]:
    """Compare pairs over shifts, flips, a few rotations and scales, in Fourier space.

    Args:
        first: Coarse images, int8 (P, 32, 32).
        second: The other image of each pair.
        flips: The numbers of the flips to try: 0 (none), 1 (left and right), 2 (top and bottom),
            3 (both).

    Returns:
        The largest correlation, float32 (P,), and where it is: the number of the flip (0: none, 1:
        left and right, 2: top and bottom, 3: both), the angle in degrees, the scale, and the shift
        down and right in pixels: float32 (P, 5).
    """
    from scipy.fft import irfft2, rfft2

    size = first.shape[1:]
    best = np.full(len(first), -np.inf, "float32")
    where = np.zeros((len(first), 5), "float32")
    first, second = first.astype("float32"), second.astype("float32")
    length = np.linalg.norm(first, axis=(1, 2)) * np.linalg.norm(second, axis=(1, 2)) + 1e-6
    spectrum = rfft2(first)
    steps = np.r_[0 : FARTHEST + 1, -FARTHEST:0]
    for angle, scale in STARTS:
        turned = second.reshape(len(second), -1) @ _rotation(angle, scale)
        for flip in flips:
            flipped = flip_pictures(turned.reshape(second.shape), flip)
            surface = irfft2(spectrum * rfft2(flipped).conj(), size)[:, steps][:, :, steps]
            flat = surface.reshape(len(surface), -1)
            peak = flat.argmax(1)
            value = flat[np.arange(len(flat)), peak] / length
            better = value > best
            best[better] = value[better]
            down, right = steps[peak // len(steps)], steps[peak % len(steps)]
            where[better, :3] = flip, angle, scale
            where[better, 3:] = np.stack([down, right], 1)[better]
    return best, where


def flip_pictures(pictures: np.ndarray, flip: int | np.ndarray) -> np.ndarray:
    """Flip pictures.

    Args:
        pictures: (N, H, W).
        flip: The number of the flip, as in `rough_similarity`; of all, or of each, (N,).

    Returns:
        The flipped pictures, (N, H, W).
    """
    if isinstance(flip, int):
        pictures = pictures[:, :, ::-1] if flip & 1 else pictures
        return pictures[:, ::-1] if flip & 2 else pictures
    flipped = pictures.copy()
    for number in (1, 2, 3):
        flipped[flip == number] = flip_pictures(pictures[flip == number], number)
    return flipped


def similarity(first: np.ndarray, second: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Register pairs of thumbnails by affine maps, and correlate what overlaps.

    The map is refined from a rough one by Gauss-Newton steps on the difference of the normalised
    images (Baker & Matthews, Lucas-Kanade 20 years on, 2004), first at half size.

    Args:
        first: uint8 (P, 64, 64).
        second: The other thumbnail of each pair.
        where: The rough registration, from `rough_similarity`.

    Returns:
        Correlations of the normalised images in [-1, 1]; -1 where less than half of the smaller
        scanned area overlaps, or the map scales by more than a third: float32, (P,).
    """
    fixed, fixed_area = normalised(first)
    moving, moving_area = normalised(flip_pictures(second, where[:, 0].astype(int)))
    maps = _starts(where)
    for size, iterations in ITERATIONS.items():
        levels = [fixed, fixed_area, moving, moving_area]
        while levels[0].shape[1] > size:
            levels = [_halve(level) for level in levels]
        for _ in range(iterations):
            maps = _step(maps, *levels)
    warped, area = _warp(maps, moving, moving_area)
    overlap = ((area > 0.5) & (fixed_area > 0.5)).astype("float32")
    smaller = np.minimum(fixed_area.sum((1, 2)), moving_area.sum((1, 2)))
    scaling = np.linalg.svd(maps[:, :, :2], compute_uv=False)
    valid = overlap.sum((1, 2)) >= LEAST_OVERLAP * np.maximum(smaller, 1)
    valid &= (scaling < STRONGEST_SCALING).all(1) & (scaling > 1 / STRONGEST_SCALING).all(1)
    return np.where(valid, _correlation(fixed, warped, overlap), -1).astype("float32")


def _halve(images: np.ndarray) -> np.ndarray:
    """Means of two by two pixels."""
    count, height, width = images.shape
    return images.reshape(count, height // 2, 2, width // 2, 2).mean((2, 4))


@cache
def _rotation(angle: float, scale: float) -> Any:
    """The sparse matrix that rotates and magnifies flat coarse images: (1024, 1024)."""
    from scipy.sparse import csr_array, eye_array

    if (angle, scale) == (0, 1):
        return eye_array(COARSE**2, dtype="float32", format="csr")
    units = np.eye(COARSE**2, dtype="float32").reshape(-1, COARSE, COARSE)
    where = np.array([[0, angle, scale, 0, 0]], "float32")
    maps = np.repeat(_starts(where), len(units), 0)
    return csr_array(_warp(maps, units)[0].reshape(COARSE**2, COARSE**2))


def _starts(where: np.ndarray) -> np.ndarray:
    """Rough registrations as maps from fixed to moving images: (P, 2, 3), in [-1, 1]."""
    flip, angle = where[:, 0].astype(int), np.deg2rad(where[:, 1])
    angle = np.where((flip == 1) | (flip == 2), -angle, angle)  # the image was turned, then flipped
    shift = -where[:, 3:] * 2 / COARSE
    cos, sin = np.cos(angle), np.sin(angle)
    linear = np.stack([np.stack([cos, sin], 1), np.stack([-sin, cos], 1)], 1)
    linear /= where[:, 2, None, None]
    moved = np.einsum("pij,pj->pi", linear, shift)
    return np.concatenate([linear, moved[:, :, None]], 2).astype("float32")


def _grid(size: int) -> np.ndarray:
    """Places of pixels, row and column in [-1, 1] and a 1: (3, size * size)."""
    axis = (np.arange(size, dtype="float32") + 0.5) * 2 / size - 1
    rows, columns = np.meshgrid(axis, axis, indexing="ij")
    return np.stack([rows.ravel(), columns.ravel(), np.ones(size**2, "float32")])


def _warp(maps: np.ndarray, *images: np.ndarray) -> list[np.ndarray]:
    """Sample images at mapped places, bilinearly, with 0 outside: each (P, size, size)."""
    count, size, _ = images[0].shape
    places = (maps @ _grid(size) + 1) * size / 2 - 0.5 + 1  # of images with a border of one pixel
    places = np.clip(places, 0, size + 0.999)
    low = places.astype("int32")
    down, right = (places - low).transpose(1, 0, 2)
    wide = size + 3
    corner = low[:, 0] * wide + low[:, 1] + (np.arange(count) * wide**2)[:, None]
    warped = []
    for image in images:
        flat = np.pad(image, ((0, 0), (1, 2), (1, 2))).ravel()
        top = flat[corner] * (1 - right) + flat[corner + 1] * right
        bottom = flat[corner + wide] * (1 - right) + flat[corner + wide + 1] * right
        warped.append((top * (1 - down) + bottom * down).reshape(count, size, size))
    return warped


def _step(
    maps: np.ndarray,
    fixed: np.ndarray,
    fixed_area: np.ndarray,
    moving: np.ndarray,
    moving_area: np.ndarray,
) -> np.ndarray:
    """One Gauss-Newton step of each map, composed with it."""
    count, size, _ = fixed.shape
    warped, area = _warp(maps, moving, moving_area)
    weight = (fixed_area * area).reshape(count, -1)
    gradients = [
        gradient.reshape(count, -1) * size / 2 for gradient in np.gradient(warped, axis=(1, 2))
    ]
    flat, target = warped.reshape(count, -1), fixed.reshape(count, -1)
    gain = (weight * flat * target).sum(1) / ((weight * flat**2).sum(1) + 1e-6)
    error = target - np.clip(gain, 0.2, 3)[:, None] * flat
    columns = np.stack([gradient * place for gradient in gradients for place in _grid(size)], 1)
    weighted = columns * weight[:, None]
    normal = weighted @ columns.transpose(0, 2, 1)
    ridge = 0.01 * np.trace(normal, axis1=1, axis2=2)[:, None, None] / 6 + 1e-3
    step = np.linalg.solve(
        normal + ridge * np.eye(6, dtype="float32"), weighted @ error[:, :, None]
    )
    change = np.clip(step.reshape(count, 2, 3), -0.1, 0.1)
    linear = maps[:, :, :2] @ (change + np.eye(2, 3, dtype="float32"))
    linear[:, :, 2] += maps[:, :, 2]
    return linear.astype("float32")


def _correlation(first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted correlation of each pair."""
    total = weight.sum((1, 2)) + 1e-6
    centred = [
        image - ((image * weight).sum((1, 2)) / total)[:, None, None] for image in (first, second)
    ]
    products = [
        (weight * a * b).sum((1, 2)) for a, b in [centred, centred[:1] * 2, centred[1:] * 2]
    ]
    return products[0] / np.sqrt(products[1] * products[2] + 1e-6)
