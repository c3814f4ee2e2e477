"""What a report says: the tables and files of a finished study's folder, as plain values."""

import json
from pathlib import Path

import pandas as pd
import yaml

from classifiers.evaluation import metrics as metric_names
from experiments.analysis.checks import ENOUGH_SEEDS
from experiments.analysis.wording import number
from ufgen.display.figure_style import source_word

SHOWN_SETS = 4
NEEDS_SEEDS = f"needs {ENOUGH_SEEDS} seeds"
PICTURES = (
    ("grid", "{Real} images above, synthetic images below, by class"),
    ("nearest", "Synthetic images, each above the training image nearest to it"),
    ("embedding", "{Real} and synthetic images by their texture features (t-SNE)"),
    (
        "fidelity",
        "Fidelity, each number beside its real-against-real reference",
    ),
    ("curves", "Losses of the generator's training, and its distance to the training images"),
)


def read(folder: Path) -> dict:
    """Everything that the templates and the figures of a report are made from."""
    names = ("images", "quarantine", "metrics", "predictions", "deltas", "companions", "synthetic")
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
    used = [folder / "synthetic" / name for name in tables["synthetic"]["folder"]]
    counts = images.groupby(["split", "role", "label"], as_index=False).agg(
        images=("path", "size"), groups=("group", "nunique"), source=("source", "first")
    )
    deltas = tables["deltas"]
    phantom = bool((images["source"] == "phantom").any())
    real = source_word(images["source"])
    primary = (deltas["classifier"] == "all") & (deltas["metric"] == study["primary_metric"])
    return tables | {
        "study": study,
        "conclusion": conclusion,
        "environment": json.loads((folder / "environment.json").read_text()),
        "histories": pd.concat(histories, ignore_index=True),
        "phantom": phantom,
        "real": real,
        "counts": counts.to_dict("records"),
        "recipes": {
            place.name: (place / "generator" / "recipe.yaml").read_text(encoding="utf-8")
            for place in used
            if (place / "generator" / "recipe.yaml").is_file()
        },
        "broken": tables["quarantine"].to_dict("records"),
        "diets": metrics.groupby("arm", sort=False)["n_train"].first().to_dict(),
        "summary": _summary(metrics),
        "headline": _headline(deltas[primary], len(study["seeds"]) >= ENOUGH_SEEDS),
        "pairs": tables["companions"].to_dict("records"),
        "exploratory": deltas[~primary].to_dict("records"),
        "sets": tables["synthetic"].to_dict("records"),
        "grids": [
            {
                "file": f"synthetic/{place.name}/{kind}.png",
                "caption": f"{_name(caption, real)} ({place.name})",
            }
            for place in used[:SHOWN_SETS]
            for kind, caption in PICTURES
            if (place / f"{kind}.png").is_file()
        ],
        "unshown": [place.name for place in used[SHOWN_SETS:]],
        "metric_names": metric_names.NAMES,
        "title_of": metric_names.title,
    }


def _name(caption: str, real: str) -> str:
    """A caption with the word for images that are not synthetic."""
    return caption.replace("{Real}", real.capitalize()).replace("{real}", real)


def _headline(rows: pd.DataFrame, enough: bool) -> list[dict]:
    """The mean of the classifiers in the primary metric, and where its uncertainty comes from.

    Variances, and all that follows from them, are known with `enough` seeds alone.
    """
    found = []
    for row in rows.to_dict("records"):
        parts = {
            "test groups": row["variance_groups"],
            "seeds": row["variance_seeds"] / row["seeds"],
            "generators": row["variance_generators"] / row["generators"],
            "residual": row["variance_residual"] / (row["seeds"] * row["generators"]),
        }
        several = {"seeds": row["seeds"] > 1, "generators": row["generators"] > 1}
        shares = {n: _share(v, sum(parts.values()), several.get(n, True)) for n, v in parts.items()}
        derived = ("minimum_detectable_effect", "standardised", "probability_of_improvement")
        shown = {name: number(row[name], name == "standardised") for name in derived}
        if not enough:
            shares, shown = dict.fromkeys(shares, NEEDS_SEEDS), dict.fromkeys(shown, NEEDS_SEEDS)
        found.append(row | shown | {"shares": shares})
    return found


def _share(part: float, whole: float, several: bool) -> str:
    if not several:
        return "not covered"
    if not whole > 0:
        return "undefined"
    return f"{part / whole:.0%}" + (" (estimate truncated at 0)" if part == 0 else "")


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


def _table(path: Path) -> pd.DataFrame:
    """A table whose text stays text: a class called NA is a name, an empty cell is no number."""
    text = ("path", "label", "split", "group", "source", "sha256", "predicted", "reason", "error")
    text += ("generator", "folder")
    table = pd.read_csv(path, dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=[""])
    present = [name for name in text if name in table]
    return table.assign(**table[present].fillna(""))
