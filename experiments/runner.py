"""Runs what is not done yet: a study's folder is the only state."""

import json
import time
from datetime import datetime
from pathlib import Path

import pandas as pd
import yaml
from filelock import FileLock, Timeout

from experiments.analysis import results
from experiments.analysis.image_checks import check_images, check_trials
from experiments.design.arms import mix
from experiments.design.study import Study, Trial
from experiments.reporting import changed_predictions, report
from experiments.running import cost, precisions, status, synthetic_record
from experiments.running.data_split import (
    DataSplit,
    divide,
    images_table,
    read_images,
)
from experiments.running.jobs import Executor, Job, StudyContext
from experiments.running.local_executor import Local
from experiments.running.synthetic_images import prepare_synthetic
from experiments.running.trial import made_by, read_predictions, trial_folder, trial_settings
from ufgen import environment, provenance
from ufgen.atomic import write_text
from ufgen.errors import UserError
from ufgen.images.image_set import ImageSet
from ufgen.images.pixel_store import merge_stores
from ufgen.progress import Progress, say


def run(
    study: Study,
    root: Path,
    command: str,
    retry_failed: bool = False,
    executor: Executor | None = None,
) -> Path:
    """Run a study in `root/<name>/` and return the path of its report.

    Every stage is looked up first: a generator or a trial that was finished for exactly these
    images and settings is not trained again. A trial that fails is recorded, and its seed left out
    of the comparison; with `retry_failed` it is run again. The `executor` trains; by default this
    process. `command` is what the report names as its own rerun. Raises UserError, also while
    another process runs the study.
    """
    folder = Path(root) / study.name
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            where = Path(root) / "generators", executor or Local()
            return _run(study, folder, *where, command, retry_failed)
    except Timeout:
        raise UserError(
            f"another ufgen is running the study {study.name} in {folder}: wait for it (ufgen "
            "experiment --status shows how far it is), or give this one another name"
        ) from None


def _run(study, folder: Path, generators: Path, executor: Executor, command, retry_failed) -> Path:
    started = time.time()
    study, chosen = precisions.settle(study, folder)
    read = read_images(study)
    prepared = {split: divide(study, read, split) for split in _splits(study)}
    executor.train_generators(study, list(prepared.values()), generators)
    synthetic = {
        split: prepare_synthetic(study, divided, folder, generators)
        for split, divided in prepared.items()
    }
    stores = [pixels for found in synthetic.values() for _, pixels in found.values()]
    store = merge_stores([read.store, *stores])
    jobs = []
    for trial in study.trials():
        divided = prepared[trial.split]
        training_set = _training_set(trial, divided, synthetic[trial.split])
        by = chosen[trial.classifier.name]
        settings = trial_settings(study, divided, trial, training_set, by)
        jobs.append(Job(trial, training_set, trial_folder(folder, trial, settings), settings))
    status.write(folder, [(job.trial, job.place) for job in jobs])
    _run_trials(executor, StudyContext(study, prepared, store, chosen), jobs, retry_failed)
    whole, warnings = status.without_failed(study, folder, command)
    places = [job.place for job in jobs]
    about, made, costs = _collect(whole, places)
    sets = _sets(synthetic)
    drawn_sets = synthetic_record.table(sets, folder)
    own = check_images(read.images, read.quarantine) + check_trials(warnings)
    found = results.write(folder, whole, about, made, drawn_sets, own, read.real)
    if found["strongest"]:
        real = read.images.relative().set_index("path")

        def pixels_of(paths: list[str]):
            rows = real.index.get_indexer(paths)
            return read.store.take(read.images.select(rows))

        changed_predictions.write(folder, found["strongest"], made, places, pixels_of)
    write_text(folder / "verdict.json", json.dumps(found, indent=1))
    results.write_csv(
        folder,
        images=images_table(study, read, prepared),
        quarantine=read.images.relative(read.quarantine),
        synthetic=drawn_sets,
    )
    resolved = whole.model_dump()
    resolved["images"]["positive"] = read.images.positive
    write_text(folder / "study.yaml", yaml.safe_dump(resolved, sort_keys=False))
    spent = cost.describe(costs, _generator_seconds(folder, sets))
    about = (
        environment.describe()
        | spent
        | {
            "precision": precisions.text(chosen),
            "executor": executor.description,
            "started": datetime.fromtimestamp(started).isoformat(timespec="seconds"),
            "seconds of the last run": f"{time.time() - started:.0f}",
        }
    )
    write_text(folder / "environment.json", json.dumps(about, indent=1))
    return report.write(folder, command)


