"""Image sets as uint8 arrays: decoded once, cached and memory-mapped."""

import hashlib
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from filelock import FileLock

from ufgen import provenance
from ufgen.atomic import atomic_folder
from ufgen.errors import UserError
from ufgen.images.decoding import FITS, as_picture, decode, hash_pixels, resize  # noqa: F401
from ufgen.images.image_set import ImageSet
from ufgen.progress import Progress, say

CACHE_VERSION = 2
DARK = 64


@dataclass(frozen=True)
class PixelStore:
    """Decoded images at one working resolution, found by the hash of their pixels.

    `array` is uint8 (N, size, size, channels), memory-mapped; `rows` maps sha256 to a row of it.
    """

    array: np.ndarray
    rows: dict[str, int]

    def take(self, images: ImageSet) -> np.ndarray:
        """The pixels of `images`, row by row: uint8 (N, size, size, channels)."""
        return self.array[[self.rows[sha256] for sha256 in images.table["sha256"]]]


class Decoded(NamedTuple):
    """What `load` returns: the readable images with hashes, their pixels, and what was broken."""

    images: ImageSet
    store: PixelStore
    quarantine: pd.DataFrame


def cache_folder() -> Path:
    """Where decoded pixels are kept: $UFGEN_CACHE, or ufgen under the user's cache folder.

    Raises UserError where there is neither.
    """
    if chosen := os.environ.get("UFGEN_CACHE"):
        return Path(chosen)
    if chosen := os.environ.get("XDG_CACHE_HOME"):
        return Path(chosen) / "ufgen"
    try:
        return Path.home() / ".cache" / "ufgen"
    except RuntimeError:
        raise UserError(
            "there is no home folder to keep decoded images in: set UFGEN_CACHE to a folder"
        ) from None


def load(images: ImageSet, size: int, channels: int = 1, fit: str = "crop") -> Decoded:
    """Decode `images` to uint8 (N, size, size, channels), or take them from the cache.

    The aspect ratio is kept: `fit="crop"` cuts the centre square, `fit="pad"` adds black borders;
    then an antialiased bicubic resize. The cache entry is keyed by the content of the
    files and these settings, so that a second run decodes nothing. Files that cannot be read are
    listed in `quarantine` (path, label, split, reason). Says on stderr if
    images are far too dark (see `dark_images`). Raises UserError if all are broken.
    """
    if fit not in FITS:
        raise UserError(f"fit is {fit!r}: expected one of {', '.join(FITS)}")
    if channels not in (1, 3):
        raise UserError(f"channels is {channels}: expected 1 (grayscale) or 3 (RGB)")
    paths = list(images.table["path"])
    with ThreadPoolExecutor() as pool:
        contents = list(pool.map(_hash_file, paths))
    table = _entry(dict(zip(contents, paths, strict=True)), size, channels, fit)
    reasons = [table["reasons"].get(content, "") for content in contents]
    hashes = [table["hashes"].get(content, "") for content in contents]
    broken = np.array([reason != "" for reason in reasons], bool)
    quarantine = images.table[["path", "label", "split"]].assign(reason=reasons)[broken]
    if broken.all():
        raise UserError(
            f"none of the {len(images)} images could be read; the first, {paths[0]}: {reasons[0]}"
        )
    readable = images.select(~broken)
    readable = replace(readable, table=readable.table.assign(sha256=[h for h in hashes if h]))
    if note := dark_images(table["store"].array):
        say(f"warning: {note}", file=sys.stderr)
    return Decoded(readable, table["store"], quarantine.reset_index(drop=True))


def dark_images(images: np.ndarray) -> str:
    """What to say of uint8 images (N, H, W, C) that use less than a quarter of the grey levels.

    Grey values count at their full range, 0..255 or 0..65535, in every file: the same one in
    training and years later. So a picture of 12 bits in a file of 16 comes out nearly black.
    """
    brightest = images.reshape(len(images), -1).max(axis=1)
    few = brightest[brightest < DARK]
    if not len(few):
        return ""
    return (
        f"{len(few)} of {len(images)} images use less than a quarter of the grey levels (the "
        f"brightest pixel is {few.max()} of 255), such as 12-bit values in 16-bit files, which "
        "count as 0..65535: scale the files to their full range (4095 becomes 65535)"
    )


def merge_stores(stores: list[PixelStore]) -> PixelStore:
    """One store that holds the pixels of several, at the same resolution."""
    starts = np.cumsum([0] + [len(store.array) for store in stores])
    rows = {}
    for store, start in zip(stores, starts, strict=False):
        rows |= {sha256: int(start) + row for sha256, row in store.rows.items()}
    return PixelStore(np.concatenate([store.array for store in stores]), rows)


def _hash_file(path: str) -> str:
    """SHA-256 of the bytes of a file, or "missing:<path>"; the type by name is part of it."""
    if not Path(path).is_file():  # a pipe would be read for ever
        return f"missing:{path}"
    try:
        digest = hashlib.sha256(Path(path).read_bytes())
    except OSError:
        return f"missing:{path}"
    digest.update(Path(path).suffix.lower().encode())
    return digest.hexdigest()


def _entry(files: dict[str, str], size: int, channels: int, fit: str) -> dict:
    """The cache entry for these files (content -> path); decoded and written if there is none."""
    contents = sorted(files)
    by = provenance.made_by("decoding", "ufgen.images.decoding")
    settings = json.dumps([CACHE_VERSION, by, size, channels, fit, contents])
    folder = cache_folder() / "pixels" / hashlib.sha256(settings.encode()).hexdigest()[:24]
    if not (folder / "entry.json").is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):  # another process may decode the same images
            if not (folder / "entry.json").is_file():
                _write_entry(folder, files, size, channels, fit)
    entry = json.loads((folder / "entry.json").read_text())
    array = np.load(folder / "pixels.npy", mmap_mode="r", allow_pickle=False)
    rows = {sha256: row for row, sha256 in enumerate(entry["hashes"].values())}
    return {**entry, "store": PixelStore(array, rows)}


def _write_entry(folder: Path, files: dict[str, str], size: int, channels: int, fit: str) -> None:
    """Decode the files and write their cache entry, whole or not at all."""
    contents = sorted(files)
    arrays, hashes, reasons = [], {}, {}

    def decode_one(content: str) -> tuple[np.ndarray, str] | str:
        try:
            picture = decode(files[content])
            return resize(picture, size, channels, fit), hash_pixels(picture)
        except UserError as error:
            return str(error)
        except Exception as error:
            return f"cannot be resized: {error}"

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        decoded = Progress(
            pool.map(decode_one, contents),
            total=len(contents),
            desc="decoding images",
            unit="img",
            leave=False,
        )
        for content, outcome in zip(contents, decoded, strict=True):
            if isinstance(outcome, str):
                reasons[content] = outcome
            else:
                arrays.append(outcome[0])
                hashes[content] = outcome[1]
    with atomic_folder(folder) as temporary:
        empty = np.zeros((0, size, size, channels), np.uint8)
        np.save(temporary / "pixels.npy", np.stack(arrays) if arrays else empty)
        entry = {"hashes": hashes, "reasons": reasons}
        (temporary / "entry.json").write_text(json.dumps(entry))
