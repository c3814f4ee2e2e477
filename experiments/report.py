"""The report of a finished study: report.html (one self-contained file) and report.md."""

import base64
import json
import re
from pathlib import Path

import matplotlib
import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from classifiers import metrics as metric_names
from experiments import curve_figures, figures
from ufgen.atomic import whole_file, write_text

CAPTIONS = {
    "forest": "Change of each arm against `real`, in the primary metric declared beforehand. "
    "Diamonds: mean over classifiers; lines: intervals over test groups and seeds.",
    "ratio": "Change against the number of extra images. Duplicated real images are the control: "
    "more images without new content.",
    "roc": "ROC curves on the test images: mean over trainings, bands from the lowest to the "
    "highest; area in brackets.",
    "precision_recall": "Precision against recall, likewise; average precision in brackets.",
    "reliability": "Reliability of the calibrated probabilities, all trainings together; expected "
    "calibration error in brackets.",
    "confusion": "Confusion matrices on the test images, summed over seeds; share of each row.",
    "training": "Training: dotted lines are training, solid lines validation images; dots mark the "
    "weights that were kept.",
}


def write(folder: Path, command: str) -> Path:
    """Write report.html, report.md, figures and deltas.tex into a study's folder; the page's path.

    Figures are written as PNG, SVG and PDF.
    Everything is read from the folder's tables (see `experiments.runner`). `command` is named as
    the one that runs the study again.
    """
    folder = Path(folder)
    facts = _read(folder) | {"command": command}
    with matplotlib.rc_context({"text.parse_math": False}):
        drawn = _draw(facts)
    facts["figures"] = []
    for name, figure in drawn.items():
        place = folder / "figures" / f"{name}.png"
        for kind in (".png", ".svg", ".pdf"):
            with whole_file(place.with_suffix(kind)) as temporary:
                figure.savefig(temporary, dpi=130)
        facts["figures"].append(
            {"name": name, "file": f"figures/{name}.png", "caption": CAPTIONS[name]}
            | {"data": _data_uri(place.read_bytes())}
        )
    for grid in facts["grids"]:
        grid["data"] = _data_uri((folder / grid["file"]).read_bytes())
    templates = Environment(
        loader=PackageLoader("experiments"),
        autoescape=lambda name: name is not None and ".html" in name,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"number": _number, "plain": _plain, "share": _share, "p": _p_value}
    for name in ("report.md", "report.html"):
        write_text(folder / name, templates.get_template(f"{name}.j2").render(facts))
    write_text(folder / "deltas.tex", _latex(facts["deltas"]))
    return folder / "report.html"


def _latex(deltas: pd.DataFrame) -> str:
    """The changes as a LaTeX table, for the means of the classifiers and for each."""
    names = ["arm", "classifier", "metric", "baseline", "value", "delta", "low", "high", "verdict"]
    shown = deltas[names].assign(metric=deltas["metric"].map(metric_names.title))
    shown.columns = [
        "arm",
        "classifier",
        "metric",
        "real",
        "arm",
        "change",
        "low",
        "high",
        "verdict",
    ]
    return shown.to_latex(index=False, float_format="%.3f", na_rep="undefined", escape=True)


def _read(folder: Path) -> dict:
    names = ("images", "quarantine", "metrics", "predictions", "deltas", "companions")
    tables = {name: _table(folder / f"{name}.csv") for name in names}
    study = yaml.safe_load((folder / "study.yaml").read_text(encoding="utf-8"))
    conclusion = json.loads((folder / "verdict.json").read_text())
    images, metrics = tables["images"], tables["metrics"]
    histories = [
        pd.read_csv(folder / "trials" / row["trial"] / "history.csv").assign(
            arm=row["arm"], classifier=row["classifier"]
        )
        for row in metrics.to_dict("records")
    ]
    used = [folder / "synthetic" / name for name in conclusion.get("synthetic", [])]
    counts = images.groupby(["split", "role", "label"], as_index=False).agg(
        images=("path", "size"), groups=("group", "nunique"), source=("source", "first")
    )
    deltas = tables["deltas"]
    return tables | {
        "study": study,
        "conclusion": conclusion,
        "environment": json.loads((folder / "environment.json").read_text()),
        "histories": pd.concat(histories, ignore_index=True),
        "phantom": bool((images["source"] == "phantom").any()),
        "counts": counts.to_dict("records"),
        "recipes": {
            place.name: (place / "generator" / "recipe.yaml").read_text(encoding="utf-8")
            for place in used
            if (place / "generator" / "recipe.yaml").is_file()
        },
        "broken": tables["quarantine"].to_dict("records"),
        "diets": metrics.groupby("arm", sort=False)["n_train"].first().to_dict(),
        "summary": _summary(metrics),
        "headline": _headline(deltas, study["primary_metric"]),
        "pairs": tables["companions"].to_dict("records"),
        "changes": deltas[deltas["classifier"] == "all"].to_dict("records"),
        "changes_by_classifier": deltas[deltas["classifier"] != "all"].to_dict("records"),
        "grids": [
            {"file": f"synthetic/{place.name}/{kind}.png", "caption": f"{caption} ({place.name})"}
            for place in used
            for kind, caption in (
                ("grid", "Real images above, synthetic images below, by class"),
                (
                    "curves",
                    "Losses of the generator's training, and its distance to the training images",
                ),
            )
            if (place / f"{kind}.png").is_file()
        ],
        "metric_names": metric_names.NAMES,
        "title_of": metric_names.title,
    }


