"""Training by looks: after each, what has a verdict is stopped, and its time goes to the others."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from experiments.analysis import verdict
from experiments.analysis.checks import StudyTables, unlike_real
from experiments.analysis.scores import Scores, evaluate_trials
from experiments.declaration import looks, record
from experiments.declaration.looks import Look
from experiments.declaration.stopping import DECIDED, Looked, take_looks
from experiments.running import status, study_trials, synthetic_record
from experiments.running.executors.jobs import Executor
from experiments.running.prepared_study import PreparedStudy
from experiments.running.study_trials import FinishedTrials
from ufgen.progress import print_line


class Found(NamedTuple):
    """What the finished trials of a study say by now.

    Attributes:
        finished: The trials.
        sets: One row for each set of synthetic images.
        scores: Scores of the trials.
        looked: What the looks at them found.
        failures: Sentences that name the trials that failed.
    """

    finished: FinishedTrials
    sets: pd.DataFrame
    scores: Scores
    looked: Looked
    failures: list[str]


def look_at(prepared: PreparedStudy, folder: Path, command: str, planned: list[Look]) -> Found:
    """Analyse the finished trials of a study.

    Args:
        prepared: The study; the trials that the looks need are finished, or failed.
        folder: Its folder.
        command: What warnings name to run the study again.
        planned: The looks that can be taken by now.

    Returns:
        What was found.

    Raises:
        UserError: Every seed has a failed trial.
    """
    study = prepared.context.study
    complete, failures = status.without_failed(study, folder, command)
    finished = study_trials.read_finished(complete, prepared.jobs)
    sets = synthetic_record.table(prepared.synthetic_sets, folder)
    scores = evaluate_trials(complete, finished.predictions)
    looked = take_looks(study, complete.seeds, scores, planned, bool(unlike_real(sets)))
    return Found(finished, sets, scores, looked, failures)


def run_by_looks(
    prepared: PreparedStudy, folder: Path, command: str, executor: Executor, retry_failed: bool
) -> None:
    """Train what each look needs, and log and print every look but the last.

    Args:
        prepared: The trials and their images.
        folder: The study's folder.
        command: What warnings name to run the study again.
        executor: Trains.
        retry_failed: Whether trials that failed are run again.
    """
    study, jobs = prepared.context.study, prepared.jobs
    planned, needed = looks.plan(study, record.read(folder)), study.arms
    listed = []
    for number, look in enumerate(planned, 1):
        seeds = study.seeds[planned[number - 2].seeds if number > 1 else 0 : look.seeds]
        new = [job for job in jobs if job.trial.seed in seeds and job.trial.arm.name in needed]
        listed += new
        study_trials.run_unfinished(executor, prepared.context, new, retry_failed)
        if number < len(planned):
            looked = look_at(prepared, folder, command, planned[:number]).looked
            _tell(prepared, folder, looked)
            needed = looked.needed
            later = {*study.seeds[look.seeds :]} if needed else set()
            rest = [job for job in jobs if job.trial.seed in later and job.trial.arm.name in needed]
            status.write(folder, [(job.trial, job.folder) for job in [*listed, *rest]])
            if not needed:
                break


def _tell(prepared: PreparedStudy, folder: Path, looked: Looked) -> None:
    """Print what an interim look found, and append it to the verdicts."""
    study, words = prepared.context.study, looked.verdicts()
    sets = synthetic_record.table(prepared.synthetic_sets, folder)
    trials = pd.DataFrame()
    tables = StudyTables(
        looked.deltas, looked.headline, trials, trials, sets, prepared.loaded.source_word
    )
    sentence = verdict.conclude(looked.study, tables, [])["headline"]
    looks.log_verdict(folder, study, looked.look, record.read(folder), sentence, words)
    print_line(f"{looked.look.describe(1 - study.confidence)} {sentence}")
    stopped = [f"{arm} ({word})" for arm, word in words.items() if word in DECIDED]
    if not looked.needed:
        print_line("All verdicts are in: the study ends here.")
    elif stopped:
        print_line(f"Verdicts that are in: {', '.join(stopped)}; other arms go on.")
