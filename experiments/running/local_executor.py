"""Trainings one after the other, in this process."""

from pathlib import Path

from experiments.design.study import Study
from experiments.running.data_split import DataSplit
from experiments.running.jobs import Job, StudyContext, attempt, forget_network, mention_failure
from ufgen.progress import Progress


class Local:
    """One after the other, in this process: a compiled network serves all of its trials."""

    description = "local"

    def train_generators(self, study: Study, prepared: list[DataSplit], root: Path) -> None:
        """Nothing: each is trained when images are first drawn from it."""

    def run_trials(self, shared: StudyContext, jobs: list[Job], bar: Progress) -> None:
        """Train and evaluate all, in their order."""
        for number, (trial, training_set, place, _) in enumerate(jobs, 1):
            bar.set_description(f"trial {number}/{len(jobs)}: {trial.title}")
            precision = shared.precisions[trial.classifier.name]
            images = shared.prepared[trial.split], shared.store, training_set
            attempt(shared.study, trial, *images, precision, place, bar.update)
            mention_failure(trial, place)
        forget_network()
