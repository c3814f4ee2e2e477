"""Nearest training images: by Euclidean distance of features, by correlation of pixels."""

import numpy as np

from ufgen.fidelity.distances import squared_distances

THUMBNAIL_SIZE = 32
MAX_SHIFT = 2


def nearest_by_features(
    images: np.ndarray, train: np.ndarray, groups: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest training image to each image, by Euclidean distance.

    Args:
        images: Features, (N, D).
        train: Features of training images, (M, D).
        groups: Where `images` are `train`: their groups, (M,), within which none are compared.

    Returns:
        Rows of `train`, int (N,), and distances, float64 (N,), infinite where none is compared.

    Example:
        >>> rows, distances = nearest_by_features(np.array([[2.0]]), np.array([[0.0], [5.0]]))
        >>> rows.tolist(), distances.tolist()
        ([0], [2.0])
    """
    nearest, distances = np.empty(len(images), int), np.empty(len(images))
    for rows, squared in squared_distances(images, train):
        if groups is not None:
            squared[groups[rows, None] == groups] = np.inf
        nearest[rows] = squared.argmin(1)
        distances[rows] = np.sqrt(squared.min(1))
    return nearest, distances


def nearest_by_correlation(
    images: np.ndarray, train: np.ndarray, groups: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the training image that correlates most with each image.

    Normalised cross-correlation of grey pixels at 32 px, the largest over the image and its mirror
    image and over shifts of the training image by up to two of these pixels.

    Args:
        images: Images, uint8 (N, H, W, C).
        train: Training images, uint8 (M, H, W, C).
        groups: Where `images` are `train`: their groups, (M,), within which none are compared.

    Returns:
        Rows of `train`, int (N,); correlations, float64 (N,), minus infinity where none is
        compared; and whether the mirror image correlates more, bool (N,).
    """
    thumbnails, train_thumbnails = _thumbnails(images), _thumbnails(train)
    best = np.full(len(images), -np.inf)
    rows, flipped = np.zeros(len(images), int), np.zeros(len(images), bool)
    shifts = range(-MAX_SHIFT, MAX_SHIFT + 1)
    inside = slice(MAX_SHIFT, THUMBNAIL_SIZE - MAX_SHIFT)
    centre = thumbnails[:, inside, inside]
    orientations = [(_unit_rows(centre), False), (_unit_rows(centre[:, :, ::-1]), True)]
    for down in shifts:
        for right in shifts:
            window = np.roll(train_thumbnails, (down, right), (1, 2))[:, inside, inside]
            shifted = _unit_rows(window)
            for oriented, mirrored in orientations:
                correlation = oriented @ shifted.T
                if groups is not None:
                    correlation[groups[:, None] == groups] = -np.inf
                nearest = correlation.argmax(1)
                value = correlation[np.arange(len(correlation)), nearest]
                better = value > best
                best[better], rows[better] = value[better], nearest[better]
                flipped[better] = mirrored
    return rows, best, flipped


def _thumbnails(images: np.ndarray) -> np.ndarray:
    """Grey images, float32 (N, 32, 32)."""
    from PIL import Image

    size = THUMBNAIL_SIZE, THUMBNAIL_SIZE
    if not len(images):
        return np.empty((0, *size))
    planes = images.mean(-1).astype("float32")
    resized = [Image.fromarray(plane).resize(size, Image.Resampling.BOX) for plane in planes]
    return np.stack([np.asarray(plane) for plane in resized])


def _unit_rows(images: np.ndarray) -> np.ndarray:
    """Flat rows with mean 0 and length 1; zeros for a constant image."""
    flat = images.reshape(len(images), np.prod(images.shape[1:], dtype=int)).astype("float64")
    flat = flat - flat.mean(1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return flat / np.where(length > 1e-9, length, 1)
