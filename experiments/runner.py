"""Runs a study in four stages: prepare, train, analyse, report. Its folder is the only state."""

import json
import time
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import yaml
from filelock import FileLock, Timeout

from experiments.analysis import results
from experiments.analysis.image_checks import check_audit, check_images, check_trials
from experiments.declaration import declared, interim, looks, record
from experiments.design.arms import compose_training_set
from experiments.design.study import Study
from experiments.design.trials import SplitKey, Trial
from experiments.reporting import changed_predictions, report
from experiments.running import cost, status, study_precision
from experiments.running.data_split import DataSplit, images_table, read_images, split_by_role
from experiments.running.executors.jobs import Executor, Job, StudyContext
from experiments.running.executors.local import LocalExecutor
from experiments.running.prepared_study import PreparedStudy
from experiments.running.synthetic_images import SyntheticSets, describe_sets, prepare_synthetic
from experiments.running.trial import settings_hash, trial_folder
from ufgen import environment
from ufgen.atomic import write_text
from ufgen.errors import UserError
from ufgen.images.image_set import ImageSet
from ufgen.images.pixel_store import merge_stores


class Analysis(NamedTuple):
    """What the report takes beside the tables in the study's folder.

    Attributes:
        predictions: One row per finished trial and test image.
        strongest: The arm whose changed predictions are shown, if any.
        costs: Seconds of each finished trial.
    """

    predictions: pd.DataFrame
    strongest: str | None
    costs: list[dict[str, float]]


def run(
    study: Study,
    root: Path,
    command: str,
    retry_failed: bool = False,
    executor: Executor | None = None,
) -> Path:
    """Run a study in `root/<name>/`.

    Every stage reuses what is there: a generator or a trial that was finished for exactly these
    images and settings is not trained again. A trial that fails is recorded, and its seed left out
    of the comparison.

    Args:
        study: What is compared.
        root: The folder of all studies, and of their `generators/`.
        command: What the report names to run the study again.
        retry_failed: Whether trials that failed are run again.
        executor: Trains; by default this machine, one trial after the other.

    Returns:
        The path of the report.

    Raises:
        UserError: Images, weights or generators cannot be used, every seed has a failed trial, or
            another process runs the study.
    """
    folder, started = Path(root) / study.name, time.time()
    executor = executor or LocalExecutor()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            prepared = prepare(study, folder, Path(root) / "generators", executor)
            train(prepared, folder, command, executor, retry_failed)
            analysis = analyse(prepared, folder, command)
            return write_report(prepared, analysis, folder, command, executor, started)
    except Timeout:
        raise UserError(
            f"another ufgen is running the study {study.name} in {folder}: wait for it (ufgen "
            "experiment --status shows how far it is), or give this one another name"
        ) from None


def prepare(
    study: Study,
    folder: Path,
    generators: Path,
    executor: Executor,
    keys: list[SplitKey] | None = None,
) -> PreparedStudy:
    """Read and split the images, train the generators, and list the trials.

    Writes precision.json, synthetic/, trials.csv and, before anything is trained, declared.yaml (or
    changes.jsonl); generators go into a folder of their own.

    Args:
        study: What is compared.
        folder: The study's folder.
        generators: The folder of the generators.
        executor: Trains the generators.
        keys: The splits whose trials are wanted; by default all.

    Returns:
        The images and the trials.

    Raises:
        UserError: Images or weights cannot be used, or a generator has seen a held-out image.
    """
    as_written = study
    study, chosen = study_precision.resolve_and_store(study, folder)
    loaded = read_images(study)
    data_splits = {key: split_by_role(study, loaded, key) for key in keys or study.splits()}
    declared.declare(folder, as_written, loaded.images)
    executor.train_generators(study, list(data_splits.values()), generators)
    synthetic = {
        key: prepare_synthetic(study, data_split, folder, generators)
        for key, data_split in data_splits.items()
    }
    stores = [images.store for sets in synthetic.values() for images in sets.values()]
    jobs = []
    for trial in (trial for trial in study.trials() if trial.split in data_splits):
        data_split = data_splits[trial.split]
        training_set = _training_set(trial, data_split, synthetic[trial.split])
        precision = chosen[trial.classifier.name]
        settings = settings_hash(study, data_split, trial, training_set, precision)
        jobs.append(Job(trial, training_set, trial_folder(folder, trial, settings), settings))
    status.write(folder, [(job.trial, job.folder) for job in jobs])
    store = merge_stores([loaded.store, *stores])
    context = StudyContext(study, data_splits, store, chosen)
    return PreparedStudy(loaded, context, jobs, describe_sets(study, synthetic))


