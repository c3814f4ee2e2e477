"""Perceptual hashes: short codes of images that hardly change when an image is saved again."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

# What was done to an image before it was hashed; three quarter turns are found by turning the other
# image of a pair once.
ORIENTATIONS = (
    "upright",
    "mirrored",
    "upside_down",
    "half_turned",
    "transposed",
    "transversed",
    "turned",
)
HASH_SIZE = 16
BITS = HASH_SIZE**2
FEWEST_STEPS = 16  # a hash with fewer bits set, or not set, is that of an almost empty image
LARGEST_SIDE = 256
BLOCK = 1 << 18


def measure(path: str, picture: np.ndarray) -> dict[str, str]:
    """Hash one image, upright and in its other orientations.

    The difference hash holds in which of 256 places an image gets brighter from left to right;
    pHash the signs of 64 coefficients of a cosine transform (Zauner, Implementation and
    benchmarking of perceptual image hash functions, 2010). Both are those of `imagehash`.

    Args:
        path: The path of the image, which is not opened.
        picture: The image: uint8 (H, W) or (H, W, 3).

    Returns:
        `phash` (16 hexadecimal digits), and `dhash_upright`, `dhash_mirrored` and so on for each of
        `ORIENTATIONS` (64 digits); all "" where the image has hardly any contrast.
    """
    from imagehash import dhash, phash
    from PIL import Image

    image = Image.fromarray(picture).convert("L")
    image = image.reduce(max(1, min(image.size) // LARGEST_SIDE))
    hashes = {
        f"dhash_{name}": dhash(small, HASH_SIZE)
        for name, small in zip(ORIENTATIONS, _orientations(image), strict=True)
    }
    bits = int(hashes["dhash_upright"].hash.sum())
    if not FEWEST_STEPS <= bits <= BITS - FEWEST_STEPS:
        return dict.fromkeys(["phash", *hashes], "")
    return {"phash": str(phash(image))} | {name: str(code) for name, code in hashes.items()}


def _orientations(image: "Image") -> Iterator["Image"]:
    """The image in each of `ORIENTATIONS`, of the size that the difference hash reads."""
    from PIL.Image import Resampling, Transpose

    size = HASH_SIZE + 1, HASH_SIZE
    wide = image.resize(size, Resampling.LANCZOS)
    yield wide
    yield wide.transpose(Transpose.FLIP_LEFT_RIGHT)
    yield wide.transpose(Transpose.FLIP_TOP_BOTTOM)
    yield wide.transpose(Transpose.ROTATE_180)
    tall = image.transpose(Transpose.TRANSPOSE).resize(size, Resampling.LANCZOS)
    yield tall
    yield tall.transpose(Transpose.ROTATE_180)
    yield tall.transpose(Transpose.FLIP_TOP_BOTTOM)


def unpack(hashes: np.ndarray) -> np.ndarray:
    """Turn hashes of equal length into bits.

    Args:
        hashes: Hexadecimal digits, text (N,).

    Returns:
        Bits, uint8 (N, four times the digits).

    Example:
        >>> unpack(np.array(["a0"])).tolist()
        [[1, 0, 1, 0, 0, 0, 0, 0]]
    """
    code = np.frombuffer(bytes.fromhex("".join(hashes)), "uint8")
    return np.unpackbits(code.reshape(len(hashes), -1), axis=1)


def within(first: np.ndarray, second: np.ndarray, distance: int) -> tuple[np.ndarray, np.ndarray]:
    """Find all pairs of hashes that differ in few bits.

    The bits are dealt to `distance` + 1 parts; of two hashes that near, at least one part is equal
    (Norouzi et al., Fast search in Hamming space with multi-index hashing, 2012). Only pairs with
    an equal part are compared.

    Args:
        first: Bits, uint8 (N, D).
        second: Bits, uint8 (M, D).
        distance: The largest number of bits in which a pair differs.

    Returns:
        Rows of `first` and rows of `second`, int (P,), each pair once, in ascending order.
    """
    order = np.random.default_rng(0).permutation(first.shape[1])  # neighbouring bits are alike
    found = [np.empty(0, int)]
    for part in np.array_split(order, distance + 1):
        keys = [np.packbits(bits[:, part], axis=1) for bits in (first, second)]
        for rows, others in _equal_keys(*keys):
            near = (first[rows] != second[others]).sum(1) <= distance
            found.append(rows[near] * len(second) + others[near])
    pairs = np.unique(np.concatenate(found))
    return pairs // max(1, len(second)), pairs % max(1, len(second))


def _equal_keys(first: np.ndarray, second: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks of pairs of rows with equal keys."""
    _, key = np.unique(np.concatenate([first, second]), axis=0, return_inverse=True)
    key, other = key.ravel()[: len(first)], key.ravel()[len(first) :]
    order = np.argsort(other, kind="stable")
    start = np.searchsorted(other[order], key, "left")
    counts = np.searchsorted(other[order], key, "right") - start
    ends = np.cumsum(counts)
    done = 0
    while done < len(first):
        before = ends[done - 1] if done else 0
        until = max(done + 1, int(np.searchsorted(ends, before + BLOCK, "right")))
        taken = counts[done:until]
        rows = np.repeat(np.arange(done, until), taken)
        offset = np.arange(len(rows)) - np.repeat(np.cumsum(taken) - taken, taken)
        yield rows, order[start[rows] + offset]
        done = until
