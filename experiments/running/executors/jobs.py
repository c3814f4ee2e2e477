"""What an executor is given and must do: jobs, what they have in common, and one attempt."""

import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from classifiers.training.trainer import Classifier
from experiments.design.study import Study
from experiments.design.trials import SplitKey, Trial
from experiments.running import status
from experiments.running.data_split import DataSplit
from experiments.running.trial import run_trial
from ufgen.images.image_set import ImageSet
from ufgen.images.pixel_store import PixelStore
from ufgen.progress import Progress, print_line


class Job(NamedTuple):
    """A trial, the images that it trains on, its folder, and the hash of its settings."""

    trial: Trial
    training_set: ImageSet
    folder: Path
    settings_hash: str


class StudyContext(NamedTuple):
    """What the trials of a study have in common.

    Attributes:
        study: How classifiers are trained.
        data_splits: The images by role, for each split.
        store: The pixels of all images, real and synthetic.
        precisions: That of each classifier, by its name.
    """

    study: Study
    data_splits: dict[SplitKey, DataSplit]
    store: PixelStore
    precisions: dict[str, str]


def without_pixels(context: StudyContext) -> StudyContext:
    """Leave out the pixels of all images, which are sent to other processes once, by themselves.

    Args:
        context: With or without pixels.

    Returns:
        The same with empty stores.
    """
    empty = PixelStore(np.asarray(context.store.array[:0]), {})
    data_splits = {key: one._replace(store=empty) for key, one in context.data_splits.items()}
    return context._replace(data_splits=data_splits, store=empty)


class Executor(Protocol):
    """Trains what a study needs; `description` says where, for the report."""

    description: str

    def train_generators(self, study: Study, data_splits: list[DataSplit], root: Path) -> None:
        """Train generators ahead of their use; those left out are trained when they are used.

        Args:
            study: Names the recipe and the seeds.
            data_splits: For each, its fit rows are what generators learn from.
            root: The folder that generators are in.
        """

    def run_trials(self, context: StudyContext, jobs: list[Job], bar: Progress) -> None:
        """Train and evaluate all; a trial that fails has its error written into its folder.

        Args:
            context: What the trials have in common.
            jobs: The trials.
            bar: Updated by optimiser steps.
        """


def attempt(
    study: Study,
    trial: Trial,
    data_split: DataSplit,
    store: PixelStore,
    training_set: ImageSet,
    precision: str,
    folder: Path,
    on_step: Callable[[], None] = lambda: None,
) -> None:
    """Run a trial; if it fails, write the reason into its folder.

    Args:
        study: How the classifier is trained.
        trial: The arm, the classifier and the seed.
        data_split: Validation and test images.
        store: The pixels of all images.
        training_set: What the arm trains on.
        precision: That of the network.
        folder: The trial's folder.
        on_step: Called after each optimiser step.

    Raises:
        UserError: The classifier's initial weights cannot be used.
    """
    images, classifier = study.images, trial.classifier
    network = _network(
        classifier.name, images.resolution, images.channels, classifier.weights, precision
    )
    try:
        run_trial(study, data_split, store, trial, training_set, network, folder, on_step)
    except Exception as error:
        forget_network()
        status.record(folder, trial, error)


@lru_cache(maxsize=1)
def _network(name: str, size: int, channels: int, weights: str, precision: str) -> Classifier:
    """The last compiled network of this process."""
    return Classifier(name, size, channels, weights, precision)


def forget_network() -> None:
    """Free the last compiled network of this process."""
    _network.cache_clear()


def mention_failure(trial: Trial, folder: Path) -> None:
    """Print why a trial failed, if it did.

    Args:
        trial: What was trained.
        folder: The trial's folder.
    """
    if (folder / status.FAILED).is_file():
        reason = json.loads((folder / status.FAILED).read_text())["error"]
        print_line(f"failed: {trial.title}: {reason}")