def _headline(deltas: pd.DataFrame, metric: str) -> list[dict]:
    """The mean of the classifiers in the primary metric, and where its uncertainty comes from."""
    rows = deltas[(deltas["classifier"] == "all") & (deltas["metric"] == metric)]
    found = []
    for row in rows.to_dict("records"):
        parts = {
            "test groups": row["variance_groups"],
            "seeds": row["variance_seeds"] / row["seeds"],
            "generators": row["variance_generators"] / row["generators"],
            "single trainings": row["variance_rest"] / (row["seeds"] * row["generators"]),
        }
        whole = sum(parts.values())
        shares = {name: part / whole if whole > 0 else None for name, part in parts.items()}
        found.append(row | {"shares": shares})
    return found


def _summary(metrics: pd.DataFrame) -> list[dict]:
    """Per arm and classifier, for each metric, mean, smallest and largest over the seeds."""
    rows = []
    for (arm, classifier), same in metrics.groupby(["arm", "classifier"], sort=False):
        cells = {}
        for name in metric_names.NAMES:
            values = same[name]
            undefined = values.isna().any()
            cells[name] = None if undefined else (values.mean(), values.min(), values.max())
        rows.append({"arm": arm, "classifier": classifier, "cells": cells})
    return rows


def _draw(facts: dict) -> dict:
    study, metrics = facts["study"], facts["metrics"]
    labels = sorted(facts["images"]["label"].unique())
    positive = study["images"]["positive"]
    negative = next((label for label in labels if label != positive), f"not {positive}")
    return {
        "forest": figures.forest(facts["deltas"], study["primary_metric"], study["margin"]),
        "ratio": figures.ratio_curves(facts["deltas"], study["primary_metric"]),
        "roc": curve_figures.roc_curves(facts["predictions"]),
        "precision_recall": curve_figures.precision_recall_curves(facts["predictions"]),
        "reliability": curve_figures.reliability_curves(facts["predictions"]),
        "confusion": figures.confusion_matrices(metrics, positive, negative),
        "training": figures.training_curves(facts["histories"]),
    }


def _table(path: Path) -> pd.DataFrame:
    """A table whose text stays text: a class called NA is a name, an empty cell is no number."""
    text = ("path", "label", "split", "group", "source", "sha256", "predicted", "reason", "error")
    text += ("generator",)
    table = pd.read_csv(path, dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=[""])
    present = [name for name in text if name in table]
    return table.assign(**table[present].fillna(""))


def _data_uri(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode()


def _number(value, sign: bool = False) -> str:
    """Three decimals; what is undefined is called so, never 0."""
    if value is None or value != value:
        return "undefined"
    return f"{value:+.3f}" if sign else f"{value:.3f}"


def _share(value) -> str:
    return "undefined" if value is None or value != value else f"{value:.0%}"


def _p_value(value) -> str:
    if value is None or value != value:
        return "-"
    return "below 0.001" if value < 0.001 else f"{value:.3f}"


def _plain(value) -> str:
    """Text that Markdown shows as it is, also inside a table."""
    escaped = re.sub(r"([\\`*_\[\]|<>$])", r"\\\1", str(value))
    return escaped.replace("\\<", "&lt;").replace("\\>", "&gt;").replace("\n", " ")
