"""Image files to uint8 arrays: decoding, hashing, resizing, with numpy and Pillow alone."""

import glob
import hashlib
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ufgen.errors import UserError

IMAGE_TYPES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"}
FITS = ("crop", "pad")


def find_files(places: list[str | Path], types: set[str] = IMAGE_TYPES) -> list[Path]:
    """The files of some `types` among files, folders (searched at any depth) and glob patterns.

    A file that is named itself is taken whatever its type. Raises UserError.
    """
    found, kinds = [], ", ".join(sorted(types))
    for place in map(Path, places):
        if place.is_dir():
            inside = [p for p in place.rglob("*") if p.suffix.lower() in types]
        elif place.exists():
            inside = [place]
        else:
            inside = [Path(p) for p in glob.glob(str(place), recursive=True)]  # noqa: PTH207
            if not inside:
                raise UserError(
                    f"there is nothing at {place}: expected a file, a folder or a pattern"
                )
            inside = [p for p in inside if p.suffix.lower() in types]
        if not inside:
            raise UserError(f"{place} holds no files of the types {kinds}")
        found += sorted(inside)
    check_writable(found)
    return found


def check_writable(paths: Iterable[str | Path]) -> None:
    """Raise UserError for a path with bytes that are no UTF-8: no table or page could name it."""
    for path in map(str, paths):
        try:
            path.encode()
        except UnicodeEncodeError:
            shown = path.encode(errors="backslashreplace").decode()
            raise UserError(
                f"the file name {shown} is not UTF-8 text, as an older system wrote it: rename it "
                "(for a whole folder: `convmv -f latin1 -t utf8 -r --notest FOLDER`)"
            ) from None


def decode(path: str | Path) -> np.ndarray:
    """Decode one file: uint8 (H, W) where all channels are equal, or else (H, W, 3) RGB.

    EXIF rotation is applied, transparency is laid on black, palettes and CMYK are converted, and
    16-bit grey is scaled from its full range 0..65535. Raises UserError with the reason.
    """
    path = Path(path)
    if path.suffix.lower() not in IMAGE_TYPES:
        raise UserError(f"file type {path.suffix or '(none)'} is not read (JPEG, PNG, BMP, TIFF)")
    if not path.is_file():
        raise UserError(_no_file(path))
    try:
        return _decode(path)
    except UserError:
        raise
    except Exception as error:  # a decoder may fail in any way at a damaged file
        reason = f"{error}".replace(str(path), path.name) or type(error).__name__
        raise UserError(f"cannot be decoded: {reason}") from None


def _no_file(path: Path) -> str:
    if path.is_symlink():
        return f"the file does not exist: it is a link to {path.readlink()}"
    return "it is no regular file" if path.exists() else "the file does not exist"


def _decode(path: Path) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path) as file:
            if getattr(file, "n_frames", 1) > 1:
                raise UserError(f"holds {file.n_frames} frames: export single images")
            file.load()
            picture = ImageOps.exif_transpose(file)
    if picture.mode in ("I;16", "I;16B", "I;16L", "I"):
        values = np.asarray(picture).astype("int64")
        if values.min() < 0 or values.max() > 65535:
            raise UserError("holds integers outside 0..65535")
        return np.round(values / 257).astype("uint8")
    if picture.mode == "F":
        raise UserError("holds floating-point pixels, whose range is unknown")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
        picture = Image.alpha_composite(black, picture)
    array = np.asarray(picture.convert("RGB"))
    gray = (array[..., 0] == array[..., 1]).all() and (array[..., 1] == array[..., 2]).all()
    return np.ascontiguousarray(array[..., 0]) if gray else array


def hash_pixels(picture: np.ndarray) -> str:
    """SHA-256 of a decoded picture, uint8 (H, W) or (H, W, 3), its shape included."""
    digest = hashlib.sha256(str(picture.shape).encode())
    digest.update(np.ascontiguousarray(picture).tobytes())
    return digest.hexdigest()


def as_picture(image: np.ndarray) -> np.ndarray:
    """A working image (H, W, C) as the picture that files hold: (H, W) where C is 1."""
    return image[..., 0] if image.shape[-1] == 1 else image


def resize(picture: np.ndarray, size: int, channels: int = 1, fit: str = "crop") -> np.ndarray:
    """Bring a decoded picture to uint8 (size, size, channels), keeping its aspect ratio."""
    image = Image.fromarray(picture).convert("L" if channels == 1 else "RGB")
    if image.size != (size, size):
        bring = ImageOps.fit if fit == "crop" else ImageOps.pad
        image = bring(image, (size, size), Image.Resampling.BICUBIC)
    return np.asarray(image).reshape(size, size, channels)
