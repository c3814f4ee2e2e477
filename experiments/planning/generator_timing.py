"""Timing of a study's generators on this machine: each is trained for a few steps."""

import json
import tempfile
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.design.study import Study
from experiments.planning import timing
from experiments.running import synthetic_images
from experiments.running.data_split import DataSplit
from experiments.running.executors import threads, worker_count
from experiments.running.executors.worker import FEWER, Worker
from ufgen.errors import UserError
from ufgen.gan.recipe import Recipe

PROGRAMS = 3


class GeneratorCost(NamedTuple):
    """Seconds of the parts of a generator's training and use.

    Attributes:
        beside: How many are trained side by side, each of them as slow as this.
        start: To build and compile it, and to write its files.
        step: One optimiser step.
        evaluation: One evaluation with its curves.
        generation: To generate and evaluate the images of one set.
    """

    beside: int
    start: float
    step: float
    evaluation: float
    generation: float

    def training(self, recipe: Recipe) -> float:
        """The whole training of one generator.

        Args:
            recipe: Its budget, and how often it is evaluated.

        Returns:
            Seconds.
        """
        steps = 60 * recipe.minutes if recipe.minutes else recipe.steps() * self.step
        shown = steps / self.step * recipe.batch / 1000
        evaluations = max(1, round(shown / recipe.evaluate_kimg))
        return self.start + steps + evaluations * self.evaluation


def measure(study: Study, data: DataSplit, count: int, workers: int | None = None) -> GeneratorCost:
    """Train generators for a few compiled programs, as many side by side as in the run.

    Args:
        study: The study.
        data: One division of its images.
        count: Generators of the whole study.
        workers: How many are to be trained side by side; by default by a rule.

    Returns:
        The mean cost of one.

    Raises:
        UserError: A process ended, as for want of memory.
    """
    beside = worker_count.of_generators(study.generator_recipe(), count, workers)
    if beside == 1:
        return time_generator(study, data)
    each = threads.of_a_generator(beside)
    pool = [Worker(count=each) for _ in range(beside)]
    try:
        jobs = [worker.submit(time_generator, study, data) for worker in pool]
        costs = np.mean([job.result()[1:] for job in jobs], axis=0)
    except BrokenProcessPool:
        raise UserError(f"a worker process ended abruptly: {FEWER}") from None
    finally:
        for worker in pool:
            worker.end()
    return GeneratorCost(beside, *map(float, costs))


def time_generator(study: Study, data: DataSplit) -> GeneratorCost:
    """Train a generator for a few compiled programs, and generate what the study needs.

    This is the run's own code in a temporary folder; an untrained generator's images would not
    pass filters, so that arms with `:filtered` are timed as those without.

    Args:
        study: The study.
        data: One division of its images.

    Returns:
        The cost.
    """
    from ufgen.gan.training.trainer import train_generator

    recipe = study.generator_recipe()
    kimg = recipe.steps_per_call * recipe.batch / 1000
    options = study.generator.options | {"kimg": 2 * PROGRAMS * kimg, "minutes": 0}
    options |= {"evaluate_kimg": PROGRAMS * kimg, "patience": 0}
    generator = study.generator.model_copy(
        update={"options": options, "seeds": study.generator.seeds[:1]}
    )
    arms = [name.replace(":filtered", "") for name in study.arms]
    short = study.model_copy(update={"generator": generator, "arms": list(dict.fromkeys(arms))})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = time.perf_counter()
        recipe = short.generator_recipe(seed=generator.seeds[0])
        pixels = data.store.take(data.fit)
        train_generator(data.fit, pixels, recipe, folder / "generators", show_progress=False)
        trained = time.perf_counter()
        synthetic_images.prepare_synthetic(short, data, folder, folder / "generators")
        generation = time.perf_counter() - trained
        (generator_folder,) = [file.parent for file in folder.glob("generators/*/complete.json")]
        evaluation = _time_evaluation(generator_folder, data)
        rows = _metrics(generator_folder)
    speeds = [row["images_per_second"] for row in rows if "images_per_second" in row]
    step = recipe.batch / speeds[-1]
    steps = recipe.steps_per_call * 2 * PROGRAMS
    start = max(0.0, trained - started - steps * step - 2 * evaluation)
    return GeneratorCost(1, start, step, evaluation, generation)


def _metrics(generator_folder: Path) -> list[dict]:
    """The rows of a generator's metrics.jsonl."""
    lines = (generator_folder / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def _time_evaluation(generator_folder: Path, data: DataSplit) -> float:
    """Seconds to compare a generator with its training images, and to write its curves."""
    from ufgen.fidelity.feature_extractors import texture
    from ufgen.gan.generator_folder import GeneratorFolder, load_generator
    from ufgen.gan.training.snapshot_selection import SnapshotEvaluator

    network, recipe, _ = load_generator(generator_folder)
    fit = data.fit
    labels = np.searchsorted(fit.classes, fit.table["label"]).astype("int32")
    selector = SnapshotEvaluator(texture(), data.store.take(fit), labels, recipe)
    rows = _metrics(generator_folder)
    folder = GeneratorFolder(generator_folder)

    def evaluate() -> None:
        selector.compare(network)
        folder.write_metrics(rows, selector)

    return timing.median_seconds(evaluate)
