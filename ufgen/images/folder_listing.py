"""What a folder or a zip archive holds, and which of its files are no images of an image set."""

import re
import stat
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from ufgen.errors import UserError

MASK = "segmentation mask"
SYSTEM_FILES = {".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir"}
ARCHIVES = {".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar"}
MASK_NAME = re.compile(
    r"(?P<image>.+)[ _.-](?:masks?|seg(?:mentation)?s?|labels?|gt|ground[ _-]?truth)"
    r"(?:[ _-]?\d+|[ _-]?\(\d+\))?",
    re.IGNORECASE,
)
NEAR_LEVELS = 8  # grey levels around the darkest and the brightest one, as JPEG blurs a mask
NEAR_BINARY = 0.95  # of the pixels; the others are on blurred edges

Entry = Path | zipfile.Path


class LeftOut:
    """Collects the files that are left out of an image set, each with the reason."""

    def __init__(self) -> None:
        """Begin with nothing left out."""
        self.rows: list[tuple[str, str]] = []

    def add(self, path: str | Entry, reason: str) -> None:
        """Leave one out.

        Args:
            path: Where it is; bytes that are not UTF-8 are written as escapes.
            reason: What it is, such as "segmentation mask": `describe` counts these.
        """
        self.rows.append((str(path).encode(errors="backslashreplace").decode(), reason))

    def table(self) -> pd.DataFrame:
        """List what was left out.

        Returns:
            The columns path and reason, in the order of the folder.
        """
        rows = list(dict.fromkeys(self.rows))
        return pd.DataFrame(rows, columns=["path", "reason"], dtype=str)


def describe(left_out: pd.DataFrame) -> str:
    """Count what was left out, by reason.

    Args:
        left_out: The columns path and reason.

    Returns:
        One line, or "" where nothing was left out.

    Example:
        >>> describe(pd.DataFrame({"path": ["a", "b"], "reason": "image of cyst"}))
        'left out: 2 images of cyst'
    """
    counts = left_out["reason"].value_counts(sort=False)
    words = [
        f"{count} {reason if count == 1 else _plural(reason)}" for reason, count in counts.items()
    ]
    return f"left out: {', '.join(words)}" if words else ""


def _plural(reason: str) -> str:
    """The plural of a noun that " of ", " in ", " to " or " without " may follow."""
    return re.sub(r"^(.*?)(?= (?:of|in|to|without) |$)", r"\1s", reason, count=1)


def entries(folder: Entry, left_out: LeftOut) -> list[Entry]:
    """List a folder, without what is no part of an image set.

    Files of operating systems, hidden ones and links to a folder above are left out.

    Args:
        folder: A folder, or one in an archive.
        left_out: Collects what is left out.

    Returns:
        The other files and folders, sorted by name.
    """
    found: list[Entry] = []
    inside: list[Entry] = list(folder.iterdir())
    for entry in sorted(inside, key=lambda entry: entry.name):
        name = entry.name.lower()
        if name in SYSTEM_FILES or name.startswith("._"):
            left_out.add(entry, "system file")
        elif name.startswith("."):
            left_out.add(entry, "hidden file")
        elif _leads_above(entry, folder):
            left_out.add(entry, "link to a folder above it")
        else:
            found.append(entry)
    return found


def _leads_above(entry: Entry, folder: Entry) -> bool:
    if not (isinstance(entry, Path) and isinstance(folder, Path)):
        return False
    if not (entry.is_symlink() and entry.is_dir()):
        return False
    return folder.resolve().is_relative_to(entry.resolve())


@contextmanager
def opened_archive(path: Path, left_out: LeftOut) -> Iterator[zipfile.Path]:
    """Open a zip archive as a folder; no image is read.

    Members are left out whose names could lead out of the archive (absolute, with a drive letter,
    with `..` or backslashes), and so are links, and archives in the archive.

    Args:
        path: The archive.
        left_out: Collects what is left out.

    Yields:
        The archive's folder.

    Raises:
        UserError: Where the archive is damaged or encrypted.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename: info for info in archive.infolist()}
            if locked := [name for name, info in members.items() if info.flag_bits & 1]:
                raise UserError(
                    f"{path} is encrypted, such as {locked[0]}: expected a zip archive without a "
                    "password. Unpack it and name the folder"
                )
            for name, info in list(members.items()):
                if reason := _refused(name, info):
                    left_out.add(f"{path}/{name}", reason)
                    del members[name]
            archive.filelist = list(members.values())
            archive.NameToInfo = members
            yield zipfile.Path(archive)
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise UserError(
            f"{path} is not a readable zip archive: {error}. It may be damaged or only partly "
            "copied: copy it again, or unpack it and name the folder"
        ) from None


def _refused(name: str, info: zipfile.ZipInfo) -> str:
    """Why a member of an archive is not read; "" where it is."""
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or "\\" in name or re.match(r"[A-Za-z]:", name):
        return "unsafe path in the archive"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "link in the archive"
    if not info.is_dir() and Path(name).suffix.lower() in ARCHIVES and "__MACOSX" not in parts:
        return "archive in the archive" if not name.lower().endswith(".nii.gz") else ""
    return ""


def are_masks(paths: Iterable[str]) -> np.ndarray:
    """Recognise segmentation masks by name: `name_mask.png` beside `name.png`.

    The endings mask, seg, label and gt (and their plurals, and segmentation and ground truth) are
    known, with a number or without; capitals do not count, nor does the type of either file.

    Args:
        paths: The files of an image set, (N,).

    Returns:
        Whether each has such a name and its image is among the others: boolean, (N,).

    Example:
        >>> are_masks(["a (1).png", "a (1)_mask.png", "a (1)_mask_1.png", "b_mask.png"]).tolist()
        [False, True, True, False]
    """
    stems = [str(PurePosixPath(path.removesuffix(".gz")).with_suffix("")).lower() for path in paths]
    known = set(stems)
    matches = [MASK_NAME.fullmatch(stem) for stem in stems]
    return np.array([match is not None and match["image"] in known for match in matches], bool)


def is_mask_like(picture: np.ndarray) -> bool:
    """Recognise a segmentation mask by content: nearly all pixels have one of two grey values.

    Args:
        picture: A source image: uint8 (H, W) or (H, W, 3).

    Returns:
        Whether it has at most two grey values, or 95 % of the pixels are within 8 levels of the
        darkest or of the brightest one, and so are most of those that are not near the other. An
        empty mask is one, too; a colour image is none.

    Example:
        >>> is_mask_like(np.eye(32, dtype="uint8") * 255)
        True
    """
    if picture.ndim == 3 or not picture.size:
        return False
    darkest, brightest = int(picture.min()), int(picture.max())
    if brightest - darkest <= 4 * NEAR_LEVELS:  # an image may be dark, or all but empty
        return len(np.unique(picture)) <= 2
    dark = picture <= darkest + NEAR_LEVELS
    bright = picture >= brightest - NEAR_LEVELS
    between = 1 - dark.mean() - bright.mean()
    return bool(between <= 1 - NEAR_BINARY and between <= min(dark.mean(), bright.mean()))
