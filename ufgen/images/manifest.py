"""Manifests: one row per image, from any spreadsheet, or as Parquet."""

import codecs
import csv
import io
import os

import pandas as pd

from ufgen.errors import UserError
from ufgen.images.folder_listing import SYSTEM_FILES, Entry, LeftOut

SPLITS = ("train", "test")  # those that an evaluation needs
ALL_SPLITS = ("train", "validation", "test")
SPLIT_OF = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
SOURCES = ("real", "phantom", "synthetic")
MANIFEST_TYPES = (".csv", ".tsv", ".parquet")
SPREADSHEETS = (".xlsx", ".xls", ".ods", ".numbers")
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
SEPARATORS = ",;\t"
REQUIRED = {"path", "label"}
EXPECTED = "expected path,label[,split][,group][,source]"


def read_manifest(manifest: Entry, left_out: LeftOut) -> pd.DataFrame:
    """Read a manifest; no image is opened.

    Commas, semicolons or tabs separate columns; UTF-8 and UTF-16 are read; case and surrounding
    blanks in column names, splits and sources are ignored; paths may be written with backslashes.

    Args:
        manifest: A CSV or Parquet file with the columns `path,label[,split][,group][,source]`.
            Paths are relative to its folder; splits have a name of `SPLIT_OF`; source is "real" by
            default.
        left_out: Collects rows that name no image.

    Returns:
        The columns path (absolute), label, split, group and source, and whatever others the
        manifest has, all text.

    Raises:
        UserError: Where the file is not such a manifest, with the line where there is one.
    """
    is_parquet = manifest.name.lower().endswith(".parquet")
    table = _read_parquet(manifest) if is_parquet else _read_text(manifest)
    if len(table) == 0:
        raise UserError(f"{manifest} lists no images")
    unnamed = table["path"].str.strip() == ""
    for line in table.index[unnamed]:
        left_out.add(f"{manifest} line {line}", "row without a path")
    system = table["path"].map(_is_system_file)
    for path in table["path"][system]:
        left_out.add(path, "system file")
    table = table[~unnamed & ~system]
    for name, default in (("split", ""), ("group", ""), ("source", "real")):
        table = table.assign(**{name: table[name].str.strip() if name in table else default})
    table = table.assign(label=table["label"].str.strip(), source=table["source"].str.lower())
    table = table.assign(split=[SPLIT_OF.get(s.lower(), s) for s in table["split"]])
    for name, allowed in (("split", (*ALL_SPLITS, "")), ("source", SOURCES)):
        expected = f"expected one of {', '.join(filter(None, allowed))}"
        _refuse(manifest, table[name], ~table[name].isin(allowed), name, expected)
    labels = table["label"]
    _refuse(manifest, labels, labels == "", "the label", "expected the name of a class")
    unusable = labels.str.contains(r"[/\\]") | labels.isin([".", ".."])
    _refuse(
        manifest, labels, unusable, "the label", "expected one without / and \\: it names a folder"
    )
    if len(table) == 0:
        raise UserError(f"{manifest} lists no images: the column path is empty")
    folder = os.path.abspath(str(manifest.parent))
    table = table.assign(path=[_absolute(folder, path) for path in table["path"]])
    if not os.path.isdir(folder):  # noqa: PTH112, in an archive
        _check_inside(manifest, table["path"])
    repeated = table["path"].duplicated()
    if repeated.any():
        raise UserError(f"{manifest} lists {table['path'][repeated].iloc[0]} more than once")
    return table.reset_index(drop=True)


def _read_text(manifest: Entry) -> pd.DataFrame:
    """The rows of a CSV file, by their line in it."""
    content = manifest.read_bytes()
    try:
        text = content.decode("utf-16" if content.startswith(UTF_16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{manifest} is not a readable CSV file: it is not UTF-8 text ({error}). Save it as "
            "`CSV UTF-8`"
        ) from None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    names: list[str] = []
    rows: dict[int, list[str]] = {}
    line = 1
    try:
        for row in reader:
            if not any(cell.strip() for cell in row) or (not names and _names_separator(row)):
                pass  # an empty line, or the separator as Excel writes it
            elif not names:
                names = row
            else:
                _check_length(manifest, line, row, names)
                rows[line] = [*row, *[""] * len(names)][: len(names)]
            line = reader.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{manifest} is not a readable CSV file: line {line}: {error}. Is a quotation mark "
            "missing there?"
        ) from None
    if not names:
        raise UserError(f"{manifest} is not a readable CSV file: it is empty ({EXPECTED})")
    names = _check_names(manifest, names)
    table = pd.DataFrame(list(rows.values()), index=list(rows), columns=names, dtype=str)
    return table.loc[:, [name for name in names if name]]


