"""Trials or generators side by side, in worker processes of this machine."""

from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from experiments.running import status, worker_process
from experiments.running.executors.job_queue import JobQueue
from experiments.running.executors.jobs import (
    Job,
    StudyContext,
    attempt,
    mention_failure,
    without_pixels,
)
from experiments.running.executors.worker import FEWER, Worker
from ufgen.errors import UserError
from ufgen.gan.recipe import Recipe
from ufgen.images.image_set import ImageSet
from ufgen.images.pixel_store import PixelStore
from ufgen.progress import Progress

REFRESH = 0.5  # seconds
LOST = f"its process ended abruptly; {FEWER}"


def run(context: StudyContext, jobs: list[Job], count: int, bar: Progress) -> None:
    """Train and evaluate trials in worker processes.

    A trial whose process ends is recorded as failed. Its process is replaced if it was the last;
    else the others go on, with the memory that it had.

    Args:
        context: What the trials have in common.
        jobs: The trials.
        count: Worker processes.
        bar: Updated by the steps of all.

    Raises:
        UserError: What a trial raised, or processes cannot be started.
    """
    with TemporaryDirectory() as folder:
        pixels = Path(folder) / "pixels.npy"
        np.save(pixels, context.store.array)
        given = without_pixels(context), pixels, context.store.rows
        workers = [Worker(given) for _ in range(count)]
        try:
            _hand_out(jobs, workers, given, bar)
        finally:
            for worker in workers:
                worker.end()


def train_generators(
    missing: dict[Path, tuple[ImageSet, Recipe]], store: PixelStore, count: int, each: int
) -> None:
    """Train generators in worker processes. Ctrl-C loses at most the minute since a checkpoint.

    Args:
        missing: The training images and the recipe of each, by its folder.
        store: The pixels of the images.
        count: Worker processes.
        each: Threads of each.

    Raises:
        UserError: A training diverges, or a process ends before it has finished.
    """
    total = sum(recipe.steps() * recipe.batch for _, recipe in missing.values())
    left, finished = list(missing.items()), 0
    workers = [Worker(count=each) for _ in range(count)]
    free = list(workers)
    running: dict[Future, Worker] = {}
    try:
        with Progress(total=total, unit="img", unit_scale=True) as bar:
            while left or running:
                text = f"{finished}/{len(missing)} generators, {count} side by side"
                bar.set_description(text)
                while left and free:
                    folder, (fit, recipe) = left.pop(0)
                    worker = free.pop()
                    job = worker.submit(_train_generator, folder, fit, store.take(fit), recipe)
                    running[job] = worker
                done, _ = wait(running, REFRESH, FIRST_COMPLETED)
                bar.update(sum(worker.new_steps() for worker in workers))
                for job in done:
                    if isinstance(job.exception(), BrokenProcessPool):
                        raise UserError(f"a generator's training was lost: {LOST}")
                    job.result()  # raises what it raised
                    free.append(running.pop(job))
                    finished += 1
    finally:
        for worker in workers:
            worker.end()


def _hand_out(jobs: list[Job], workers: list[Worker], given: tuple, bar: Progress) -> None:
    """Run all jobs; a worker that was lost may be replaced in the list."""
    queue, finished = JobQueue(jobs, len(workers)), 0
    running: dict[Future, tuple[int, Job | None]] = {
        worker.submit(_begin): (number, None) for number, worker in enumerate(workers)
    }
    bar.set_description(f"{finished}/{len(jobs)} trials")
    while running:
        done, _ = wait(running, REFRESH, FIRST_COMPLETED)
        bar.update(sum(worker.new_steps() for worker in workers))
        for future in done:
            number, job = running.pop(future)
            lost = isinstance(future.exception(), BrokenProcessPool)
            if job is None and lost:
                raise UserError(f"a worker process ended before its first trial: {FEWER}")
            if not lost:
                future.result()  # raises what it raised
            if job is not None:
                if lost:
                    status.record(job.folder, job.trial, ChildProcessError(LOST))
                mention_failure(job.trial, job.folder)
                finished += 1
                bar.set_description(f"{finished}/{len(jobs)} trials")
            if lost:
                workers[number].end()
                if not running:  # the others have its memory, and will take its trials
                    workers[number] = Worker(given)
                    running[workers[number].submit(_begin)] = number, None
            elif (following := queue.take(number)) is not None:
                running[workers[number].submit(_train, following)] = number, following
            else:
                workers[number].end()


def _begin() -> None:
    """The first job, done when the process has started."""


def _train(job: Job) -> None:
    """Run a trial in a worker."""
    context, pixels, rows = worker_process.received
    trial, training_set, folder, _ = job
    store = PixelStore(np.load(pixels, mmap_mode="r"), rows)
    images = context.data_splits[trial.split], store, training_set
    precision = context.precisions[trial.classifier.name]
    attempt(context.study, trial, *images, precision, folder, worker_process.count_steps)


def _train_generator(folder: Path, fit: ImageSet, pixels: np.ndarray, recipe: Recipe) -> None:
    """Train a generator in a worker."""
    from ufgen.gan.training import trainer

    report = worker_process.count_steps
    trainer.train_generator(fit, pixels, recipe, folder.parent, False, on_images=report)
