"""All trials of a study: the unfinished are run, the finished read."""

import json
from typing import NamedTuple

import pandas as pd

from experiments.design.study import Study
from experiments.running import status
from experiments.running.executors.jobs import Executor, Job, StudyContext
from experiments.running.trial import read_predictions, versions
from ufgen import provenance
from ufgen.progress import Progress, print_line

TRIAL_COLUMNS = ("arm", "classifier", "generator", "seed", "repeat", "fold")
COSTS = ("seconds", "cpu_seconds")


class FinishedTrials(NamedTuple):
    """The finished trials of a study.

    Attributes:
        metadata: One row per trial: its trial.json without the costs, and `trial`, its folder.
        predictions: One row per trial and test image: its predictions.csv, and `TRIAL_COLUMNS`.
        costs: `COSTS` of each trial.
    """

    metadata: pd.DataFrame
    predictions: pd.DataFrame
    costs: list[dict[str, float]]


def run_unfinished(
    executor: Executor, context: StudyContext, jobs: list[Job], retry_failed: bool
) -> None:
    """Run the trials of a study that have no result yet.

    Args:
        executor: Trains and evaluates.
        context: What the trials have in common.
        jobs: All trials of the study.
        retry_failed: Whether trials that failed are run again.
    """
    results = (status.FINISHED,) if retry_failed else (status.FINISHED, status.FAILED)
    waiting = [job for job in jobs if not any((job.folder / name).is_file() for name in results)]
    if len(waiting) < len(jobs):
        print_line(f"{len(jobs) - len(waiting)} of {len(jobs)} trials are already finished")
    mention_other_versions(waiting)
    steps = sum(context.study.training_of(job.trial.classifier).steps for job in waiting)
    with Progress(total=steps, unit="step", disable=not waiting) as bar:
        executor.run_trials(context, waiting, bar)


def mention_other_versions(waiting: list[Job]) -> None:
    """Print how many of the waiting trials were finished by another version.

    Args:
        waiting: Trials that have no result of this version.
    """
    folders = {job.folder.parent for job in waiting}
    files = [file for folder in folders for file in folder.glob(f"*/{status.FINISHED}")]
    unused = provenance.count_unused(files, {job.settings_hash for job in waiting}, versions())
    if unused:
        print_line(
            f"{unused} finished trials of these settings were made by another version of ufgen or "
            "of its libraries: they stay in trials/, unused, and are run again"
        )


def read_finished(study: Study, jobs: list[Job]) -> FinishedTrials:
    """Read the finished trials of the study's seeds.

    Args:
        study: Its seeds may be fewer than those of `jobs`.
        jobs: The trials, in the order of the tables.

    Returns:
        What the trials wrote.
    """
    rows, predictions, costs = [], [], []
    for job in jobs:
        file = job.folder / status.FINISHED
        metadata = json.loads(file.read_text()) if file.is_file() else {}
        if metadata.get("seed") not in study.seeds:
            continue
        costs.append({name: metadata.pop(name, 0.0) for name in COSTS})
        rows.append(metadata | {"trial": job.folder.name})
        trial = {name: metadata[name] for name in TRIAL_COLUMNS}
        predictions.append(read_predictions(job.folder).assign(**trial))
    return FinishedTrials(pd.DataFrame(rows), pd.concat(predictions, ignore_index=True), costs)
