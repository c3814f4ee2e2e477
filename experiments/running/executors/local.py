"""Generators and trials on this machine: in this process, or in worker processes."""

import time
from pathlib import Path

from experiments.design.study import Study
from experiments.running.data_split import DataSplit
from experiments.running.executors import side_by_side, threads, worker_count
from experiments.running.executors.jobs import (
    Job,
    StudyContext,
    attempt,
    forget_network,
    mention_failure,
)
from experiments.running.synthetic_images import missing_generators
from ufgen.errors import UserError
from ufgen.progress import Progress


class LocalExecutor:
    """Runs trials one after the other, or side by side; a compiled network serves all of its own.

    The numbers of a trial do not depend on where it runs. With a GPU that is this process. Without,
    whole networks are trained with `threads.of_a_trial`, in workers if this process has more.

    Args:
        workers: How many trials or generators are trained side by side; None for a rule (see
            `worker_count`).

    Raises:
        UserError: Several are to share a GPU.
    """

    def __init__(self, workers: int | None = 1) -> None:
        if workers is not None and workers > 1 and worker_count.has_gpu():
            raise UserError(
                f"--workers is {workers}, but trials have a GPU: expected 1, or several that share "
                "it by --executor ray --gpus 0.5"
            )
        self._workers = workers
        self.description = "local"

    def train_generators(self, study: Study, data_splits: list[DataSplit], root: Path) -> None:
        """Train those that are not finished side by side.

        Where that does not pay nothing is done: each is trained when images are first sampled
        from it.

        Args:
            study: Names the recipe and the seeds.
            data_splits: For each, its fit rows are what generators learn from.
            root: The folder that generators are in.

        Raises:
            UserError: A training diverges, or its process ends.
        """
        recipe, number = study.generator_recipe(), len(data_splits) * len(study.generator.seeds)
        count = worker_count.of_generators(recipe, number, self._workers)
        if count > 1 and (missing := missing_generators(study, data_splits, root)):
            each, store = threads.of_a_generator(count), data_splits[0].store
            side_by_side.train_generators(missing, store, min(count, len(missing)), each)

    def run_trials(self, context: StudyContext, jobs: list[Job], bar: Progress) -> None:
        """Train and evaluate all.

        Args:
            context: What the trials have in common.
            jobs: The trials.
            bar: Updated at each optimiser step.

        Raises:
            UserError: What a trial raised, or processes cannot be started.
        """
        trials = [job.trial for job in jobs]
        stays = worker_count.may_stay(context.study, trials)
        count = worker_count.choose(context.study, trials, self._workers)
        if stays and (count == 1 or self._workers is None):
            jobs = self._run_here(context, jobs, count, bar)
        if jobs:
            self.description = f"local, worker processes: {count}, of {threads.of_a_trial()} thread"
            side_by_side.run(context, jobs, min(count, len(jobs)), bar)

    def _run_here(
        self, context: StudyContext, jobs: list[Job], count: int, bar: Progress
    ) -> list[Job]:
        """Run trials in this process, until `count` workers pay for those that are returned."""
        first, networks = 0.0, set()
        for number, (trial, training_set, folder, _) in enumerate(jobs):
            bar.set_description(f"trial {number + 1}/{len(jobs)}: {trial.title}")
            precision = context.precisions[trial.classifier.name]
            images = context.data_splits[trial.split], context.store, training_set
            started = time.perf_counter()
            attempt(context.study, trial, *images, precision, folder, bar.update)
            seconds = time.perf_counter() - started
            mention_failure(trial, folder)
            left = jobs[number + 1 :]
            if trial.classifier.name not in networks:
                networks.add(trial.classifier.name)
                first = max(first, seconds)
            elif worker_count.pays(first, seconds * len(left), count):
                forget_network()
                return left
        forget_network()
        return []
