"""Candidates for near-duplicates: for each image the few that are most like it, in features."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ufgen.audit.duplicates.registration import coarse, normalised

NEIGHBOURS = 4
LEAST_COSINE = 0.4
FREQUENCIES = 13  # of the spectrum, along each side, with the constant
COSINES = 12
SMOOTHING = 0.7
TAPER = 6.0
ROWS, COLUMNS = 1024, 4096
ALL = (0, 1, 2, 3)
# Whether the other image of a pair is transposed, and then which flips (of `rough_similarity`) may
# bring it upon the first: all where candidates come from spectra, in which flips do not show, and
# two where it depends on which image is the other one. Cosines are compared with the first flip.
WAYS = (
    *((False, flips) for flips in (ALL, (0,), (1,), (2,), (3,))),
    *((True, flips) for flips in (ALL, (0,), (1, 2), (2, 1), (3,))),
)
BATCH = 512


@dataclass(frozen=True)
class Features:
    """Features of thumbnails, by which candidates are found; all of one row per image.

    Attributes:
        spectrum: Magnitudes of Fourier coefficients, which neither shifts nor flips change:
            float32 (N, 13, 13), standardised.
        cosines: Low cosine coefficients of the image less the mean image, which small rotations,
            scalings and local marks change little: float32 (N, 12, 12), standardised.
        coarse: Coarse images, as `registration.rough_similarity` takes them: int8 (N, 32, 32).
    """

    spectrum: np.ndarray
    cosines: np.ndarray
    coarse: np.ndarray


def features(thumbnails: np.ndarray) -> Features:
    """Compute the features of thumbnails, a batch at a time.

    Args:
        thumbnails: uint8 (N, 64, 64), perhaps memory-mapped.

    Returns:
        The features.
    """
    from scipy.fft import dctn, fft2, fftshift
    from scipy.ndimage import gaussian_filter

    count, size, _ = thumbnails.shape
    spectrum = np.zeros((count, FREQUENCIES, FREQUENCIES), "float32")
    cosines = np.zeros((count, COSINES, COSINES), "float32")
    small = np.zeros((count, size // 2, size // 2), "int8")
    window = np.sin(np.pi * (np.arange(size, dtype="float32") + 0.5) / size)
    middle = slice(size // 2, size // 2 + FREQUENCIES)
    for start in range(0, count, BATCH):
        rows = slice(start, start + BATCH)
        bands, _ = normalised(thumbnails[rows])
        small[rows] = coarse(bands)
        cosines[rows] = dctn(bands, axes=(1, 2), norm="ortho")[:, :COSINES, :COSINES]
        magnitude = np.abs(fftshift(fft2(bands * window * window[:, None]), axes=(1, 2))) ** 0.5
        magnitude = gaussian_filter(magnitude, SMOOTHING, axes=(1, 2))
        mirrored = np.roll(magnitude[:, :, ::-1], 1, axis=2)
        spectrum[rows] = (magnitude + mirrored)[:, middle, middle]
    frequency = np.hypot(*np.mgrid[:COSINES, :COSINES])
    cosines = _standardised(cosines) * np.exp(-(frequency**2) / (2 * TAPER**2)).astype("float32")
    cosines[:, 0, 0] = 0
    return Features(_standardised(spectrum), cosines, small)


def candidates(found: Features) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, int]]:
    """Find the images that are most like each image, upright, flipped and turned.

    Args:
        found: The features of all images.

    Yields:
        For each of `WAYS`: rows, int (P,), the rows of others, int (P,), their cosines, (P,), and
        the number of the way. A pair may come more than once.
    """
    odd = (-1.0) ** np.arange(COSINES, dtype="float32")
    signs = np.ones((1, 1), "float32"), odd, odd[:, None], odd * odd[:, None]
    for way, (transposed, flips) in enumerate(WAYS):
        one = found.spectrum if flips == ALL else found.cosines
        other = one.transpose(0, 2, 1) if transposed else one
        yield *_nearest(one, other if flips == ALL else other * signs[flips[0]]), way


def _standardised(values: np.ndarray) -> np.ndarray:
    """Values less their mean, in units of the deviation, which a transposed image shares."""
    values = values - values.mean(0)
    variance = (values**2).mean(0)
    return values / np.sqrt((variance + variance.T) / 2 + 1e-6)


def _nearest(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, the few others with the largest cosines, and these; no row is its own neighbour."""
    first, second = _unit_rows(first), _unit_rows(second)
    nearest = [np.empty((3, 0))]
    for start in range(0, len(first), ROWS):
        block = first[start : start + ROWS]
        own = np.arange(start, start + len(block))
        least = np.full(len(block), LEAST_COSINE, "float32")
        best = np.empty((3, 0))
        for column in range(0, len(second), COLUMNS):
            cosine = block @ second[column : column + COLUMNS].T
            row, other = np.divmod(np.flatnonzero(cosine > least[:, None]), cosine.shape[1])
            values = cosine[row, other]
            keep = own[row] != other + column
            fresh = np.stack([row, other + column, values])[:, keep]
            if not fresh.shape[1]:
                continue
            best = np.concatenate([best, fresh], axis=1)
            best = best[:, np.lexsort((-best[2], best[0]))]
            place = np.arange(best.shape[1]) - np.searchsorted(best[0], best[0])
            best = best[:, place < NEIGHBOURS]
            full = best[:, place[place < NEIGHBOURS] == NEIGHBOURS - 1]
            least[full[0].astype(int)] = full[2]
        best[0] += start
        nearest.append(best)
    rows, others, cosines = np.concatenate(nearest, axis=1)
    return rows.astype(int), others.astype(int), cosines


def _unit_rows(values: np.ndarray) -> np.ndarray:
    """Flat rows of length 1."""
    flat = np.ascontiguousarray(values.reshape(len(values), -1))
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
