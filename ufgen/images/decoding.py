"""Image files to uint8 arrays: decoding, hashing, resizing.

`decode` returns the source image, which a file holds at its own size: uint8 (H, W), or (H, W, 3)
where its channels differ. `resize` makes of it the resized image for networks, metrics and pages:
uint8 (size, size, channels) with 1 or 3 channels. `as_picture` brings a resized image into the
shape of a source image, to be saved. Numpy and Pillow do all but DICOM, which needs pydicom.
"""

import hashlib
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ufgen.errors import UserError
from ufgen.images.dicom.header import has_preamble
from ufgen.images.dicom.pixels import decode as decode_dicom
from ufgen.images.dicom.pixels import picture_size
from ufgen.images.file_types import (  # noqa: F401
    IMAGE_TYPES,
    NAMES,
    check_utf8_names,
    find_files,
    has_image_type,
    open_supported,
)

PILLOW_FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "JPEG2000")  # JPEG opens MPO, too
STEPPED_FORMATS = {"GIF", "PNG", "WEBP"}  # whose frames are decoded from the first on
STEPPED_PIXELS = 2**30  # of all frames up to the one that is read: some ten seconds
REDUCED = 1  # the bit of a TIFF page's type that marks a smaller copy of another page
PAGE_TYPE, ORIENTATION = 254, 0x0112  # tags of TIFF and EXIF
UPRIGHT = {  # by the orientation of EXIF
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
FITS = ("crop", "pad")
warnings.filterwarnings("ignore", module=r"PIL\b")  # at damaged files: the reason says it


def decode(path: str | Path) -> np.ndarray:
    """Decode one file to its source image.

    The content says what a file is, whatever its name. EXIF rotation is applied, transparency is
    laid on black, palettes and CMYK are converted, and 16-bit grey is scaled from its full range
    0..65535, whatever values occur: the same in every file, in training and at inference.

    Of several frames (GIF, TIFF, animated PNG and WebP, DICOM) the middle one is the image, of
    index n // 2; pages of a TIFF that are marked as smaller copies do not count. Of a phone's JPEG
    with a second picture (MPO) it is the first. DICOM: see `ufgen.images.dicom.pixels`.

    Args:
        path: A file, or a member of a zip archive (see `ufgen.images.image_files`), whose suffix is
            one of `IMAGE_TYPES`, or whose content is DICOM.

    Returns:
        The source image: uint8 (H, W) where all channels are equal, or else (H, W, 3) in RGB.

    Raises:
        UserError: Where the file cannot be decoded, with the reason.
    """
    with open_supported(path) as stream:
        try:
            picture = decode_dicom(stream) if has_preamble(stream) else _decode(stream)
        except UserError:
            raise
        except Exception as error:  # a decoder may fail in any way at a damaged file
            raise UserError(f"cannot be decoded: {_reason(error)}") from None
    if picture.ndim == 2:
        return picture
    grey = (picture[..., :1] == picture).all()
    return np.ascontiguousarray(picture[..., 0]) if grey else picture


def size_in_pixels(path: str | Path) -> tuple[int, int]:
    """Read the size of an image file from its header.

    Args:
        path: A file as `decode` takes it.

    Returns:
        Its width and height in pixels, before any rotation by EXIF.

    Raises:
        UserError: Where the file cannot be read, with the reason.
    """
    with open_supported(path) as stream:
        try:
            if has_preamble(stream):
                return picture_size(stream)
            with Image.open(stream, formats=PILLOW_FORMATS) as file:
                return file.size
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"cannot be decoded: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return f"its content is that of no {NAMES} file, or damaged from the start"
    if isinstance(error, Image.DecompressionBombError):
        return f"more pixels than the limit of {Image.MAX_IMAGE_PIXELS}"
    return str(error) or type(error).__name__


def _decode(stream: BinaryIO) -> np.ndarray:
    with Image.open(stream, formats=PILLOW_FORMATS) as file:
        _check_size(file)
        _seek_frame(file)
        _check_size(file)
        file.load()
        opened = _upright(file)
    if opened.mode.startswith("I"):
        values = np.asarray(opened)
        if values.min() < 0 or values.max() > 65535:
            raise UserError("holds integers outside 0..65535: save it with 8 or 16 bits")
        return np.round(np.arange(65536) / 257).astype("uint8")[values]
    if opened.mode == "F":
        raise UserError(
            "holds floating-point pixels, whose range is unknown: scale them to whole numbers, "
            "0..255 or 0..65535, by the same rule in all files"
        )
    if opened.mode in ("RGBA", "RGBa", "LA", "PA") or "transparency" in opened.info:
        opened = opened.convert("RGBA")
        black = Image.new("RGBA", opened.size, (0, 0, 0, 255))
        opened = Image.alpha_composite(black, opened)
    return np.asarray(opened.convert("RGB"))


def _check_size(file: Image.Image) -> None:
    """Raise UserError for more pixels than Pillow's limit, at which it only warns."""
    limit = Image.MAX_IMAGE_PIXELS
    if limit and file.width * file.height > limit:
        raise UserError(
            f"cannot be decoded: {file.width} x {file.height} pixels are more than the limit of "
            f"{limit}: cut out or scale down what matters"
        )


def _seek_frame(file: Image.Image) -> None:
    """Go to the middle frame; of an MPO stay at the first."""
    frames = getattr(file, "n_frames", 1)
    if frames < 2 or file.format in ("MPO", "JPEG"):
        return
    numbers = list(range(frames))
    if file.format == "TIFF":
        numbers = [n for n in numbers if not _is_reduced(file, n)] or numbers
    chosen = numbers[len(numbers) // 2]
    if file.format in STEPPED_FORMATS and chosen * file.width * file.height > STEPPED_PIXELS:
        raise UserError(f"holds {frames} frames, too many to decode: export the one that matters")
    file.seek(chosen)


def _is_reduced(file: Image.Image, page: int) -> bool:
    file.seek(page)
    return bool(int(file.tag_v2.get(PAGE_TYPE, 0)) & REDUCED)  # type: ignore[attr-defined]


def _upright(image: Image.Image) -> Image.Image:
    """The image, turned as its EXIF data say; damaged EXIF data say nothing."""
    try:
        turned = UPRIGHT.get(image.getexif().get(ORIENTATION, 1))
    except Exception:
        turned = None
    return image.copy() if turned is None else image.transpose(turned)


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

    Raises:
        UserError: Where "pad" would leave nothing of a very narrow image.

    Example:
        >>> resize(np.full((20, 40), 7, "uint8"), 32, channels=3).shape
        (32, 32, 3)
    """
    resized = Image.fromarray(picture).convert("L" if channels == 1 else "RGB")
    if resized.size != (size, size):
        if fit == "pad" and round(min(resized.size) / max(resized.size) * size) < 1:
            shape = f"{resized.width} x {resized.height}"
            raise UserError(f"its {shape} pixels are too narrow to be padded to {size} x {size}")
        to_square = ImageOps.fit if fit == "crop" else ImageOps.pad
        resized = to_square(resized, (size, size), Image.Resampling.BICUBIC)
    return np.asarray(resized).reshape(size, size, channels)
