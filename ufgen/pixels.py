"""Image sets as uint8 arrays: decoded once, cached and memory-mapped."""

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from ufgen import provenance
from ufgen.atomic import whole_folder
from ufgen.errors import UserError
from ufgen.imageset import ImageSet
from ufgen.pictures import FITS, as_picture, decode, hash_pixels, resize  # noqa: F401

CACHE_VERSION = 1


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
    """Where decoded pixels are kept: $UFGEN_CACHE, or ufgen under the user's cache folder."""
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(os.environ.get("UFGEN_CACHE", home / "ufgen"))


def load(images: ImageSet, size: int, channels: int = 1, fit: str = "crop") -> Decoded:
    """Decode `images` to uint8 (N, size, size, channels), or take them from the cache.

    The aspect ratio is kept: `fit="crop"` cuts the centre square, `fit="pad"` adds black borders;
    then an antialiased bicubic resize. The cache entry is keyed by the content of the
    files and these settings, so that a second run decodes nothing. Files that cannot be read are
    listed in `quarantine` (path, label, split, reason). Raises UserError if all are broken.
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
    readable.table["sha256"] = [h for h in hashes if h]
    return Decoded(readable, table["store"], quarantine.reset_index(drop=True))


def merge_stores(stores: list[PixelStore]) -> PixelStore:
    """One store that holds the pixels of several, at the same resolution."""
    starts = np.cumsum([0] + [len(store.array) for store in stores])
    rows = {}
    for store, start in zip(stores, starts, strict=False):
        rows |= {sha256: int(start) + row for sha256, row in store.rows.items()}
    return PixelStore(np.concatenate([store.array for store in stores]), rows)


def _hash_file(path: str) -> str:
    """SHA-256 of the bytes of a file, or "missing:<path>"; the type by name is part of it."""
    try:
        digest = hashlib.sha256(Path(path).read_bytes())
    except OSError:
        return f"missing:{path}"
    digest.update(Path(path).suffix.lower().encode())
    return digest.hexdigest()


def _entry(files: dict[str, str], size: int, channels: int, fit: str) -> dict:
    """The cache entry for these files (content -> path); decoded and written if there is none."""
    contents = sorted(files)
    by = provenance.made_by("decoding", "ufgen.pictures")
    settings = json.dumps([CACHE_VERSION, by, size, channels, fit, contents])
    folder = cache_folder() / "pixels" / hashlib.sha256(settings.encode()).hexdigest()[:24]
    if not (folder / "entry.json").is_file():
        arrays, hashes, reasons = [], {}, {}

        def decode_one(content: str) -> tuple[np.ndarray, str] | str:
            try:
                picture = decode(files[content])
            except UserError as error:
                return str(error)
            return resize(picture, size, channels, fit), hash_pixels(picture)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            decoded = tqdm(
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
        with whole_folder(folder) as temporary:
            empty = np.zeros((0, size, size, channels), np.uint8)
            np.save(temporary / "pixels.npy", np.stack(arrays) if arrays else empty)
            entry = {"hashes": hashes, "reasons": reasons}
            (temporary / "entry.json").write_text(json.dumps(entry))
    entry = json.loads((folder / "entry.json").read_text())
    array = np.load(folder / "pixels.npy", mmap_mode="r", allow_pickle=False)
    rows = {sha256: row for row, sha256 in enumerate(entry["hashes"].values())}
    return {**entry, "store": PixelStore(array, rows)}
