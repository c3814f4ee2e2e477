"""What a study will cost, measured on this machine before it runs."""

import shutil
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from experiments.design.arms import synthetic_counts
from experiments.design.study import Study
from experiments.planning import power, timing
from experiments.running import precisions
from experiments.running.data_split import DataSplit, LoadedImages, read_images, split_by_role
from ufgen.progress import Progress

PREDICTION_BYTES = 400
GENERATOR_BYTES = 40_000_000
FIGURE_BYTES = 5_000_000


class Plan(NamedTuple):
    """What one study will take: lines of text, seconds, and bytes on the disk."""

    study: Study
    lines: list[str]
    seconds: float
    disk: float


def write_plan(
    studies: list[Study], root: Path, effect: float | None = None, listed: bool = False
) -> str:
    """The estimated time of one or several studies and the disk they need: text, totals last.

    If `root` holds a finished run of a study, that is the pilot that says how many trainings the
    wanted `effect` (the study's margin) would need. `listed` names every trial.

    Each network and the generator are timed for a few real optimiser steps on these images. What
    is finished already is not taken off. Nothing is written under `root`.
    """
    lines, plans = [], []
    for study in studies:
        plans.append(plan(study))
        lines += [*plans[-1].lines, ""]
        if listed:
            lines += ["Trials:", *(f"  {trial.title}" for trial in study.trials()), ""]
        pilot = Path(root) / study.name / "deltas.csv"
        if pilot.is_file():
            lines += [power.describe(study, pd.read_csv(pilot), effect or study.margin), ""]
    seconds, disk = (sum(getattr(one, name) for one in plans) for name in ("seconds", "disk"))
    free = shutil.disk_usage(nearest_folder(root)).free
    lines.append(f"Estimated time: {duration(seconds)}; what is finished already is not repeated")
    lines.append(f"Estimated disk: {disk / 1e6:.0f} MB; {free / 1e9:.0f} GB are free in {root}")
    return "\n".join(lines)


def plan(study: Study) -> Plan:
    """Time every part of the study and count how often a run needs it."""
    started_with = time.process_time()  # importing TensorFlow or JAX, above all
    began = time.perf_counter()
    read = read_images(study)
    splits = list(dict.fromkeys(trial.split for trial in study.trials()))
    prepared = split_by_role(study, read, splits[0])
    seconds = {"start": min(started_with, 60) + time.perf_counter() - began}
    study, chosen = precisions.chosen(study)
    generators = len(study.generator.seeds) * len(splits)
    parts = _classifiers(study, prepared, chosen)
    drawn = images_to_generate(study, prepared)
    text = []
    if drawn:
        seconds["generators"], said = _generators(study, prepared, generators)
        text.append(f"{said}; they draw {generators * drawn} images")
    seconds["classifiers"] = 60 * parts["min in all"].sum()
    trials = len(study.trials())
    bootstrap = trials * timing.time_tables(study, prepared)
    seconds["tables and report"] = bootstrap + timing.time_report(study)
    shown = ", ".join(f"{name} {duration(value)}" for name, value in seconds.items())
    lines = [
        *_heading(study, read, prepared, len(splits)),
        "",
        parts.to_string(index=False, float_format="{:.1f}".format),
        *text,
        f"In all {duration(sum(seconds.values()))}: {shown}",
    ]
    pixel_bytes = study.images.resolution**2 * study.images.channels
    disk = trials * len(prepared.test) * PREDICTION_BYTES + FIGURE_BYTES
    disk += (len(prepared.table()) + 3 * generators * drawn) * pixel_bytes
    disk += generators * GENERATOR_BYTES if drawn else 0
    return Plan(study, lines, sum(seconds.values()), disk)


def duration(seconds: float) -> str:
    """Seconds in words, with two digits or three."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.{int(seconds < 600)}f} min"
    return f"{seconds / 3600:.1f} h"


def nearest_folder(path: Path) -> Path:
    """The folder, or the nearest above it that is there already: it is on the same disk."""
    path = Path(path).absolute()
    return next(place for place in (path, *path.parents) if place.is_dir())


def images_to_generate(study: Study, prepared: DataSplit) -> int:
    """How many synthetic images each generator draws."""
    arms = study.parsed_arms()
    return sum(sum(synthetic_counts(prepared.fit, arms, kind).values()) for kind in (False, True))


def _heading(study: Study, read: LoadedImages, prepared: DataSplit, folds: int) -> list[str]:
    lines = [
        f"Study {study.name}: {len(study.trials())} trials of {len(study.arms)} arms, "
        f"{len(study.classifiers)} classifiers, {len(study.seeds)} seeds and "
        f"{len(study.generator.seeds)} generators",
        f"Images: {len(prepared.fit)} training, {len(prepared.validation)} validation, "
        f"{len(prepared.test)} test, {len(read.quarantine)} unreadable",
    ]
    if study.folds:
        lines.append(f"These are of one of {folds} folds; times are for all.")
    return lines


def _classifiers(study: Study, prepared: DataSplit, precision: dict[str, str]) -> pd.DataFrame:
    """One row per classifier: its trials, the steps and seconds of each, and minutes in all."""
    rows = []
    for classifier in Progress(study.classifiers, desc="timing the networks", leave=False):
        cost = timing.time_classifier(study, prepared, classifier, precision[classifier.name])
        trials = [trial for trial in study.trials() if trial.classifier is classifier]
        each = [cost.trial[trial.arm.augmentation] for trial in trials]
        whole = cost.start + len(study.seeds) * cost.seed + sum(each)
        rows.append(
            {
                "classifier": classifier.name,
                "trials": len(trials),
                "steps each": study.training_of(classifier).steps,
                "s to start": cost.start,
                "s each": np.mean(each),
                "min in all": whole / 60,
            }
        )
    return pd.DataFrame(rows)


def _generators(study: Study, prepared: DataSplit, count: int) -> tuple[float, str]:
    """Seconds of all generators with their images, and a line about them."""
    cost, recipe = timing.time_generator(study, prepared), study.generator_recipe()
    kinds = len({arm.filtered for arm in study.parsed_arms() if arm.synthetic})
    steps = 60 * recipe.minutes if recipe.minutes else recipe.steps() * cost.step
    shown = steps / cost.step * recipe.batch / 1000
    evaluations = max(1, round(shown / recipe.evaluate_kimg))
    each = cost.start + steps + evaluations * cost.evaluation
    said = (
        f"Generators: {count} of {shown:.3g} thousand images shown, {duration(each)} each, and "
        f"{duration(kinds * cost.drawing)} to draw and describe their images"
    )
    return count * (each + kinds * cost.drawing), said
