"""What a study will cost, measured on this machine before it runs."""

import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from classifiers.training import Classifier
from experiments import power
from experiments.arms import synthetic_counts
from experiments.preparation import Prepared, divide, read_images
from experiments.study import Study
from ufgen.progress import Progress

MEASURED_STEPS = 3
WEIGHTS_FILE_BYTES = 40_000_000


def write_plan(study: Study, root: Path, effect: float | None = None) -> str:
    """The trials of a study with the estimated time of each, and the disk it needs: text.

    If `root` holds a finished run of it, that is the pilot that says how many trainings the wanted
    `effect` (the study's margin) would need.

    Each network and the generator are timed for a few real optimiser steps on these images. What
    is finished already is not taken off. Nothing is written under `root`.
    """
    read = read_images(study)
    splits = {trial.split for trial in study.trials()}
    prepared = divide(study, read, min(splits) if study.folds else None)
    lines = [
        f"Study {study.name}: {len(study.trials())} trials of {len(study.arms)} arms, "
        f"{len(study.classifiers)} classifiers, {len(study.seeds)} seeds and "
        f"{len(study.generator.seeds)} generators",
        f"Images: {len(prepared.fit)} training, {len(prepared.validation)} validation, "
        f"{len(prepared.test)} test, {len(read.quarantine)} unreadable",
        *([f"These are of one of {len(splits)} folds; times are for all."] if study.folds else []),
        "",
    ]
    rows, total = [], 0.0
    for classifier in Progress(study.classifiers, desc="timing the networks", leave=False):
        start_up, seconds = _time_classifier(study, prepared, classifier)
        options = study.training_of(classifier)
        trials = sum(trial.classifier is classifier for trial in study.trials())
        total += start_up + trials * seconds
        rows.append(
            {
                "classifier": classifier.name,
                "trials": trials,
                "steps each": options.steps,
                "s each": f"{seconds:.1f}",
                "min in all": f"{(start_up + trials * seconds) / 60:.1f}",
            }
        )
    lines += [pd.DataFrame(rows).to_string(index=False), ""]
    arms = study.parsed_arms()
    drawn = sum(sum(synthetic_counts(prepared.fit, arms, kind).values()) for kind in (False, True))
    if drawn:
        seconds, kimg = _time_generator(study, prepared)
        generators = len(study.generator.seeds) * len(splits)
        total, drawn = total + generators * seconds, generators * drawn
        lines.append(
            f"Generators: {generators}, of {kimg:g} thousand images, {seconds / 60:.1f} min each; "
            f"they draw {drawn} images"
        )
    predictions = len(study.trials()) * len(prepared.test) * 400
    pixel_bytes = study.images.resolution**2 * study.images.channels
    cached = (len(prepared.table()) + 2 * drawn) * pixel_bytes
    disk = predictions + cached + (WEIGHTS_FILE_BYTES if drawn else 0)
    lines.append(f"Estimated time: {total / 60:.0f} min, of which finished parts are skipped")
    free = shutil.disk_usage(Path(root).absolute().anchor).free
    lines.append(f"Estimated disk: {disk / 1e6:.0f} MB ({free / 1e9:.0f} GB free)")
    names = [f"  {trial.title}" for trial in study.trials()]
    lines += ["", "Trials:", *names]
    pilot = Path(root) / study.name / "deltas.csv"
    if pilot.is_file():
        lines += ["", power.describe(study, pd.read_csv(pilot), effect or study.margin)]
    return "\n".join(lines)


def _time_classifier(study: Study, prepared: Prepared, classifier) -> tuple[float, float]:
    """Seconds to start (build, compile, features of a frozen backbone), and for a trial."""
    options, training = study.images, study.training_of(classifier)
    started = time.perf_counter()
    network = Classifier(classifier.name, options.resolution, options.channels, classifier.weights)
    steps = {
        trained: count * network.seconds_per_step(training.batch, MEASURED_STEPS, trained)
        for trained, count in training.phases()
    }
    images = prepared.store.take(prepared.fit.select(np.arange(len(prepared.fit)) < 64))
    network.predict(images)
    ready = time.perf_counter()
    network.predict(images)
    per_image = (time.perf_counter() - ready) / max(1, len(images))
    start_up, seconds = ready - started, sum(steps.values())
    if "head" in steps:
        views = 1 + training.views * any(arm.augmentation != "none" for arm in study.parsed_arms())
        start_up += per_image * views * len(prepared.table())
    if set(steps) != {"head"}:
        judged = training.evaluations * len(prepared.validation) + len(prepared.test)
        seconds += per_image * judged
    return start_up, seconds


def _time_generator(study: Study, prepared: Prepared) -> tuple[float, float]:
    """Seconds that the generator's training will take, and its budget in thousands of images."""
    from experiments.preparation import generator_recipe
    from ufgen.gan.trainer import train_generator

    recipe = generator_recipe(study)
    pixels = prepared.store.take(prepared.fit)
    seconds = []
    for programs in (1, 1 + MEASURED_STEPS):
        kimg = programs * recipe.steps_per_call * recipe.batch / 1000
        short = generator_recipe(study, kimg=kimg, minutes=0)
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            train_generator(prepared.fit, pixels, short, Path(folder), progress=False)
            seconds.append(time.perf_counter() - started)
    if recipe.minutes:
        return seconds[0] + 60 * recipe.minutes, recipe.kimg
    per_step = max(0.0, seconds[1] - seconds[0]) / (MEASURED_STEPS * recipe.steps_per_call)
    return seconds[0] + per_step * recipe.steps(), recipe.kimg
