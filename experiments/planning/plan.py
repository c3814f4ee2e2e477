"""The cost of a study, measured on this machine before it runs."""

import math
import shutil
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from experiments.analysis.equivalent_real_images import identifiable
from experiments.analysis.finished_study import read_pilot
from experiments.design.arms import synthetic_counts
from experiments.design.study import ClassifierOptions, Study
from experiments.planning import generator_timing, power, timing
from experiments.running import study_precision
from experiments.running.data_split import DataSplit, LoadedImages, read_images, split_by_role
from experiments.running.executors import worker_count
from experiments.running.executors.worker import Worker
from ufgen.display.figure_style import counted
from ufgen.progress import Progress

PREDICTION_BYTES = 400
GENERATOR_BYTES = 40_000_000
FIGURE_BYTES = 5_000_000
SLOW_START = 600
"""Optimiser steps that networks from random weights need at least (docs/benchmarks.md)."""


class Plan(NamedTuple):
    """The estimated cost of one study.

    Attributes:
        study: The study, with the precision that it will be run in.
        lines: Lines of text.
        seconds: Estimated time.
        disk: Estimated disk space in bytes.
    """

    study: Study
    lines: list[str]
    seconds: float
    disk: float


def write_plan(
    studies: list[Study],
    root: Path,
    effect: float | None = None,
    listed: bool = False,
    workers: int | None = None,
) -> str:
    """Estimate the time and disk space of studies.

    Each network and the generator are timed for a few optimiser steps on the study's images. What
    is finished already is not subtracted. Nothing is written under `root`. A finished run of a
    study in `root` is the pilot of a power analysis.

    Args:
        studies: The studies.
        root: Folder of all studies' folders.
        effect: Change of the primary metric to be detected; None for the study's margin.
        listed: Whether to name every trial.
        workers: Generators or trials that are to be trained side by side; by default by a rule.

    Returns:
        Text, with the totals last.

    Raises:
        UserError: If the images cannot be used, or a finished run was written by an older version.
    """
    pilots = [read_pilot(Path(root) / one.name, one.primary_metric) for one in studies]
    lines, plans = [], []
    for study, pilot in zip(studies, pilots, strict=True):
        plans.append(plan(study, workers))
        lines += [*plans[-1].lines, ""]
        if listed:
            lines += ["Trials:", *(f"  {trial.title}" for trial in study.trials()), ""]
        if pilot is not None:
            lines += [power.describe(study, pilot, effect or study.margin), ""]
    seconds, disk = (sum(getattr(one, name) for one in plans) for name in ("seconds", "disk"))
    free = shutil.disk_usage(nearest_folder(root)).free
    lines.append(f"Estimated time: {duration(seconds)}; what is finished already is not repeated")
    lines.append(f"Estimated disk: {disk / 1e6:.0f} MB; {free / 1e9:.0f} GB are free in {root}")
    return "\n".join(lines)


def plan(study: Study, workers: int | None = None) -> Plan:
    """Time every part of a study, and count how often a run needs it.

    Args:
        study: The study.
        workers: Generators or trials that are to be trained side by side.

    Returns:
        The estimate.
    """
    started_with = time.process_time()  # importing TensorFlow or JAX, above all
    began = time.perf_counter()
    loaded = read_images(study)
    splits = study.splits()
    data = split_by_role(study, loaded, splits[0])
    seconds = {"start": min(started_with, 60) + time.perf_counter() - began}
    study, chosen = study_precision.resolve(study)
    generators = len(study.generator.seeds) * len(splits)
    classifiers, count = _classifiers(study, data, chosen, workers)
    generated = images_to_generate(study, data)
    text = []
    if generated:
        seconds["generators"], line = _generators(study, data, generators, workers)
        text.append(f"{line}; they generate {generators * generated} images")
    seconds["classifiers"] = 60 * classifiers["min in all"].sum()
    if count:
        seconds["classifiers"] += worker_count.START_SECONDS
        text.append(f"Worker processes, which train trials side by side: {count}")
    trials = len(study.trials())
    bootstrap = trials * timing.time_bootstrap(study, data)
    seconds["tables and report"] = bootstrap + timing.time_report(study)
    parts = ", ".join(f"{name} {duration(value)}" for name, value in seconds.items())
    lines = [
        *_heading(study, loaded, data),
        "",
        classifiers.to_string(index=False, float_format="{:.1f}".format),
        *text,
        f"In all {duration(sum(seconds.values()))}: {parts}",
    ]
    pixel_bytes = study.images.resolution**2 * study.images.channels
    disk = trials * len(data.test) * PREDICTION_BYTES + FIGURE_BYTES
    disk += (len(data.table()) + 3 * generators * generated) * pixel_bytes
    disk += generators * GENERATOR_BYTES if generated else 0
    return Plan(study, lines, sum(seconds.values()), disk)


