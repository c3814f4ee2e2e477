"""Generators and trials one after the other, in this process."""

from pathlib import Path

from experiments.design.study import Study
from experiments.running.data_split import DataSplit
from experiments.running.executors.jobs import (
    Job,
    StudyContext,
    attempt,
    forget_network,
    mention_failure,
)
from ufgen.progress import Progress


class LocalExecutor:
    """Runs one trial after the other; a compiled network serves all of its trials."""

    description = "local"

    def train_generators(self, study: Study, data_splits: list[DataSplit], root: Path) -> None:
        """Do nothing: each generator is trained when images are first sampled from it.

        Args:
            study: Not used.
            data_splits: Not used.
            root: Not used.
        """

    def run_trials(self, context: StudyContext, jobs: list[Job], bar: Progress) -> None:
        """Train and evaluate all, in their order.

        Args:
            context: What the trials have in common.
            jobs: The trials.
            bar: Updated at each optimiser step.
        """
        for number, (trial, training_set, folder, _) in enumerate(jobs, 1):
            bar.set_description(f"trial {number}/{len(jobs)}: {trial.title}")
            precision = context.precisions[trial.classifier.name]
            images = context.data_splits[trial.split], context.store, training_set
            attempt(context.study, trial, *images, precision, folder, bar.update)
            mention_failure(trial, folder)
        forget_network()
