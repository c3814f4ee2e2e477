"""CSV manifests: one row per image, from any spreadsheet."""

import codecs
import io
import os
from pathlib import Path

import numpy as np
import pandas as pd

from ufgen.errors import UserError

SPLITS = ("train", "test")
SOURCES = ("real", "phantom", "synthetic")
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
SEPARATORS = ",;\t"
REQUIRED = {"path", "label"}
EXPECTED = "expected path,label[,split][,group][,source]"


def read_manifest(manifest: Path) -> pd.DataFrame:
    """Read a manifest; no image is opened.

    Commas, semicolons or tabs separate columns; UTF-8 and UTF-16 are read; case and surrounding
    blanks in column names, splits and sources are ignored; paths may be written with backslashes.

    Args:
        manifest: A CSV file with the columns `path,label[,split][,group][,source]`. Paths are
            relative to its folder; source is "real" by default.

    Returns:
        The columns path (absolute), label, split, group and source, and whatever others the
        manifest has, all text.

    Raises:
        UserError: Where the file is not such a manifest, with the line where there is one.
    """
    table = _read_table(manifest)
    for name, default in (("split", ""), ("group", ""), ("source", "real")):
        table[name] = table[name].str.strip() if name in table else default
    table["label"] = table["label"].str.strip()
    for name, allowed in (("split", {*SPLITS, ""}), ("source", set(SOURCES))):
        table[name] = table[name].str.lower()
        expected = ", ".join(sorted(filter(None, allowed)))
        _refuse(
            manifest, table[name], ~table[name].isin(allowed), name, f"expected one of {expected}"
        )
    labels = table["label"]
    _refuse(manifest, labels, labels == "", "the label", "expected the name of a class")
    unusable = labels.str.contains(r"[/\\]") | labels.isin([".", ".."])
    _refuse(
        manifest, labels, unusable, "the label", "expected one without / and \\: it names a folder"
    )
    table["path"] = [_absolute(manifest.parent, path) for path in table["path"]]
    repeated = table["path"].duplicated()
    if repeated.any():
        raise UserError(f"{manifest} lists {table['path'][repeated].iloc[0]} more than once")
    return table


def _read_table(manifest: Path) -> pd.DataFrame:
    content = manifest.read_bytes()
    try:
        text = content.decode("utf-16" if content.startswith(UTF_16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{manifest} is not a readable CSV file: it is not UTF-8 text ({error}). Save it as "
            "`CSV UTF-8`"
        ) from None
    head = text.lstrip().partition("\n")[0].lower()
    fitting = [s for s in SEPARATORS if {c.strip(' "\r') for c in head.split(s)} >= REQUIRED]
    try:
        separator = (fitting or [","])[0]
        table = pd.read_csv(io.StringIO(text), sep=separator, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise UserError(f"{manifest} is not a readable CSV file: {error}") from None
    names = [str(name).strip().lower() for name in table.columns]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"{manifest} has the column {repeated[0]} more than once")
    if missing := REQUIRED - set(names):
        raise UserError(
            f"{manifest} has the columns {', '.join(table.columns)}: {', '.join(sorted(missing))} "
            f"is missing ({EXPECTED})"
        )
    if len(table) == 0:
        raise UserError(f"{manifest} lists no images")
    return table.set_axis(names, axis=1).fillna("")


def _refuse(manifest: Path, values: pd.Series, wrong: pd.Series, name: str, expected: str) -> None:
    """Raise UserError at the first value that is `wrong` (boolean, row by row)."""
    if wrong.any():
        line, value = int(np.argmax(wrong)) + 2, values[wrong].iloc[0]
        problem = f"is {value!r}" if value else "is empty"
        raise UserError(f"{manifest} line {line}: {name} {problem}: {expected}")


def _absolute(folder: Path, path: str) -> str:
    """The absolute path; backslashes are separators unless a file has them in its name."""
    absolute = os.path.abspath(folder / path)
    if "\\" in path and not os.path.lexists(absolute):
        absolute = os.path.abspath(folder / path.replace("\\", "/"))
    return absolute
