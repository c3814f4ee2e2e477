"""What a report shows: the tables and files of a finished study's folder, as plain values."""

import json
from pathlib import Path

import pandas as pd
import yaml

from classifiers.evaluation import metrics as metric_names
from experiments.analysis.number_format import number
from experiments.declaration import record
from experiments.design.enough import ENOUGH_SEEDS
from ufgen.display.figure_style import source_word
from ufgen.images import positive_class
from ufgen.images.image_set import ImageSet

MAX_SETS_SHOWN = 4
TEXT_COLUMNS = (
    *("path", "label", "split", "group", "source", "sha256", "predicted", "reason", "error"),
    *("generator", "folder"),
)
NEEDS_SEEDS = f"needs {ENOUGH_SEEDS} seeds"
SYNTHETIC_FIGURES = (
    ("grid", "{Real} images above, synthetic images below, by class"),
    ("nearest", "Synthetic images, each above the training image nearest to it"),
    ("embedding", "{Real} and synthetic images by their texture features (t-SNE)"),
    ("fidelity", "Fidelity, each number beside its real-vs-real reference"),
    ("curves", "Losses of the generator's training, and its distance to the training images"),
)


def read(folder: Path) -> dict:
    """Read everything that the templates and the figures of a report are made from.

    Args:
        folder: The folder of a finished study.

    Returns:
        The variables of the templates, by name; tables are data frames, rows of tables dicts.
    """
    names = (
        "images",
        "quarantine",
        "metrics",
        "predictions",
        "deltas",
        "paired_tests",
        "synthetic",
    )
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
    set_folders = [folder / "synthetic" / name for name in tables["synthetic"]["folder"]]
    counts = images.groupby(["split", "role", "label"], as_index=False).agg(
        images=("path", "size"), groups=("group", "nunique"), source=("source", "first")
    )
    deltas = tables["deltas"]
    labelled = ImageSet(images, study["images"]["positive"])
    phantom = bool((images["source"] == "phantom").any())
    real = source_word(images["source"])
    primary = (deltas["classifier"] == "all") & (deltas["metric"] == study["primary_metric"])
    return tables | {
        "study": study,
        "conclusion": conclusion,
        "record": record.read(folder),
        "environment": json.loads((folder / "environment.json").read_text()),
        "histories": pd.concat(histories, ignore_index=True),
        "phantom": phantom,
        "real": real,
        "counts": counts.to_dict("records"),
        "negative": positive_class.negative(labelled),
        "own_validation": bool(not study["folds"] and (images["split"] == "validation").any()),
        "rest": positive_class.rest(labelled),
        "recipes": {
            path.name: (path / "generator" / "recipe.yaml").read_text(encoding="utf-8")
            for path in set_folders
            if (path / "generator" / "recipe.yaml").is_file()
        },
        "unreadable": tables["quarantine"].to_dict("records"),
        "training_set_sizes": metrics.groupby("arm", sort=False)["n_train"].first().to_dict(),
        "summary": _summary(metrics),
        "changes": _changes(deltas[primary], len(study["seeds"]) >= ENOUGH_SEEDS),
        "paired_tests": tables["paired_tests"].to_dict("records"),
        "exploratory": deltas[~primary].to_dict("records"),
        "synthetic_sets": tables["synthetic"].to_dict("records"),
        "synthetic_figures": [
            {
                "file": f"synthetic/{path.name}/{name}.png",
                "caption": f"{caption.format(Real=real.capitalize())} ({path.name})",
            }
            for path in set_folders[:MAX_SETS_SHOWN]
            for name, caption in SYNTHETIC_FIGURES
            if (path / f"{name}.png").is_file()
        ],
        "sets_not_shown": [path.name for path in set_folders[MAX_SETS_SHOWN:]],
        "metric_names": metric_names.NAMES,
        "title_of": metric_names.title,
    }


def _changes(rows: pd.DataFrame, enough_seeds: bool) -> list[dict]:
    """The mean of the classifiers in the primary metric, and the components of its variance.

    Variances, and all that follows from them, are shown with `enough_seeds` alone. With a single
    generator (or seed) its own variance is not covered, and the other's is part of the residual.
    """
    changes = []
    for row in rows.to_dict("records"):
        generators = row["folds"] * row["generators"]
        variances = {
            "test groups": row["variance_groups"],
            "seeds": row["variance_seeds"] / row["seeds"],
            "generators": row["variance_generators"] / generators,
            "residual": row["variance_residual"]
            / (row["folds"] * row["generators"] * row["seeds"]),
        }
        covered = {"seeds": row["seeds"] > 1, "generators": row["generators"] > 1}
        inseparable = set() if all(covered.values()) else set(covered)
        total = sum(variances.values())
        fractions = {
            name: _fraction(variance, total, covered.get(name, True), name in inseparable)
            for name, variance in variances.items()
        }
        derived = ("minimum_detectable_effect", "cohens_d", "probability_of_improvement")
        texts = {name: number(row[name], name == "cohens_d") for name in derived}
        if not enough_seeds:
            fractions = dict.fromkeys(fractions, NEEDS_SEEDS)
            texts = dict.fromkeys(texts, NEEDS_SEEDS)
        changes.append(row | texts | {"variance_fractions": fractions})
    return changes


def _fraction(variance: float, total: float, covered: bool, inseparable: bool) -> str:
    if not covered:
        return "not covered"
    if inseparable:
        return "not separable"
    if not total > 0:
        return "undefined"
    return f"{variance / total:.0%}" + (" (estimate truncated at 0)" if variance == 0 else "")


def _summary(metrics: pd.DataFrame) -> list[dict]:
    """Per arm and classifier, for each metric, mean, smallest and largest over the seeds."""
    rows = []
    for (arm, classifier), trials in metrics.groupby(["arm", "classifier"], sort=False):
        cells = {}
        for name in metric_names.NAMES:
            values = trials[name]
            undefined = values.isna().any()
            cells[name] = None if undefined else (values.mean(), values.min(), values.max())
        rows.append({"arm": arm, "classifier": classifier, "cells": cells})
    return rows


def _table(path: Path) -> pd.DataFrame:
    """A table whose text stays text: a class called NA is a name, an empty cell is no number."""
    types = dict.fromkeys(TEXT_COLUMNS, str)
    table = pd.read_csv(path, dtype=types, keep_default_na=False, na_values=[""])
    present = [name for name in TEXT_COLUMNS if name in table]
    return table.assign(**table[present].fillna(""))