def _training_set(trial: Trial, data_split: DataSplit, sets: SyntheticSets) -> ImageSet:
    arm, synthetic = trial.arm, None
    if arm.synthetic:
        assert trial.generator is not None
        synthetic = sets[trial.generator, arm.filtered].images
    return compose_training_set(data_split.fit, synthetic, arm, trial.seed, data_split.pool)


def train(
    prepared: PreparedStudy, folder: Path, command: str, executor: Executor, retry_failed: bool
) -> None:
    """Train and evaluate every trial that has no result yet, look by look.

    Writes trials/, and where the study has several looks verdicts.jsonl and trials.csv, without the
    trials that are not needed.

    Args:
        prepared: The trials and their images.
        folder: The study's folder.
        command: What warnings name to run the study again.
        executor: Trains.
        retry_failed: Whether trials that failed are run again.
    """
    interim.run_by_looks(prepared, folder, command, executor, retry_failed)


def analyse(prepared: PreparedStudy, folder: Path, command: str) -> Analysis:
    """Turn finished trials into the study's tables and its verdict.

    Writes study.yaml, verdict.json, verdicts.jsonl, and every table but trials.csv and those of the
    report.

    Args:
        prepared: The trials and their images.
        folder: The study's folder.
        command: What warnings name to run the study again.

    Returns:
        What the report takes beside the tables.

    Raises:
        UserError: Every seed has a failed trial, or arms did not have the same budget.
    """
    loaded, declared_study, so_far = prepared.loaded, prepared.context.study, record.read(folder)
    planned = looks.plan(declared_study, so_far)
    found = interim.look_at(prepared, folder, command, planned)
    looked, finished = found.looked, found.finished
    checks = check_images(loaded.images, loaded.quarantine) + check_trials(found.failures)
    conclusion = results.write(
        folder,
        looked.study,
        finished.metadata,
        finished.predictions,
        found.scores,
        looked.comparison(1 - declared_study.confidence),
        found.sets,
        [*checks, *check_audit(folder), so_far.check()],
        loaded.source_word,
    )
    write_text(folder / "verdict.json", json.dumps(conclusion, indent=1))
    words = looked.verdicts()
    looks.log_verdict(folder, declared_study, looked.look, so_far, conclusion["headline"], words)
    results.write_csv(
        folder,
        images=images_table(declared_study, loaded, prepared.context.data_splits),
        quarantine=loaded.images.relative(loaded.quarantine),
        synthetic=found.sets,
    )
    resolved = looked.study.model_dump()
    resolved["images"]["positive"] = loaded.images.positive
    write_text(folder / "study.yaml", yaml.safe_dump(resolved, sort_keys=False))
    return Analysis(finished.predictions, conclusion["strongest"], finished.costs)


def write_report(
    prepared: PreparedStudy,
    analysis: Analysis,
    folder: Path,
    command: str,
    executor: Executor,
    started: float,
) -> Path:
    """Show the tables of a study, and describe the machine that it ran on.

    Writes environment.json, changed.csv, figures/, and the files of `reporting.report`.

    Args:
        prepared: The images that are shown.
        analysis: The predictions, and the costs of training.
        folder: The study's folder.
        command: What the report names to run the study again.
        executor: Where it was trained.
        started: When this run began: seconds since the epoch.

    Returns:
        The path of the report.
    """
    if analysis.strongest:
        folders = [job.folder for job in prepared.jobs]
        changed_predictions.write(
            folder, analysis.strongest, analysis.predictions, folders, prepared.loaded.pixels_of
        )
    sets = [metadata["folder"] for metadata in prepared.synthetic_sets]
    metadata = environment.describe()
    metadata |= cost.describe(analysis.costs, cost.of_generators(folder, sets))
    metadata |= {
        "precision": study_precision.text(prepared.context.precisions),
        "executor": executor.description,
        "started": datetime.fromtimestamp(started).isoformat(timespec="seconds"),
        "seconds of the last run": f"{time.time() - started:.0f}",
    }
    write_text(folder / "environment.json", json.dumps(metadata, indent=1))
    return report.write(folder, command)
