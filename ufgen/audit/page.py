"""The page of an audit: the verdict, and every finding with its pictures and its command."""

import io
import json
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image, ImageDraw

from ufgen.atomic import atomic_file, write_text
from ufgen.audit.audit import Audit, to_json
from ufgen.audit.findings import Exhibit, Finding
from ufgen.display.contact_sheet import data_uri
from ufgen.display.figure_style import PAGE_COLOURS
from ufgen.errors import UserError
from ufgen.images.decoding import decode
from ufgen.images.image_set import ImageSet

HEIGHT = 160  # pixels of a picture on the page
MOST_ROWS = 12
SEVERITY_WORDS = {"error": "error", "warning": "warning", "note": "note"}


def write(audit: Audit, images: ImageSet, out: Path, name: str, accepted: Iterable[str]) -> Path:
    """Write `check.html`, self-contained, `check.json`, and a table NAME.csv of each finding.

    Args:
        audit: The audit.
        images: The images that were checked.
        out: The folder to write to.
        name: What the image set is called.
        accepted: Names of findings that the study accepts.

    Returns:
        The path of the page.
    """
    out = Path(out)
    accepted = set(accepted)
    for finding in audit.findings:
        if len(finding.table):
            with atomic_file(out / f"{finding.name}.csv") as temporary:
                finding.table.to_csv(temporary, index=False)
    content = to_json(audit) | {"verdict": audit.verdict(accepted), "accepted": sorted(accepted)}
    write_text(out / "check.json", json.dumps(content, indent=1))
    environment = Environment(
        loader=PackageLoader("ufgen.audit"), undefined=StrictUndefined, autoescape=True
    )
    page = environment.get_template("check.html.j2").render(
        colours=PAGE_COLOURS,
        height=HEIGHT,
        name=name,
        verdict=audit.verdict(accepted),
        counts=counts(audit, accepted),
        images=images,
        readable=audit.images,
        simulated=bool((images.table["source"] == "phantom").any()),
        findings=[_section(finding, images, accepted) for finding in audit.findings],
        looked_for=audit.looked_for,
        shortcuts=_cells(audit.shortcuts, images),
    )
    path = out / "check.html"
    write_text(path, page)
    return path


def summary(audit: Audit, accepted: Iterable[str] = ()) -> str:
    """Say in lines of text what was found.

    Args:
        audit: The audit.
        accepted: Names of findings that the study accepts.

    Returns:
        A line for each finding, the advice below errors and warnings, and the verdict.
    """
    accepted = set(accepted)
    lines = []
    for finding in audit.findings:
        word = "accepted" if finding.name in accepted else finding.severity
        lines.append(f"{word}: {finding.title} [{finding.name}]")
        if finding.advice and word in ("error", "warning"):
            lines.append(f"    {finding.advice.replace('`', '')}")
    return "\n".join([*lines, f"Image check: {audit.verdict(accepted)}"])


def counts(audit: Audit, accepted: Iterable[str]) -> str:
    """Count the findings.

    Args:
        audit: The audit.
        accepted: Names of findings that the study accepts.

    Returns:
        Such as "2 errors, 1 warning, 4 notes (1 accepted)".
    """
    words, accepted = [], set(accepted)
    for severity in ("error", "warning", "note"):
        number = sum(
            finding.severity == severity and finding.name not in accepted
            for finding in audit.findings
        )
        words.append(f"{number} {severity}{'' if number == 1 else 's'}")
    number = sum(finding.name in accepted for finding in audit.findings)
    return ", ".join(words) + (f" ({number} accepted)" if number else "")


def _section(finding: Finding, images: ImageSet, accepted: set[str]) -> dict:
    return {
        "finding": finding,
        "word": "accepted" if finding.name in accepted else SEVERITY_WORDS[finding.severity],
        "advice": finding.advice.split("`"),
        "exhibits": [_pictures(exhibit, images) for exhibit in finding.exhibits],
        "table": _cells(finding.table.head(MOST_ROWS), images),
        "rows": len(finding.table),
    }


def _pictures(exhibit: Exhibit, images: ImageSet) -> dict:
    boxes = exhibit.boxes or [[] for _ in exhibit.paths]
    names = images.relative(pd.DataFrame({"path": exhibit.paths}))["path"]
    shown = []
    for path, found, name in zip(exhibit.paths, boxes, names, strict=True):
        try:
            picture = decode(path)
        except UserError:
            continue
        shown.append({"name": name, "data": data_uri(_drawn(picture, found), "image/jpeg")})
    return {"caption": exhibit.caption, "pictures": shown}


def _drawn(picture: np.ndarray, boxes: list) -> bytes:
    """A JPEG of the picture at the page's size, with boxes."""
    image = Image.fromarray(picture).convert("RGB")
    width = max(1, min(4 * HEIGHT, round(image.width * HEIGHT / image.height)))
    image = image.resize((width, HEIGHT), Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(image)
    for top, left, bottom, right in boxes:
        corners = (left * width - 2, top * HEIGHT - 2, right * width + 1, bottom * HEIGHT + 1)
        draw.rectangle(corners, outline=PAGE_COLOURS["orange"], width=2)
    buffer = io.BytesIO()
    image.save(buffer, "jpeg", quality=85)
    return buffer.getvalue()


def _cells(table: pd.DataFrame, images: ImageSet) -> dict:
    """A table as text: paths relative to the set, numbers with three digits."""
    shown = table.copy()
    for column in shown.columns:
        if str(column).startswith("path"):
            relative = images.relative(pd.DataFrame({"path": shown[column].astype(str)}))
            shown[column] = relative["path"].to_numpy()
    rows = [[_text(value) for value in row] for row in shown.itertuples(index=False)]
    return {"head": [re.sub("_", " ", str(name)) for name in shown.columns], "rows": rows}


def _text(value: object) -> str:
    if isinstance(value, float):
        if np.isnan(value):
            return "–"
        return f"{value:.0f}" if value == round(value) and abs(value) < 1e9 else f"{value:.3g}"
    return str(value)
