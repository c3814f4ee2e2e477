"""Image files to uint8 arrays: decoding, hashing, resizing, with numpy and Pillow alone.

`decode` returns the source image, which a file holds at its own size: uint8 (H, W), or (H, W, 3)
where its channels differ. `resize` makes of it the resized image for networks, metrics and pages:
uint8 (size, size, channels) with 1 or 3 channels. `as_picture` brings a resized image into the
shape of a source image, to be saved.
"""

import glob
import hashlib
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ufgen.errors import UserError

IMAGE_TYPES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"}
FITS = ("crop", "pad")


def find_files(paths: Sequence[str | Path], types: set[str] = IMAGE_TYPES) -> list[Path]:
    """Find the files of some types in files, folders and glob patterns.

    Args:
        paths: Files, folders (searched at any depth) or glob patterns. A file that is named itself
            is returned whatever its type.
        types: File name suffixes in lower case, with the dot.

    Returns:
        The files, sorted within each of `paths`.

    Raises:
        UserError: Where one of `paths` names no file, or a file name is not UTF-8 text.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            matches = [p for p in path.rglob("*") if p.suffix.lower() in types]
        elif path.exists():
            matches = [path]
        else:
            matches = [Path(p) for p in glob.glob(str(path), recursive=True)]  # noqa: PTH207
            if not matches:
                raise UserError(
                    f"there is nothing at {path}: expected a file, a folder or a pattern"
                )
            matches = [p for p in matches if p.suffix.lower() in types]
        if not matches:
            raise UserError(f"{path} holds no files of the types {', '.join(sorted(types))}")
        files += sorted(matches)
    check_utf8_names(files)
    return files


def check_utf8_names(paths: Iterable[str | Path]) -> None:
    """Check that tables and pages, which are UTF-8, can hold the names of files.

    Args:
        paths: The paths to check.

    Raises:
        UserError: At the first path with bytes that are not UTF-8.
    """
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
    """Decode one file to its source image.

    EXIF rotation is applied, transparency is laid on black, palettes and CMYK are converted, and
    16-bit grey is scaled from its full range 0..65535.

    Args:
        path: A file whose suffix is one of `IMAGE_TYPES`.

    Returns:
        The source image: uint8 (H, W) where all channels are equal, or else (H, W, 3) in RGB.

    Raises:
        UserError: Where the file cannot be decoded, with the reason.
    """
    path = Path(path)
    if path.suffix.lower() not in IMAGE_TYPES:
        raise UserError(
            f"file type {path.suffix or '(none)'} is not supported (JPEG, PNG, BMP, TIFF)"
        )
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
    return "it is not a regular file" if path.exists() else "the file does not exist"


def _decode(path: Path) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path) as file:
            if (frames := getattr(file, "n_frames", 1)) > 1:
                raise UserError(f"holds {frames} frames: export single images")
            file.load()
            opened = ImageOps.exif_transpose(file)
    if opened.mode in ("I;16", "I;16B", "I;16L", "I"):
        values = np.asarray(opened).astype("int64")
        if values.min() < 0 or values.max() > 65535:
            raise UserError("holds integers outside 0..65535")
        return np.round(values / 257).astype("uint8")
    if opened.mode == "F":
        raise UserError("holds floating-point pixels, whose range is unknown")
    if opened.mode in ("RGBA", "LA", "PA") or "transparency" in opened.info:
        opened = opened.convert("RGBA")
        black = Image.new("RGBA", opened.size, (0, 0, 0, 255))
        opened = Image.alpha_composite(black, opened)
    picture = np.asarray(opened.convert("RGB"))
    gray = (picture[..., :1] == picture).all()
    return np.ascontiguousarray(picture[..., 0]) if gray else picture


def hash_pixels(picture: np.ndarray) -> str:
    """Hash the pixels of a source image.

    Args:
        picture: uint8 (H, W) or (H, W, 3).

    Returns:
        The SHA-256 of its shape and pixels, 64 hexadecimal digits.

    Example:
        >>> hash_pixels(np.zeros((2, 3), "uint8")) == hash_pixels(np.zeros((3, 2), "uint8"))
        False
    """
    digest = hashlib.sha256(str(picture.shape).encode())
    digest.update(np.ascontiguousarray(picture).tobytes())
    return digest.hexdigest()


def as_picture(image: np.ndarray) -> np.ndarray:
    """Drop a single channel, so that Pillow can save the image.

    Args:
        image: A resized image, uint8 (H, W, C) with C 1 or 3.

    Returns:
        uint8 (H, W) where C is 1, or else the image unchanged.

    Example:
        >>> as_picture(np.zeros((32, 32, 1), "uint8")).shape
        (32, 32)
    """
    return image[..., 0] if image.shape[-1] == 1 else image


def resize(picture: np.ndarray, size: int, channels: int = 1, fit: str = "crop") -> np.ndarray:
    """Resize a source image; its aspect ratio is kept, and the resampling antialiased.

    Args:
        picture: uint8 (H, W) or (H, W, 3).
        size: Height and width of the resized image.
        channels: 1 for grey values, 3 for RGB.
        fit: "crop" cuts the centre square, "pad" adds black borders.

    Returns:
        The resized image: uint8 (size, size, channels).

    Example:
        >>> resize(np.full((20, 40), 7, "uint8"), 32, channels=3).shape
        (32, 32, 3)
    """
    resized = Image.fromarray(picture).convert("L" if channels == 1 else "RGB")
    if resized.size != (size, size):
        to_square = ImageOps.fit if fit == "crop" else ImageOps.pad
        resized = to_square(resized, (size, size), Image.Resampling.BICUBIC)
    return np.asarray(resized).reshape(size, size, channels)
