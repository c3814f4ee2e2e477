"""The page beside synthetic images: them, the real ones, and the nearest pairs, for a person."""

import mimetypes
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from ufgen.atomic import write_text
from ufgen.display.contact_sheet import ContactSheet, Strip, data_uri
from ufgen.display.figure_style import PAGE_COLOURS
from ufgen.fidelity import gate

SHOWN_PER_CLASS = 60
CLOSEST_PAIRS = 24
COPIES_SHOWN = 60
FEW = 50
TILE, PHONE_TILE, LARGE, PHONE_LARGE = 64, 64, 192, 128


def write_gallery(
    path: Path,
    title: str,
    real: Strip,
    synthetic: Strip,
    nearest: pd.DataFrame | None = None,
    fidelity: pd.DataFrame | None = None,
    pictures: Iterable[tuple[str, Path]] = (),
    warnings: Iterable[str] = (),
) -> Path:
    """Write one self-contained HTML page at `path`; the path.

    `title` names what the images come from: recipe, resolution, budget. `real` and `synthetic`
    are `Strip`s or anything with the same `table` and `pixels`. `nearest` belongs to `synthetic`
    row by row: `train_row` (row of `real`), `correlation`, `flipped` (the training image is
    mirrored for it), `copy`, and `feature_distance` if measured. `fidelity` is the table of
    `ufgen.fidelity.fidelity_table`; where it fails the gate, the page says so first. `pictures`
    are captions and image files (an animation, .gif, starts on demand).
    `warnings` follow those that the page finds itself: simulated training images, copies, few
    images.

    Of each class at most `SHOWN_PER_CLASS` images are shown: the first synthetic ones, real ones
    evenly spaced. Large images are reduced. Raises ValueError where tables
    and pixels do not belong together.
    """
    _check(real, synthetic, nearest)
    walls = _wall_rows(real, synthetic)
    pairs = _closest(nearest)
    synthetic_rows = sorted({row for wall in walls.values() for row in wall[1]} | set(pairs))
    real_rows = {row for wall in walls.values() for row in wall[0]}
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
        failures=[] if fidelity is None else gate.failures(fidelity),
        warnings=[*_warnings(real, synthetic, copies), *warnings],
        sheets=sheets.values(),
        scales=_scales(sheets["synthetic"].width),
        height=synthetic.pixels.shape[1],
        width=synthetic.pixels.shape[2],
        classes=[
            {
                "label": label,
                "source": _source(real.table, real_shown, label),
                "real": [sheets["real"].cell(row) for row in real_shown],
                "real_count": int((real.table["label"] == label).sum()),
                "synthetic": [cards[row] for row in synthetic_shown],
                "synthetic_count": int((synthetic.table["label"] == label).sum()),
            }
            for label, (real_shown, synthetic_shown) in walls.items()
        ],
        compared=nearest is not None,
        copies=copies,
        pairs=[cards[row] for row in pairs],
        synthetic_count=len(synthetic.table),
        real_shown=len(real_rows),
        fidelity=None if fidelity is None else _number_table(fidelity),
        pictures=[_embedded(caption, Path(file)) for caption, file in pictures],
    )
    write_text(path, page)
    return Path(path)


