"""gallery.html: synthetic images beside real ones and beside their nearest training images."""

import mimetypes
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from ufgen.atomic import write_text
from ufgen.display.contact_sheet import ContactSheet, LabelledImages, data_uri
from ufgen.display.figure_style import PAGE_COLOURS, source_word
from ufgen.fidelity import gate

IMAGES_PER_CLASS = 60
CLOSEST_PAIRS = 24
MAX_COPIES = 60
FEW_IMAGES = 50
TILE, PHONE_TILE, LARGE, PHONE_LARGE = 64, 64, 192, 128


def write_gallery(
    path: Path,
    title: str,
    real: LabelledImages,
    synthetic: LabelledImages,
    nearest: pd.DataFrame | None = None,
    fidelity: pd.DataFrame | None = None,
    figures: Iterable[tuple[str, Path]] = (),
    warnings: Iterable[str] = (),
) -> Path:
    """Write the gallery as one self-contained HTML page.

    The page warns of images that fail the fidelity gate (first of all), simulated training images,
    copies, and few images.

    Args:
        path: The HTML file.
        title: What the images come from: recipe, resolution, budget.
        real: Real images, (N, H, W, C); of each class at most `IMAGES_PER_CLASS`, evenly spaced,
            are shown, large ones reduced.
        synthetic: Synthetic images, (M, H, W, C); of each class the first ones are shown.
        nearest: The nearest training image of each synthetic one, row by row: `train_row` (row of
            `real`), `correlation`, `flipped` (the training image is mirrored), `copy`, and
            `feature_distance` if measured.
        fidelity: The table of `fidelity_table.measure`.
        figures: Captions and image files; an animation (.gif) starts on demand.
        warnings: Further warnings.

    Returns:
        `path`.

    Raises:
        ValueError: Tables and pixels do not belong together.
    """
    _check(real, synthetic, nearest)
    word = source_word(real.table.get("source", []))
    shown = _shown_rows(real, synthetic)
    pairs = _closest_rows(nearest)
    synthetic_rows = sorted({row for _, rows in shown.values() for row in rows} | set(pairs))
    real_rows = {row for rows, _ in shown.values() for row in rows}
    if nearest is not None:
        real_rows |= set(nearest["train_row"].to_numpy()[synthetic_rows].tolist())
    sheets = {
        "real": ContactSheet("real", real, sorted(real_rows)),
        "synthetic": ContactSheet("synthetic", synthetic, synthetic_rows),
    }
    cards = _cards(synthetic_rows, sheets, real, synthetic, nearest)
    copies = 0 if nearest is None else int(nearest["copy"].sum())
    page = _template().render(
        colours=PAGE_COLOURS,
        title=title,
        real=word,
        failures=[] if fidelity is None else gate.failures(fidelity),
        warnings=[*_warnings(real, synthetic, copies), *warnings],
        sheets=sheets.values(),
        scales=_scales(sheets["synthetic"].width),
        classes=[
            {
                "label": label,
                "source": _source(real.table, real_shown, label),
                "real": [sheets["real"].cell(row) for row in real_shown],
                "real_count": int((real.table["label"] == label).sum()),
                "synthetic": [cards[row] for row in synthetic_shown],
                "synthetic_count": int((synthetic.table["label"] == label).sum()),
            }
            for label, (real_shown, synthetic_shown) in shown.items()
        ],
        compared=nearest is not None,
        copies=copies,
        pairs=[cards[row] for row in pairs],
        synthetic_count=len(synthetic.table),
        real_shown=len(real_rows),
        fidelity=None if fidelity is None else _fidelity_cells(fidelity, word),
        figures=[_embedded(caption, Path(file)) for caption, file in figures],
    )
    write_text(path, page)
    return Path(path)


def _check(real: LabelledImages, synthetic: LabelledImages, nearest: pd.DataFrame | None) -> None:
    for name, images in (("real", real), ("synthetic", synthetic)):
        if len(images.table) != len(images.pixels) or not len(images.table):
            raise ValueError(
                f"{len(images.table)} rows and {len(images.pixels)} {name} images: expected as "
                "many rows as images, and one at least"
            )
    if real.pixels.shape[1:3] != synthetic.pixels.shape[1:3]:
        raise ValueError(
            f"real images are {real.pixels.shape[1:3]}, synthetic ones "
            f"{synthetic.pixels.shape[1:3]}: expected the same height and width"
        )
    if nearest is None:
        return
    if len(nearest) != len(synthetic.table):
        raise ValueError(f"{len(nearest)} nearest rows for {len(synthetic.table)} synthetic images")
    rows = nearest["train_row"]
    if not rows.between(0, len(real.table) - 1).all():
        raise ValueError(f"train_row must be 0 to {len(real.table) - 1}, the rows of `real`")


def _shown_rows(
    real: LabelledImages, synthetic: LabelledImages
) -> dict[str, tuple[list[int], list[int]]]:
    """Rows to show of each class: real ones evenly spaced, the first synthetic ones."""
    labels = dict.fromkeys([*synthetic.table["label"], *real.table["label"]])
    rows = {}
    for label in labels:
        of_real = np.flatnonzero(real.table["label"] == label)
        spaced = np.linspace(0, len(of_real) - 1, min(IMAGES_PER_CLASS, len(of_real)))
        of_synthetic = np.flatnonzero(synthetic.table["label"] == label)
        rows[label] = (
            of_real[spaced.round().astype(int)].tolist(),
            of_synthetic[:IMAGES_PER_CLASS].tolist(),
        )
    return rows