def _separator(text: str) -> str:
    for line in text.lstrip().lower().split("\n")[:2]:
        for separator in SEPARATORS:
            if {cell.strip(' "\r') for cell in line.split(separator)} >= REQUIRED:
                return separator
    return ","


def _names_separator(row: list[str]) -> bool:
    return row[0].strip().lower().startswith("sep=")


def _check_length(manifest: Entry, line: int, row: list[str], names: list[str]) -> None:
    if any(cell.strip() for cell in row[len(names) :]):
        raise UserError(
            f"{manifest} line {line}: found {len(row)} fields, expected {len(names)} as in the "
            "first line: put a path or label with a separator in it into quotation marks"
        )


def _check_names(manifest: Entry, columns: list[str]) -> list[str]:
    """The column names in lower case; "" for one without a name, as of an index."""
    names = [str(name).strip().lower() for name in columns]
    if repeated := sorted({name for name in names if name and names.count(name) > 1}):
        raise UserError(f"{manifest} has the column {repeated[0]} more than once")
    if missing := REQUIRED - set(names):
        raise UserError(
            f"{manifest} has the columns {', '.join(map(str, columns))}: "
            f"{', '.join(sorted(missing))} is missing ({EXPECTED})"
        )
    return names


def _read_parquet(manifest: Entry) -> pd.DataFrame:
    try:
        table = pd.read_parquet(io.BytesIO(manifest.read_bytes()))
    except ImportError:
        raise UserError(
            f"{manifest} is a Parquet file, which needs pyarrow: install `ufgen[parquet]`, or "
            "write the manifest as CSV"
        ) from None
    except (ValueError, OSError) as error:  # pyarrow's own errors are such
        raise UserError(f"{manifest} is not a readable Parquet file: {error}") from None
    names = _check_names(manifest, list(table.columns))
    columns = {
        name: ["" if missing else str(value) for value, missing in zip(values, gaps, strict=True)]
        for name, (_, values), (_, gaps) in zip(
            names, table.items(), table.isna().items(), strict=True
        )
        if name
    }
    return pd.DataFrame(columns, index=range(1, len(table) + 1), dtype=str)


def _refuse(manifest: Entry, values: pd.Series, wrong: pd.Series, name: str, expected: str) -> None:
    """Raise UserError at the first value that is `wrong` (boolean, row by row)."""
    if wrong.any():
        line, value = values.index[wrong][0], values[wrong].iloc[0]
        problem = f"is {value!r}" if value else "is empty"
        raise UserError(f"{manifest} line {line}: {name} {problem}: {expected}")


def _is_system_file(path: str) -> bool:
    name = path.replace("\\", "/").rpartition("/")[2].strip().lower()
    return name in SYSTEM_FILES or name.startswith("._")


def _check_inside(manifest: Entry, paths: pd.Series) -> None:
    """Raise UserError where a manifest in an archive names files outside it."""
    archive = str(manifest.root.filename)  # type: ignore[union-attr]
    outside = ~paths.str.startswith(os.path.abspath(archive) + os.sep)
    if outside.any():
        raise UserError(
            f"{manifest} line {paths.index[outside][0]}: {paths[outside].iloc[0]} is outside the "
            "archive: expected paths relative to the manifest's folder"
        )


def _absolute(folder: str, path: str) -> str:
    """The absolute path; backslashes are separators unless a file has them in its name."""
    absolute = os.path.abspath(os.path.join(folder, path))  # noqa: PTH118
    if "\\" in path and not os.path.lexists(absolute):
        absolute = os.path.abspath(os.path.join(folder, path.replace("\\", "/")))  # noqa: PTH118
    return absolute
