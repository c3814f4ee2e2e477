"""Generators and trials as tasks on a Ray cluster."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from experiments.design.study import Study
from experiments.running import status
from experiments.running.data_split import DataSplit
from experiments.running.executors import ray_connection, ray_tasks, threads, worker_count
from experiments.running.executors.jobs import Job, StudyContext, mention_failure, without_pixels
from experiments.running.executors.ray_tasks import Files
from experiments.running.synthetic_images import missing_generators
from ufgen.display import tensorboard
from ufgen.errors import UserError
from ufgen.images.pixel_store import PixelStore
from ufgen.progress import Progress, print_line

RETRIES = 10
Purpose = TypeVar("Purpose")


class RayExecutor:
    """Runs each training as a task, and again if it is lost with its process or its node.

    Args:
        address: HOST:PORT of the head node, or "auto" on a machine of the cluster. Without it a
            cluster on this machine is started, and stopped at the end.
        cpus: CPUs, or a fraction of one, reserved for each training.
        gpus: GPUs, or a fraction of one, for the same.

    Raises:
        UserError: Ray is not installed, the cluster cannot be reached, no node has as many CPUs
            and GPUs, or live curves are requested from other machines.
    """

    def __init__(self, address: str | None, cpus: float, gpus: float) -> None:
        self._ray = ray_connection.import_ray()
        if gpus > 1 and gpus % 1:
            raise UserError(f"--gpus is {gpus:g}: expected an integer, or a fraction below 1")
        if address and tensorboard.VARIABLE in os.environ:
            raise UserError(
                "--tensorboard cannot be followed on other machines: leave it or --address out"
            )
        ray_connection.connect(self._ray, address, gpus)
        self._reserved = {"num_cpus": cpus, "num_gpus": gpus}
        self._has_gpus = gpus > 0
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        total = [sum(node.get(kind, 0) for node in nodes) for kind in ("CPU", "GPU")]
        self.description = f"Ray: {len(nodes)} nodes, {total[0]:g} CPUs, {total[1]:g} GPUs"
        if not any(node.get("CPU", 0) >= cpus and node.get("GPU", 0) >= gpus for node in nodes):
            self.close()
            raise UserError(
                f"no node of the cluster has {cpus:g} CPUs and {gpus:g} GPUs for a training run "
                f"({self.description}): ask for less with --cpus and --gpus"
            )
        print_line(f"{self.description}; {cpus:g} CPUs and {gpus:g} GPUs for each training")

    def close(self) -> None:
        """Leave the cluster, or stop it if it was started here."""
        self._ray.shutdown()

    def train_generators(self, study: Study, data_splits: list[DataSplit], root: Path) -> None:
        """Train all generators that are not finished, at once.

        Args:
            study: Names the recipe and the seeds.
            data_splits: For each, its fit rows are what generators learn from.
            root: The folder that generators are in.

        Raises:
            UserError: What a task raised, such as a node with other versions.
        """
        missing = missing_generators(study, data_splits, root)
        if not missing:
            return
        from ufgen.gan.generator_folder import GeneratorFolder

        number = len(data_splits) * len(study.generator.seeds)
        beside = worker_count.of_generators(study.generator_recipe(), number)
        each = threads.of_a_generator(beside)  # those of a local run
        remote = self._remote({} if self._has_gpus else threads.variables(each))
        task = remote(ray_tasks.train_generator)
        store = self._put(data_splits[0].store)
        versions = ray_tasks.versions()
        tasks = {
            task.remote(versions, store, fit, recipe): folder
            for folder, (fit, recipe) in missing.items()
        }
        with Progress(total=len(tasks), desc="training generators", unit="generator") as bar:
            for folder, files in self._finished(tasks):
                if isinstance(files, Exception):
                    raise files
                with GeneratorFolder(folder).lock():  # another study may train the same one
                    if not GeneratorFolder(folder).complete:
                        ray_tasks.write_files(folder, files)
                bar.update()

    def run_trials(self, context: StudyContext, jobs: list[Job], bar: Progress) -> None:
        """Train and evaluate all, several at a time; each is written as soon as it has finished.

        Args:
            context: What the trials have in common.
            jobs: The trials.
            bar: Updated when a trial has finished.

        Raises:
            UserError: What a task raised, such as a node with other versions.
        """
        if not jobs:
            return
        put = self._ray.put
        study, store = put(context.study), self._put(context.store)
        data_splits = {key: put(one) for key, one in without_pixels(context).data_splits.items()}
        remote = self._remote({} if self._has_gpus else threads.variables(threads.of_a_trial()))
        task = remote(ray_tasks.train_trial)
        tasks, versions = {}, ray_tasks.versions()
        for job in jobs:
            data_split = data_splits[job.trial.split]
            precision = context.precisions[job.trial.classifier.name]
            images = data_split, store, job.training_set
            arguments = study, job.trial, *images, precision
            tasks[task.remote(versions, job.folder.name, *arguments)] = job
        for number, ((trial, _, folder, _), files) in enumerate(self._finished(tasks), 1):
            if isinstance(files, Exception):
                status.record(folder, trial, files)
            else:
                ray_tasks.write_files(folder, files)
            mention_failure(trial, folder)
            bar.set_description(f"{number}/{len(jobs)} trials")
            bar.update(context.study.training_of(trial.classifier).steps)

    def _remote(self, variables: dict[str, str]) -> Any:
        """Ray's decorator of tasks, whose processes have these environment variables."""
        # max_calls=0: with a GPU, Ray would end a process, and its compiled network, at each task
        options = {"max_retries": RETRIES, "max_calls": 0, "runtime_env": {"env_vars": variables}}
        return self._ray.remote(**self._reserved, **options)

    def _put(self, store: PixelStore) -> Any:
        """Put the pixels where the tasks of a node share one copy of them."""
        return self._ray.put(PixelStore(np.asarray(store.array), store.rows))

    def _finished(self, tasks: dict[Any, Purpose]) -> Iterator[tuple[Purpose, Files | Exception]]:
        """What each task was for, and what it returned, or Ray's error if it was lost for good.

        Raises what a task raised. What has not finished then, or at Ctrl-C, is cancelled.
        """
        errors = self._ray.exceptions
        try:
            while tasks:
                [task], _ = self._ray.wait(list(tasks))
                try:
                    result = self._ray.get(task)
                except errors.RayTaskError as error:
                    raise error.cause from error
                except errors.RayError as error:
                    result = error
                yield tasks.pop(task), result
        finally:
            for task in tasks:
                self._ray.cancel(task, force=True)