def _closest_rows(nearest: pd.DataFrame | None) -> list[int]:
    """Synthetic rows of the highest correlations and of all flagged copies, closest first."""
    if nearest is None:
        return []
    order = np.argsort(-nearest["correlation"].to_numpy(float), kind="stable")
    copies = order[nearest["copy"].to_numpy(bool)[order]][:MAX_COPIES]
    shown = {*order[:CLOSEST_PAIRS].tolist(), *copies.tolist()}
    return [row for row in order.tolist() if row in shown]


def _cards(
    rows: list[int],
    sheets: dict[str, ContactSheet],
    real: LabelledImages,
    synthetic: LabelledImages,
    nearest: pd.DataFrame | None,
) -> dict[int, dict[str, Any]]:
    """For the template: each synthetic image, its attributes and its nearest training image."""
    cards = {}
    for row in rows:
        metadata = synthetic.table.iloc[row]
        attributes = []
        if "latent_seed" in metadata:
            attributes.append(("latent seed", metadata["latent_seed"]))
        if "discriminator_score" in metadata:
            attributes.append(("discriminator score", _number(metadata["discriminator_score"])))
        card: dict[str, Any] = {"image": sheets["synthetic"].cell(row), "copied": False}
        if nearest is not None:
            pair = nearest.iloc[row]
            card["copied"] = bool(pair["copy"])
            card["nearest"] = sheets["real"].cell(int(pair["train_row"]))
            card["flipped"] = bool(pair["flipped"])
            card["nearest_source"] = _source(real.table, [int(pair["train_row"])], None)
            attributes.append(("correlation", _number(pair["correlation"])))
            if "feature_distance" in pair:
                attributes.append(("feature distance", _number(pair["feature_distance"])))
        cards[row] = card | {"attributes": attributes}
    return cards


def _warnings(real: LabelledImages, synthetic: LabelledImages, copies: int) -> list[str]:
    warnings = []
    if "source" in real.table and (real.table["source"] == "phantom").any():
        warnings.append(
            "phantom: the generator learned from simulated images; nothing here is evidence "
            "about patients."
        )
    if copies:
        warnings.append(
            f"Copies: {copies} of {len(synthetic.table)} synthetic images "
            f"{'is' if copies == 1 else 'are'} flagged as a copy of a training image."
        )
    few = [
        f"{count} {kind} images of {label}"
        for kind, images in (("training", real), ("synthetic", synthetic))
        for label, count in images.table["label"].value_counts(sort=False).items()
        if count < FEW_IMAGES
    ]
    if few:
        warnings.append(f"Few images ({', '.join(few)}): differences seen here may be chance.")
    return warnings


def _source(table: pd.DataFrame, rows: list[int], label: str | None) -> str:
    """The source of these rows or of a whole class: `real`, `phantom` or both."""
    if "source" not in table:
        return "real"
    sources = table["source"] if label is None else table["source"][table["label"] == label]
    chosen = sources.iloc[rows] if label is None else sources
    return " and ".join(sorted(set(chosen), reverse=True)) or "real"


def _fidelity_cells(table: pd.DataFrame, real: str) -> dict[str, list]:
    """Column heads and cells of the fidelity table as text; the ends of an interval share one."""
    shown = {name: table[name].map(_cell) for name in ("scope", "metric", "value")}
    shown["95 % interval"] = _ranges(table, "low", "high")
    shown["real-vs-real reference"] = table["reference"].map(_cell)
    shown["range over splits"] = _ranges(table, "reference_low", "reference_high")
    for name in ("real", "synthetic", "extractor", "note"):
        shown[real if name == "real" else name] = table[name].map(_cell)
    return {"head": list(shown), "rows": list(zip(*shown.values(), strict=True))}


def _ranges(table: pd.DataFrame, low: str, high: str) -> list[str]:
    ends = zip(table[low], table[high], strict=True)
    return ["-" if pd.isna(a) else f"{_number(a)} to {_number(b)}" for a, b in ends]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float | np.floating):
        return _number(value)
    return str(value)


def _number(value: float | np.floating) -> str:
    """Three decimals, three significant digits below 0.1, or "undefined"."""
    if pd.isna(value):
        return "undefined"
    value = float(value)
    return f"{value:.3f}" if value == 0 or abs(value) >= 0.1 else f"{value:.3g}"


def _scales(width: int) -> dict[str, float]:
    """Enlargement of the images: whole factors, so that all pixels have one size."""
    sides = {"tile": TILE, "phone_tile": PHONE_TILE, "large": LARGE, "phone_large": PHONE_LARGE}
    scales: dict[str, float] = {n: max(1, side // width) for n, side in sides.items()}
    if width > PHONE_TILE:
        scales["phone_tile"] = PHONE_TILE / width
    return scales


def _embedded(caption: str, file: Path) -> dict[str, Any]:
    kind = mimetypes.guess_type(file.name)[0] or "image/png"
    data = data_uri(file.read_bytes(), kind)
    return {"caption": caption, "data": data, "animated": kind == "image/gif"}


def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("ufgen.synthesis"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("gallery.html")
