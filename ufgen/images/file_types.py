"""Which files are images: by their names, or as DICOM by their content; what to do with others."""

import glob
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from ufgen.errors import UserError
from ufgen.images import image_files
from ufgen.images.dicom.header import DICOM_TYPES, has_preamble

PILLOW_TYPES = {".jpg", ".jpeg", ".jfif", ".jpe", ".mpo", ".png", ".bmp", ".tif", ".tiff"}
PILLOW_TYPES |= {".webp", ".gif", ".jp2"}
IMAGE_TYPES = PILLOW_TYPES | DICOM_TYPES
NAMES = "JPEG, PNG, BMP, TIFF, WebP, GIF, JPEG 2000 or DICOM"
ADVICE = {
    "it holds arrays: save each image as a PNG file (of MedMNIST: `python -m medmnist save`)": (
        ".npz .npy .mat .h5 .hdf5 .pkl .pt"
    ),
    "it is a volume: export the slices that matter as PNG files": ".nii .gz .mha .mhd .nrrd .nhdr",
    "it is a video: export the frames that matter, as by `ffmpeg -i clip.mp4 -vf fps=1 %04d.png`, "
    "and give those of one patient the same group": ".mp4 .avi .mov .mkv .wmv .mpg .mpeg .webm",
    "it is an archive among images: unpack it there": ".zip .tar .tgz .rar .7z",
    "save it as JPEG or PNG": ".heic .heif .avif .svs .pdf .psd .svg .tga .ppm .pgm .jxl",
}


def find_files(paths: Sequence[str | Path], types: set[str] = IMAGE_TYPES) -> list[Path]:
    """Find the files of some types in files, folders and glob patterns.

    Args:
        paths: Files, zip archives or their members, folders (searched at any depth) or glob
            patterns. A file that is named itself is returned whatever its type.
        types: File name suffixes in lower case, with the dot.

    Returns:
        The files, sorted within each of `paths`.

    Raises:
        UserError: Where one of `paths` names no file, or a file name is not UTF-8 text.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            matches = [p for p in path.rglob("*") if _is_of(types, p)]
        elif image_files.is_archive(path):
            matches = [p for p in map(path.joinpath, image_files.members(path)) if _is_of(types, p)]
        elif path.exists() or image_files.archive_of(path):
            matches = [path]
        else:
            matches = [Path(p) for p in glob.glob(str(path), recursive=True)]  # noqa: PTH207
            if not matches:
                raise UserError(
                    f"there is nothing at {path}: expected a file, a folder or a pattern"
                )
            matches = [p for p in matches if _is_of(types, p)]
        if not matches:
            raise UserError(f"{path} holds no files of the types {', '.join(sorted(types))}")
        files += sorted(matches)
    check_utf8_names(files)
    return files


def has_image_type(path: str | Path) -> bool:
    """Whether a file is taken for an image: by its name, or as DICOM by its content.

    Args:
        path: A file, or a member of a zip archive (see `ufgen.images.image_files`).

    Returns:
        True for a suffix of `IMAGE_TYPES`, and for DICOM files that lack one, as scanners name them
        (`IM000001`, `1.2.840.113619.2.5`).
    """
    suffix = Path(path).suffix.lower()
    if suffix in IMAGE_TYPES:
        return True
    if suffix.removeprefix(".").strip("0123456789") or not image_files.is_image_file(path):
        return False
    try:
        with image_files.open_image(path) as stream:
            return has_preamble(stream)
    except (UserError, OSError):
        return False


def _is_of(types: set[str], path: Path) -> bool:
    return path.suffix.lower() in types or (types >= DICOM_TYPES and has_image_type(path))


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


def open_supported(path: str | Path) -> BinaryIO:
    """Open a file that is taken for an image.

    Args:
        path: A file, or a member of a zip archive (see `ufgen.images.image_files`).

    Returns:
        A seekable binary stream, to be closed by the caller.

    Raises:
        UserError: Where there is nothing to be read, the file is empty, or its type is not
            supported: with advice on what to do.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    stream = image_files.open_image(path) if suffix in IMAGE_TYPES else _open_unnamed(path)
    if not stream.read(1):
        stream.close()
        raise UserError("cannot be decoded: the file is empty (0 bytes)")
    stream.seek(0)
    return stream


def _open_unnamed(path: Path) -> BinaryIO:
    """A file without the suffix of an image, which only DICOM files may lack."""
    if image_files.is_image_file(path):
        stream = image_files.open_image(path)
        if has_preamble(stream):
            return stream
        stream.close()
    suffix = path.suffix.lower()
    advice = next((text for text, types in ADVICE.items() if suffix in types.split()), "")
    raise UserError(
        f"file type {path.suffix or '(none)'} is not supported: expected {NAMES}"
        + (f"; {advice}" if advice else "")
    )
