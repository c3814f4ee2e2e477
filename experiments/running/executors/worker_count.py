"""How many trials or generators are trained side by side, and when that pays."""

import math
import re
from pathlib import Path

import keras

from experiments.design.study import Study, Trial
from experiments.running.executors import threads
from ufgen.gan.recipe import Recipe

START_SECONDS = 10.0
"""To start a process and import Keras in it, beside others that do the same."""
GAIN = 1.2
"""How many times faster workers must be to be worth their memory."""
BASE_BYTES = 2e9
BYTES_PER_PIXEL = 4e3
"""Memory of a worker: of ResNet50 with its optimiser, and of feature maps by pixel of a batch."""

ENOUGH_KIMG = 4.0
"""Thousand images of 64 px, of all generators: below, workers cost more to start than they save."""


def choose(study: Study, trials: list[Trial], requested: int | None = None) -> int:
    """Choose how many trials are trained side by side: one for each core that has memory enough.

    Heads on frozen features are trained in this process, unless the user wants otherwise: they keep
    the cores busy, and workers made them slower (docs/benchmarks.md).

    Args:
        study: How classifiers are trained.
        trials: Those that wait.
        requested: How many the user wants, if anything.

    Returns:
        1 or more.
    """
    if has_gpu():
        return 1
    if requested:
        return max(1, min(requested, len(trials)))
    if _heads_alone(study, trials):
        return 1
    cores = threads.cores() // threads.of_a_trial()
    batch = max((study.training_of(trial.classifier).batch for trial in trials), default=0)
    fitting = _fitting(batch, study.images.resolution)
    return max(1, min(cores, len(trials), fitting))


def of_generators(recipe: Recipe, count: int, requested: int | None = None) -> int:
    """Choose how many generators are trained side by side: one for each core with memory enough.

    Several with one thread each need less time than one after the other with all, whose threads
    wait for each other. A budget in minutes is meant for a generator that has the whole machine.

    Args:
        recipe: How they are trained.
        count: Generators of the study, finished or not: what one is does not depend on the others.
        requested: How many the user wants, if anything.

    Returns:
        1 or more.
    """
    if has_gpu() or recipe.minutes:
        return 1
    if requested:
        return max(1, min(requested, count))
    if count * recipe.kimg * (recipe.resolution / 64) ** 2 < ENOUGH_KIMG:
        return 1
    cores = threads.cores() // threads.of_a_trial()
    return max(1, min(cores, count, _fitting(recipe.batch, recipe.resolution)))


def _fitting(batch: int, resolution: int) -> int:
    """How many workers the memory holds."""
    each = BASE_BYTES + BYTES_PER_PIXEL * batch * resolution**2
    return math.floor(min(available_memory() / each, 1e6))


def has_gpu() -> bool:
    """Whether trials have a GPU, which they keep busy one at a time.

    Returns:
        True if the backend has one.
    """
    return bool(keras.distribution.list_devices("gpu"))


def may_stay(study: Study, trials: list[Trial]) -> bool:
    """Whether trials would get the same numbers in this process as in a worker.

    They do with a GPU, with as many threads, or if heads alone are trained: measured, neither the
    features of a frozen backbone nor the training of a head depend on the number of threads.

    Args:
        study: How classifiers are trained.
        trials: Those in question.

    Returns:
        True if all would.
    """
    if has_gpu() or threads.of_this_process() == threads.of_a_trial():
        return True
    return _heads_alone(study, trials)


def _heads_alone(study: Study, trials: list[Trial]) -> bool:
    phases = [study.training_of(trial.classifier).phases() for trial in trials]
    return all(trained == "head" for phase in phases for trained, _ in phase)


def pays(start: float, left: float, workers: int) -> bool:
    """Whether trials that could stay in this process are clearly faster in workers.

    Args:
        start: Seconds of the first trial beyond the others: to compile the network, and to compute
            frozen features; each worker needs them again.
        left: Seconds of all trials that are left, one after the other.
        workers: How many there would be.

    Returns:
        True if they are, by `GAIN`.
    """
    return left > GAIN * (START_SECONDS + start + left / workers)


def available_memory() -> float:
    """Ask Linux how much memory is available to this process.

    Returns:
        Bytes; infinite where it does not say.
    """
    limits = [math.inf]
    if (file := Path("/proc/meminfo")).is_file() and (
        found := re.search(r"MemAvailable: +(\d+) kB", file.read_text())
    ):
        limits.append(1024.0 * int(found[1]))
    group = [Path("/sys/fs/cgroup") / name for name in ("memory.max", "memory.current")]
    if all(file.is_file() for file in group):  # a container's own limit
        most, used = (file.read_text().strip() for file in group)
        limits.append(float(most) - float(used) if most.isdigit() else math.inf)
    return min(limits)
