"""Image sets as uint8 arrays, decoded once, cached and memory-mapped."""

import hashlib
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd
from filelock import FileLock

from ufgen import provenance
from ufgen.atomic import atomic_folder
from ufgen.errors import UserError
from ufgen.images import image_files
from ufgen.images.decoding import FITS, as_picture, decode, hash_pixels, resize  # noqa: F401
from ufgen.images.image_set import ImageSet
from ufgen.progress import Progress, print_line

CACHE_VERSION = 2
DARK = 64  # grey levels: a quarter of them


class Preparation(Protocol):
    """What is done to each source image before it is resized (see `ufgen.preparation.recipe`)."""

    @property
    def key(self) -> str:
        """What identifies the result."""

    def apply(self, picture: np.ndarray, path: str) -> np.ndarray:
        """Prepare a source image.

        Args:
            picture: uint8 (H, W) or (H, W, 3).
            path: Its file.

        Returns:
            uint8 (H, W) or (H, W, 3).
        """


@dataclass(frozen=True)
class PixelStore:
    """Resized images, by the hash of their source images.

    Attributes:
        array: The images: uint8 (M, size, size, channels), memory-mapped.
        rows: The row of `array` for each sha256.
    """

    array: np.ndarray
    rows: dict[str, int]

    def take(self, images: ImageSet) -> np.ndarray:
        """Look up images.

        Args:
            images: Images with hashes, all of them in this store.

        Returns:
            Their pixels, row by row: uint8 (N, size, size, channels).
        """
        return self.array[[self.rows[sha256] for sha256 in images.table["sha256"]]]


class Decoded(NamedTuple):
    """Decoded images.

    Attributes:
        images: The readable images, with hashes.
        store: Their pixels.
        quarantine: The unreadable ones: path, label, split and reason.
    """

    images: ImageSet
    store: PixelStore
    quarantine: pd.DataFrame


def cache_folder() -> Path:
    """Find the folder of ufgen's cache.

    Returns:
        $UFGEN_CACHE, or else the folder ufgen in the user's cache folder; it need not exist.

    Raises:
        UserError: Where there is neither.
    """
    if folder := os.environ.get("UFGEN_CACHE"):
        return Path(folder)
    if folder := os.environ.get("XDG_CACHE_HOME"):
        return Path(folder) / "ufgen"
    try:
        return Path.home() / ".cache" / "ufgen"
    except RuntimeError:
        raise UserError(
            "there is no home folder to keep decoded images in: set UFGEN_CACHE to a folder"
        ) from None


def load(
    images: ImageSet,
    size: int,
    channels: int = 1,
    fit: str = "crop",
    preparation: Preparation | None = None,
) -> Decoded:
    """Decode images, or read them from the cache.

    The cache is keyed by the content of the files and these settings: a second run decodes nothing.
    Prints a warning on stderr if images are far too dark (see `dark_images_warning`).

    Args:
        images: The images to decode; their table is not changed.
        size: Height and width of the decoded images in pixels.
        channels: 1 for grey values, 3 for RGB.
        fit: "crop" cuts the centre square, "pad" adds black borders; both are then resized (see
            `ufgen.images.decoding.resize`).
        preparation: What is done to each image before it is resized; hashes are of the originals.

    Returns:
        The readable images with hashes, their pixels, and the unreadable images.

    Raises:
        UserError: Where a setting is wrong, or none of the images can be read.
    """
    if fit not in FITS:
        raise UserError(f"fit is {fit!r}: expected one of {', '.join(FITS)}")
    if channels not in (1, 3):
        raise UserError(f"channels is {channels}: expected 1 (grayscale) or 3 (RGB)")
    paths = list(images.table["path"])
    with ThreadPoolExecutor() as pool:
        contents = list(pool.map(_hash_file, paths))
    files = dict(zip(contents, paths, strict=True))
    entry, store = _entry(files, size, channels, fit, preparation)
    reasons = [entry["reasons"].get(content, "") for content in contents]
    hashes = [entry["hashes"].get(content, "") for content in contents]
    broken = np.array([reason != "" for reason in reasons], bool)
    quarantine = images.table[["path", "label", "split"]].assign(reason=reasons)[broken]
    if broken.all():
        raise UserError(
            f"none of the {len(images)} images could be read; the first, {paths[0]}: {reasons[0]}"
        )
    readable = images.select(~broken)
    readable = replace(readable, table=readable.table.assign(sha256=[h for h in hashes if h]))
    if note := dark_images_warning(store.array):
        print_line(f"warning: {note}", file=sys.stderr)
    return Decoded(readable, store, quarantine.reset_index(drop=True))


