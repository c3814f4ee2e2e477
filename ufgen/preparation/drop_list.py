"""Lists of images to leave out: one path per line, or the path columns of a CSV file."""

import csv
import re
from pathlib import Path

from ufgen.errors import UserError
from ufgen.images.image_set import ImageSet


def read_drop_list(file: Path, images: ImageSet) -> list[str]:
    """Read which images to leave out.

    Args:
        file: Text with one path per line, or CSV with the columns path, path_1 and so on, such as
            the tables of `ufgen data check`. Paths are absolute, or relative to the folder of the
            images, to that of `file`, or to the current one.
        images: The image set.

    Returns:
        The absolute paths of these images.

    Raises:
        UserError: Where the file cannot be read, or a path in it is none of the images.
    """
    try:
        lines = Path(file).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--drop {file} cannot be read: {error}") from None
    rows = list(csv.reader(line for line in lines if line.strip()))
    header = [name.strip().lower() for name in rows[0]] if rows else []
    columns = [i for i, name in enumerate(header) if re.fullmatch(r"path(_\d+)?", name)]
    listed = [
        row[i].strip() for row in rows[bool(columns) :] for i in columns or [0] if i < len(row)
    ]
    known = set(images.table["path"])
    folders = [Path(images.root), Path(file).absolute().parent, Path.cwd()]
    found, missing = [], []
    for name in filter(None, listed):
        candidates = [str((folder / name).absolute()) for folder in folders]
        match = next((path for path in candidates if path in known), None)
        found.append(match) if match else missing.append(name)
    if missing:
        raise UserError(
            f"--drop {file} lists {len(missing)} that are none of the {len(images)} images, such "
            f"as {missing[0]}: expected paths relative to {images.root}"
        )
    return sorted(set(filter(None, found)))