def _splits(study: Study) -> list[tuple[int, int] | None]:
    return list(dict.fromkeys(trial.split for trial in study.trials()))


def _training_set(trial: Trial, prepared: DataSplit, synthetic: dict) -> ImageSet:
    arm = trial.arm
    drawn = synthetic[trial.generator, arm.filtered][0] if arm.synthetic else None
    return mix(prepared.fit, drawn, arm, trial.seed, prepared.pool)


def _run_trials(
    executor: Executor, shared: StudyContext, jobs: list[Job], retry_failed: bool
) -> None:
    over = ("trial.json",) if retry_failed else ("trial.json", status.FAILED)
    waiting = [job for job in jobs if not any((job.place / name).is_file() for name in over)]
    if len(waiting) < len(jobs):
        say(f"{len(jobs) - len(waiting)} of {len(jobs)} trials are already finished")
    _mention_other_versions(waiting)
    steps = sum(shared.study.training_of(job.trial.classifier).steps for job in waiting)
    with Progress(total=steps, unit="step", disable=not waiting) as bar:
        executor.run_trials(shared, waiting, bar)


def _mention_other_versions(waiting: list[Job]) -> None:
    """Say how many of the trials that wait were finished by another version."""
    folders = {job.place.parent for job in waiting}
    files = [file for folder in folders for file in folder.glob("*/trial.json")]
    unused = provenance.count_unused(files, {job.settings for job in waiting}, made_by())
    if unused:
        say(
            f"{unused} finished trials of these settings were made by another version of ufgen or "
            "of its libraries: they stay in trials/, unused, and are run again"
        )


def _sets(synthetic: dict) -> list[dict]:
    """Every set of synthetic images: its folder's name, and what it was drawn for."""
    return [
        {
            "folder": Path(images.table["path"].iloc[0]).parents[1].name,
            "generator": generator,
            "filtered": filtered,
            "split": "" if split is None else f"seed {split[0]}, fold {split[1] + 1}",
        }
        for split, found in synthetic.items()
        for (generator, filtered), (images, _) in found.items()
    ]


def _generator_seconds(folder: Path, sets: list[dict]) -> list[float]:
    """What each generator took to train; several sets may come from one."""
    found = {}
    for name in (about["folder"] for about in sets):
        made = folder / "synthetic" / name / "generator" / "complete.json"
        found[name.rsplit("-", 1)[0]] = float(json.loads(made.read_text())["seconds"])
    return list(found.values())


def _collect(study: Study, places: list[Path]) -> tuple[pd.DataFrame, pd.DataFrame, list[dict]]:
    """The finished trials of the study's seeds, their predictions, and what they cost."""
    about, made, costs = [], [], []
    for place in places:
        file = place / "trial.json"
        found = json.loads(file.read_text()) if file.is_file() else {}
        if found.get("seed") not in study.seeds:
            continue
        costs.append({name: found.pop(name, 0.0) for name in ("seconds", "cpu_seconds")})
        about.append(found | {"trial": place.name})
        names = {name: found[name] for name in (*results.TRIAL, "fold")}
        made.append(read_predictions(place).assign(**names))
    return pd.DataFrame(about), pd.concat(made, ignore_index=True), costs
