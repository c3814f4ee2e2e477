"""Whose image a DICOM file is, as salted hashes.

The identifiers of patients, studies and series are read to tell groups apart, and leave this module
as hashes alone. The salt is made once and kept in the cache: the same patient has the same hash in
every set that is read with this cache, and nobody without it can guess whose.
"""

import hashlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from ufgen.errors import UserError
from ufgen.images import image_files
from ufgen.images.dicom.header import has_preamble, read_header

IDENTIFIERS = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID")
DIGITS = 16
SALT_BYTES = 32


def identifiers(path: str | Path) -> dict[str, str]:
    """Hash the identifiers of a DICOM file.

    Args:
        path: The file, or a member of a zip archive (see `ufgen.images.image_files`).

    Returns:
        For PatientID, StudyInstanceUID and SeriesInstanceUID, 16 hexadecimal digits of a salted
        SHA-256, or "" where the file does not say.

    Raises:
        UserError: Where it is no DICOM file, or a damaged one, or the salt cannot be kept.
    """
    with image_files.open_image(path) as stream:
        found = read_header(stream, IDENTIFIERS).dataset
    salt = _salt()
    return {name: _hash(salt, name, str(found.get(name) or "").strip()) for name in IDENTIFIERS}


def groups(paths: Sequence[str | Path]) -> list[str]:
    """Name the group of each image, by the first identifier that tells some of them apart.

    Args:
        paths: Images of any kind.

    Returns:
        For each path the hash of its patient where the paths are of two patients or more, or else
        of its study, or else of its series; "" for what is no readable DICOM file, and for all
        where nothing tells them apart.

    Raises:
        UserError: Where the salt cannot be kept.
    """
    found: list[dict[str, str]] = []
    for path in paths:
        try:
            found.append(identifiers(path) if _is_dicom(path) else {})
        except UserError:
            _salt()  # if this is what failed, say it
            found.append({})
    for name in IDENTIFIERS:
        names = [one.get(name, "") for one in found]
        if len(set(names) - {""}) >= 2:
            return names
    return [""] * len(found)


def _is_dicom(path: str | Path) -> bool:
    with image_files.open_image(path) as stream:
        return has_preamble(stream)


def _hash(salt: bytes, name: str, value: str) -> str:
    return hashlib.sha256(salt + f"{name}:{value}".encode()).hexdigest()[:DIGITS] if value else ""


def _salt() -> bytes:
    """The salt, which the first of all processes makes."""
    from ufgen.images.pixel_store import cache_folder

    file = cache_folder() / "dicom_salt"
    try:
        if not file.exists():
            _make_salt(file)
        salt = file.read_bytes()
    except OSError as error:
        raise UserError(
            f"the salt of hashed patients cannot be kept in {file}: {error.strerror}. Set "
            "UFGEN_CACHE to a folder that can be written"
        ) from None
    if len(salt) != SALT_BYTES:
        raise UserError(f"{file} holds {len(salt)} bytes, not {SALT_BYTES}: remove it")
    return salt


def _make_salt(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{secrets.token_hex(8)}.dicom_salt")
    try:
        opened = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "wb") as stream:
            stream.write(secrets.token_bytes(SALT_BYTES))
        try:
            os.link(temporary, file)  # fails where another process was first
        except FileExistsError:
            return
    finally:
        temporary.unlink(missing_ok=True)