def _check(real: Strip, synthetic: Strip, nearest: pd.DataFrame | None) -> None:
    for name, strip in (("real", real), ("synthetic", synthetic)):
        if len(strip.table) != len(strip.pixels) or not len(strip.table):
            raise ValueError(
                f"{len(strip.table)} rows and {len(strip.pixels)} {name} images: expected as many "
                "rows as images, and one at least"
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


def _wall_rows(real: Strip, synthetic: Strip) -> dict[str, tuple[list[int], list[int]]]:
    """Rows shown of each class: real ones evenly spaced, synthetic ones in the order drawn."""
    labels = dict.fromkeys([*synthetic.table["label"], *real.table["label"]])
    walls = {}
    for label in labels:
        of_real = np.flatnonzero(real.table["label"] == label)
        spaced = np.linspace(0, len(of_real) - 1, min(SHOWN_PER_CLASS, len(of_real)))
        of_synthetic = np.flatnonzero(synthetic.table["label"] == label)
        walls[label] = (
            of_real[spaced.round().astype(int)].tolist(),
            of_synthetic[:SHOWN_PER_CLASS].tolist(),
        )
    return walls


def _closest(nearest: pd.DataFrame | None) -> list[int]:
    """Synthetic rows of the highest correlations and of all flagged copies, closest first."""
    if nearest is None:
        return []
    order = np.argsort(-nearest["correlation"].to_numpy(float), kind="stable")
    copies = order[nearest["copy"].to_numpy(bool)[order]][:COPIES_SHOWN]
    shown = {*order[:CLOSEST_PAIRS].tolist(), *copies.tolist()}
    return [row for row in order.tolist() if row in shown]


def _cards(rows, sheets, real, synthetic, nearest) -> dict[int, dict]:
    """What is known of each synthetic image, beside its nearest training image."""
    cards = {}
    for row in rows:
        card = {"image": sheets["synthetic"].cell(row), "copied": False, "facts": []}
        facts = synthetic.table.iloc[row]
        if "latent_seed" in facts:
            card["facts"].append(("latent seed", facts["latent_seed"]))
        if "discriminator_score" in facts:
            card["facts"].append(("discriminator score", _number(facts["discriminator_score"])))
        if nearest is not None:
            pair = nearest.iloc[row]
            card["copied"] = bool(pair["copy"])
            card["nearest"] = sheets["real"].cell(int(pair["train_row"]))
            card["flipped"] = bool(pair["flipped"])
            card["nearest_source"] = _source(real.table, [int(pair["train_row"])], None)
            card["facts"].append(("correlation", _number(pair["correlation"])))
            if "feature_distance" in pair:
                card["facts"].append(("feature distance", _number(pair["feature_distance"])))
        cards[row] = card
    return cards


def _warnings(real: Strip, synthetic: Strip, copies: int) -> list[str]:
    found = []
    if "source" in real.table and (real.table["source"] == "phantom").any():
        found.append(
            "phantom: the generator learned from simulated images; nothing here is evidence "
            "about patients."
        )
    if copies:
        found.append(
            f"Copies: {copies} of {len(synthetic.table)} synthetic images "
            f"{'is' if copies == 1 else 'are'} flagged as a copy of a training image."
        )
    few = [
        f"{count} {kind} of {label}"
        for kind, strip in (("training", real), ("synthetic", synthetic))
        for label, count in strip.table["label"].value_counts(sort=False).items()
        if count < FEW
    ]
    if few:
        found.append(f"Few images ({', '.join(few)}): differences seen here may be chance.")
    return found


def _source(table: pd.DataFrame, rows: list[int], label: str | None) -> str:
    """`real`, `phantom` or both, of these rows."""
    if "source" not in table:
        return "real"
    sources = table["source"] if label is None else table["source"][table["label"] == label]
    chosen = sources.iloc[rows] if label is None else sources
    return " and ".join(sorted(set(chosen), reverse=True)) or "real"


def _number_table(table: pd.DataFrame) -> dict:
    """Head and cells as text; two ends become one column."""
    shown = {name: table[name].map(_cell) for name in ("scope", "metric", "value")}
    shown["95 % interval"] = _ranges(table, "low", "high")
    shown["original against original"] = table["reference"].map(_cell)
    shown["its range"] = _ranges(table, "reference_low", "reference_high")
    for name in ("real", "synthetic", "extractor", "note"):
        shown["original" if name == "real" else name] = table[name].map(_cell)
    return {"head": list(shown), "rows": list(zip(*shown.values(), strict=True))}


def _ranges(table: pd.DataFrame, low: str, high: str) -> list[str]:
    ends = zip(table[low], table[high], strict=True)
    return ["-" if pd.isna(a) else f"{_number(a)} to {_number(b)}" for a, b in ends]


def _cell(value) -> str:
    if value is None:
        return ""
    if isinstance(value, float | np.floating):
        return _number(value)
    return str(value)


def _number(value) -> str:
    """Three decimals, or three digits where the number is small; undefined is called so."""
    if pd.isna(value):
        return "undefined"
    value = float(value)
    return f"{value:.3f}" if value == 0 or abs(value) >= 0.1 else f"{value:.3g}"


def _scales(width: int) -> dict[str, float]:
    """How much a picture is enlarged: whole factors, so that its pixels stay even."""
    sides = {"tile": TILE, "phone_tile": PHONE_TILE, "large": LARGE, "phone_large": PHONE_LARGE}
    scales = {name: max(1, side // width) for name, side in sides.items()}
    if width > PHONE_TILE:
        scales["phone_tile"] = PHONE_TILE / width
    return scales


def _embedded(caption: str, file: Path) -> dict:
    kind = mimetypes.guess_type(file.name)[0] or "image/png"
    data = data_uri(file.read_bytes(), kind)
    return {"caption": caption, "data": data, "moves": kind == "image/gif"}


def _template():
    templates = Environment(
        loader=PackageLoader("ufgen.synthesis"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template("gallery.html")
