"""The bytes of images: files, and members of zip archives, which are read in place.

The path of a member is that of its archive and its name there: `set.zip/train/UF/a.png`. Nothing is
unpacked to disk. A member's header is not trusted: what it decompresses to is limited.
"""

import io
import os
import re
import threading
import zipfile
from pathlib import Path
from typing import BinaryIO

from ufgen.errors import UserError

ARCHIVE_TYPES = {".zip"}
MEMBER_LIMIT = 2**30  # bytes of one decompressed member
RATIO_LIMIT = 200  # decompressed to compressed bytes, of members beyond
RATIO_FREE = 2**26  # this many bytes: a small blank picture is rightly compressed 1000 times
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # what decompresses piece by piece
CHUNK = 2**20
OPEN_ARCHIVES = 4
_opened = threading.local()


def open_image(path: str | Path) -> BinaryIO:
    """Open a file, or a member of a zip archive, for reading.

    Args:
        path: A file, or an archive's path followed by "/" and a member's name.

    Returns:
        A seekable binary stream, to be closed by the caller.

    Raises:
        UserError: Where there is nothing to be read; or a member is encrypted, damaged, too large,
            or has a name that leads out of its archive.
    """
    if found := archive_of(path):
        return io.BytesIO(_read_member(*found))
    file = Path(path)
    if not file.is_file():  # opening a pipe would never end
        raise UserError(_no_file(file))
    try:
        return file.open("rb")
    except OSError as error:
        raise UserError(f"the file cannot be opened: {error.strerror}") from None


def is_image_file(path: str | Path) -> bool:
    """Whether there is something at a path that `open_image` can read, of whatever content.

    Args:
        path: A file, or an archive's path followed by "/" and a member's name.

    Returns:
        True for a regular file, or for a member of an archive that can be opened.
    """
    try:
        if found := archive_of(path):
            _find_member(*found)
            return True
        return Path(path).is_file()
    except (UserError, OSError, ValueError):
        return False


def size(path: str | Path) -> int:
    """Find the size of a file, or the one that an archive declares for a member.

    Args:
        path: A file, or an archive's path followed by "/" and a member's name.

    Returns:
        Its size in bytes.

    Raises:
        UserError: Where there is nothing to be read.
    """
    if found := archive_of(path):
        return _find_member(*found)[1].file_size
    file = Path(path)
    if not file.is_file():
        raise UserError(_no_file(file))
    return file.stat().st_size


def archive_of(path: str | Path) -> tuple[Path, str] | None:
    """Split the path of an archive's member.

    Args:
        path: Any path.

    Returns:
        The archive, which is a file, and the member's name; None for a path that is not in one.

    Example:
        >>> archive_of("set/train/UF/a.png") is None
        True
    """
    text = os.fspath(path)
    for match in re.finditer(r"\.zip/", text, re.IGNORECASE):
        archive = Path(text[: match.end() - 1])
        if archive.is_file():
            return archive, text[match.end() :]
    return None


def is_archive(path: str | Path) -> bool:
    """Whether a path is that of a zip archive itself.

    Args:
        path: Any path.

    Returns:
        True for a regular file with the suffix .zip.
    """
    return Path(path).suffix.lower() in ARCHIVE_TYPES and Path(path).is_file()


def members(archive: Path) -> list[str]:
    """List the members of a zip archive; nothing is decompressed.

    Args:
        archive: The archive.

    Returns:
        The names of its files, sorted, without hidden and operating-system files.

    Raises:
        UserError: Where the archive is damaged, or a name leads out of it.
    """
    names = [info.filename for info in _archive(archive).infolist() if not info.is_dir()]
    for name in names:
        _check_name(archive, name)
    return sorted(name for name in names if not _is_hidden(name))


def _is_hidden(name: str) -> bool:
    parts = name.split("/")
    skipped = {"__macosx", "thumbs.db", "desktop.ini"}
    return any(part.startswith(".") or part.lower() in skipped for part in parts)


def _check_name(archive: Path, name: str) -> None:
    if name.startswith("/") or "\\" in name or ".." in name.split("/") or name[1:2] == ":":
        shown = name.encode(errors="backslashreplace").decode()
        raise UserError(
            f"{archive.name} has a member named {shown!r}, which leads out of it: expected "
            "names such as train/UF/a.png. Unpack it by a means that you trust, and pack it again"
        )


def _archive(archive: Path) -> zipfile.ZipFile:
    """The open archive; each thread has its own, since they share the position in the file."""
    stat = archive.stat()
    version = (os.getpid(), stat.st_ino, stat.st_size, stat.st_mtime_ns)
    cache: dict[str, tuple[object, zipfile.ZipFile]] = _opened.__dict__.setdefault("archives", {})
    known = cache.get(str(archive))
    if known and known[0] == version:
        return known[1]
    try:
        opened = zipfile.ZipFile(archive)
    except Exception as error:  # zipfile fails in many ways at a damaged directory
        raise UserError(
            f"{archive.name} cannot be read as a zip archive ({type(error).__name__}): copy or "
            "download it again, and test it with `unzip -t`"
        ) from None
    cache.pop(str(archive), None)
    while len(cache) >= OPEN_ARCHIVES:
        cache.pop(next(iter(cache)))[1].close()
    cache[str(archive)] = (version, opened)
    return opened


def _find_member(archive: Path, name: str) -> tuple[zipfile.ZipFile, zipfile.ZipInfo]:
    _check_name(archive, name)
    opened = _archive(archive)
    try:
        info = opened.getinfo(name)
    except KeyError:
        raise UserError(f"{archive.name} has no member {name}") from None
    if info.is_dir():
        raise UserError("it is a folder in a zip archive: expected a file")
    return opened, info


def _read_member(archive: Path, name: str) -> bytes:
    """The content of a member, decompressed within limits."""
    opened, info = _find_member(archive, name)
    if info.flag_bits & 0x1:
        raise UserError(
            f"it is encrypted in {archive.name}: unpack the archive with its password, and name "
            "the folder"
        )
    if info.compress_type not in METHODS:
        raise UserError(
            f"it is compressed by method {info.compress_type} in {archive.name}: expected a zip "
            "archive as `zip` writes it (deflated or stored). Unpack it, and name the folder"
        )
    content = bytearray()
    try:
        with opened.open(info) as member:
            while chunk := member.read(CHUNK):
                content += chunk
                if len(content) > _most_bytes(info.compress_size):
                    break
    except Exception as error:  # a damaged member may fail in any way
        raise UserError(
            f"it is damaged in {archive.name} ({type(error).__name__}): copy or download the "
            "archive again, and test it with `unzip -t`"
        ) from None
    if len(content) > _most_bytes(info.compress_size):
        raise UserError(
            f"it decompresses to more than {len(content) // CHUNK - 1} MiB from "
            f"{info.compress_size} bytes in {archive.name}: expected a picture, of at most "
            f"{MEMBER_LIMIT // CHUNK} MiB"
        )
    return bytes(content)


def _most_bytes(compressed: int) -> int:
    return min(MEMBER_LIMIT, max(RATIO_FREE, RATIO_LIMIT * compressed))


def _no_file(path: Path) -> str:
    if path.is_symlink():
        return f"the file does not exist: it is a link to {path.readlink()}"
    return "it is not a regular file" if path.exists() else "the file does not exist"