def dark_images_warning(images: np.ndarray) -> str:
    """Find images that use less than a quarter of the grey levels.

    Every file is decoded by the full range of its type, 0..255 or 0..65535, in training and at
    inference. So 12-bit values in a 16-bit file come out nearly black.

    Args:
        images: uint8 (N, H, W, C).

    Returns:
        A warning that counts them, or "" where there are none.

    Example:
        >>> dark_images_warning(np.full((2, 8, 8, 1), 64, "uint8"))
        ''
    """
    brightest = images.reshape(len(images), -1).max(axis=1)
    dark = brightest[brightest < DARK]
    if not len(dark):
        return ""
    return (
        f"{len(dark)} of {len(images)} images use less than a quarter of the grey levels (the "
        f"brightest pixel is {dark.max()} of 255), such as 12-bit values in 16-bit files, which "
        "count as 0..65535: scale the files to their full range (4095 becomes 65535)"
    )


def merge_stores(stores: list[PixelStore]) -> PixelStore:
    """Merge stores.

    Args:
        stores: Stores of images of one size.

    Returns:
        One store that holds the images of all.
    """
    starts = np.cumsum([0] + [len(store.array) for store in stores])
    rows: dict[str, int] = {}
    for store, start in zip(stores, starts, strict=False):
        rows |= {sha256: int(start) + row for sha256, row in store.rows.items()}
    return PixelStore(np.concatenate([store.array for store in stores]), rows)


def _hash_file(path: str) -> str:
    """SHA-256 of the content and suffix of an image's file, or "missing:<path>"."""
    try:
        with image_files.open_image(path) as content:
            digest = hashlib.sha256()
            while chunk := content.read(2**20):
                digest.update(chunk)
    except (UserError, OSError):
        return f"missing:{path}"
    digest.update(Path(path).suffix.lower().encode())
    return digest.hexdigest()


def _entry(
    files: dict[str, str], size: int, channels: int, fit: str, preparation: Preparation | None
) -> tuple[dict[str, dict[str, str]], PixelStore]:
    """The cache entry for files (content hash -> path); decoded and written if there is none.

    It holds `hashes` (content hash -> sha256 of the source image) and `reasons` (unreadable files).
    """
    contents = sorted(files)
    by = provenance.versions("decoding", "ufgen.images.decoding")
    prepared = [preparation.key] if preparation else []
    settings = json.dumps([CACHE_VERSION, by, size, channels, fit, contents, *prepared])
    folder = cache_folder() / "pixels" / hashlib.sha256(settings.encode()).hexdigest()[:24]
    if not (folder / "entry.json").is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):  # another process may decode the same images
            if not (folder / "entry.json").is_file():
                _write_entry(folder, files, size, channels, fit, preparation)
    entry = json.loads((folder / "entry.json").read_text())
    array = np.load(folder / "pixels.npy", mmap_mode="r", allow_pickle=False)
    rows = {sha256: row for row, sha256 in enumerate(entry["hashes"].values())}
    return entry, PixelStore(array, rows)


def _write_entry(
    folder: Path,
    files: dict[str, str],
    size: int,
    channels: int,
    fit: str,
    preparation: Preparation | None,
) -> None:
    """Decode the files and write their cache entry, atomically."""
    contents = sorted(files)
    arrays: list[np.ndarray] = []
    hashes: dict[str, str] = {}
    reasons: dict[str, str] = {}

    def decode_one(content: str) -> tuple[np.ndarray, str] | str:
        """The resized image and the hash of its source, or the reason why there is none."""
        try:
            picture = decode(files[content])
            prepared = preparation.apply(picture, files[content]) if preparation else picture
            return resize(prepared, size, channels, fit), hash_pixels(picture)
        except UserError as error:
            return str(error)
        except Exception as error:
            return f"cannot be resized: {error}"

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = Progress(
            pool.map(decode_one, contents),
            total=len(contents),
            desc="decoding images",
            unit="img",
            leave=False,
        )
        for content, result in zip(contents, results, strict=True):
            if isinstance(result, str):
                reasons[content] = result
            else:
                arrays.append(result[0])
                hashes[content] = result[1]
    with atomic_folder(folder) as temporary:
        empty = np.zeros((0, size, size, channels), np.uint8)
        np.save(temporary / "pixels.npy", np.stack(arrays) if arrays else empty)
        entry = {"hashes": hashes, "reasons": reasons}
        (temporary / "entry.json").write_text(json.dumps(entry))
