"""Filling: pixels that are taken out of a picture, replaced from what surrounds them."""

import numpy as np

SWEEPS = 4


def inpaint(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Replace marked pixels by a smooth continuation of their surroundings.

    Averages of the known pixels are taken at ever coarser scales (push-pull: Gortler et al., The
    Lumigraph, 1996), and each unknown pixel gets that of the finest scale that knows any. Much
    faster than a biharmonic continuation, and as smooth. Speckle is not invented.

    Args:
        picture: uint8 (H, W) or (H, W, 3).
        mask: The pixels to replace: boolean (H, W).

    Returns:
        A picture of the same shape; pixels that are not marked are unchanged.
    """
    if not mask.any():
        return picture
    channels = picture.reshape(*picture.shape[:2], -1).astype("float32")
    filled = _filled(channels, (~mask)[..., None].astype("float32"))
    for _ in range(SWEEPS):
        filled = np.where(mask[..., None], _neighbours(filled), channels)
    result = picture.copy()
    result[mask] = np.rint(filled).reshape(picture.shape)[mask].clip(0, 255)
    return result


def _filled(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The values (H, W, C) where `known` (H, W, 1) is 1, and coarser averages elsewhere."""
    height, width = values.shape[:2]
    if known.all() or max(height, width) == 1:
        return values * (known > 0)
    even = ((0, height % 2), (0, width % 2), (0, 0))

    def halved(array: np.ndarray) -> np.ndarray:
        padded = np.pad(array, even)
        return padded.reshape(padded.shape[0] // 2, 2, padded.shape[1] // 2, 2, -1).sum((1, 3))

    weight = halved(known)
    coarse = _filled(halved(values * known) / np.maximum(weight, 1), np.minimum(weight, 1))
    coarse = coarse.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
    return np.where(known > 0, values, _neighbours(coarse))


def _neighbours(values: np.ndarray) -> np.ndarray:
    """The mean of the four neighbours of each pixel: (H, W, C)."""
    padded = np.pad(values, ((1, 1), (1, 1), (0, 0)), mode="edge")
    return (padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]) / 4