def duration(seconds: float) -> str:
    """Format a duration with two or three digits.

    Args:
        seconds: The duration.

    Returns:
        The text, in seconds, minutes or hours.

    Example:
        >>> duration(7.4), duration(250), duration(9000)
        ('7 s', '4.2 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.{int(seconds < 600)}f} min"
    return f"{seconds / 3600:.1f} h"


def nearest_folder(path: Path) -> Path:
    """Find the nearest folder that exists, which is on the same disk.

    Args:
        path: A folder that may not exist yet.

    Returns:
        The folder, or the nearest above it that exists.
    """
    path = Path(path).absolute()
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def images_to_generate(study: Study, data: DataSplit) -> int:
    """Count the synthetic images that each generator has to generate.

    Args:
        study: The study.
        data: One division of its images.

    Returns:
        The number of all classes together, filtered or not.
    """
    arms = study.parsed_arms()
    return sum(sum(synthetic_counts(data.fit, arms, kind).values()) for kind in (False, True))


def _heading(study: Study, loaded: LoadedImages, data: DataSplit) -> list[str]:
    splits = len(study.splits())
    each = "" if splits == 1 else f" in each of {splits} {study.split_word()}"
    lines = [
        f"Study {study.name}: {len(study.trials())} trials of {len(study.arms)} arms, "
        f"{counted(len(study.classifiers), 'classifier')}, {counted(len(study.seeds), 'seed')} and "
        f"{counted(len(study.generator.seeds), 'generator')}{each}",
        f"Images: {len(data.fit)} training, {len(data.validation)} validation, "
        f"{len(data.test)} test, {len(loaded.quarantine)} unreadable",
    ]
    if splits > 1:
        lines.append(f"These are of one of {splits} {study.split_word()}; times are for all.")
    if study.looks:
        lines.append(
            f"Looks at {', '.join(map(str, study.looks))} seeds: trials and times are the worst "
            "case; arms are stopped, and the study may end, as soon as verdicts are in."
        )
    lines += [line for line in [identifiable(study, len(data.fit))] if line]
    return lines + _too_few_steps(study)


def _too_few_steps(study: Study) -> list[str]:
    """A line for each network that will hardly learn anything in the time that it is given."""
    short = {
        classifier.name: study.training_of(classifier).steps
        for classifier in study.classifiers
        if classifier.weights == "none" and study.training_of(classifier).steps < SLOW_START
    }
    return [
        f"{name} starts from random weights and has {steps} steps: it will learn little from real "
        f"images. Expected are weights, or {SLOW_START} steps and more; with 1,200 a small network "
        "reached a ROC AUC of 0.80 with 387 images, 0.74 with 39"
        for name, steps in short.items()
    ]


def _classifiers(
    study: Study, data: DataSplit, precision: dict[str, str], workers: int | None
) -> tuple[pd.DataFrame, int]:
    """One row per classifier: its trials, the steps and seconds of each, and minutes in all.

    And the number of worker processes; 0 for this process alone.
    """
    stays = worker_count.may_stay(study, study.trials())
    count = worker_count.choose(study, study.trials(), workers)
    rows, left = [], 0.0
    for classifier in Progress(study.classifiers, desc="timing the networks", leave=False):
        parts = study, data, classifier, precision[classifier.name]
        cost = timing.time_classifier(*parts) if stays else _time_in_worker(*parts)
        trials = [trial for trial in study.trials() if trial.classifier is classifier]
        seconds = [cost.trial[trial.arm.augmentation] for trial in trials]
        left += len(study.seeds) * cost.seed + sum(seconds)
        rows.append(
            {
                "classifier": classifier.name,
                "trials": len(trials),
                "steps each": study.training_of(classifier).steps,
                "s to start": cost.start,
                "s each": np.mean(seconds),
                "min in all": len(study.seeds) * cost.seed + sum(seconds),
            }
        )
    table = pd.DataFrame(rows)
    if stays and not (workers or worker_count.pays(table["s to start"].max(), left, count)):
        count = 1
    table["min in all"] = (table["s to start"] + table["min in all"] / count) / 60
    return table, 0 if stays and count == 1 else count


def _time_in_worker(
    study: Study, data: DataSplit, classifier: ClassifierOptions, precision: str
) -> timing.ClassifierCost:
    worker = Worker()
    try:
        return worker.run(timing.time_classifier, study, data, classifier, precision)
    finally:
        worker.end()


def _generators(
    study: Study, data: DataSplit, count: int, workers: int | None
) -> tuple[float, str]:
    """Seconds of all generators with their images, and a line of text."""
    cost = generator_timing.measure(study, data, count, workers)
    recipe = study.generator_recipe()
    kinds = len({arm.filtered for arm in study.parsed_arms() if arm.synthetic})
    training, generation = cost.training(recipe), kinds * cost.generation
    budget = f"{recipe.minutes:g} min" if recipe.minutes else f"{recipe.kimg:g} thousand images"
    beside = "" if cost.beside == 1 else f", {cost.beside} side by side"
    line = (
        f"Generators: {count} of {budget}, {duration(training)} each{beside}, and "
        f"{duration(generation)} to generate and evaluate their images"
    )
    return math.ceil(count / cost.beside) * training + count * generation, line
