"""What an executor is handed and must do: jobs, what they have in common, and one attempt."""

import json
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol

from classifiers.training.trainer import Classifier
from experiments.design.study import Study, Trial
from experiments.running import status
from experiments.running.data_split import DataSplit
from experiments.running.trial import run_trial
from ufgen.images.image_set import ImageSet
from ufgen.images.pixel_store import PixelStore
from ufgen.progress import Progress, say


class Job(NamedTuple):
    """A trial, the images that it trains on, its folder, and the hash of its settings."""

    trial: Trial
    training_set: ImageSet
    place: Path
    settings: str


class StudyContext(NamedTuple):
    """What the trials of a study have in common; `prepared` is by division of the images."""

    study: Study
    prepared: dict[tuple[int, int] | None, DataSplit]
    store: PixelStore
    precisions: dict[str, str]


class Executor(Protocol):
    """Trains what a study needs; `description` says where, for the report."""

    description: str

    def train_generators(self, study: Study, prepared: list[DataSplit], root: Path) -> None:
        """Train generators in `root` ahead of their use; those left out are trained when used."""

    def run_trials(self, shared: StudyContext, jobs: list[Job], bar: Progress) -> None:
        """Train and evaluate all; a trial that fails has its error written in its folder."""


def attempt(
    study: Study,
    trial: Trial,
    prepared: DataSplit,
    store: PixelStore,
    training_set: ImageSet,
    precision: str,
    place: Path,
    on_step=lambda: None,
) -> None:
    """Run a trial in `place`; if it fails, write why there. Raises UserError for its weights."""
    images, classifier = study.images, trial.classifier
    network = _network(
        classifier.name, images.resolution, images.channels, classifier.weights, precision
    )
    try:
        run_trial(study, prepared, store, trial, training_set, network, place, on_step)
    except Exception as error:
        forget_network()
        status.record(place, trial, error)


@lru_cache(maxsize=1)
def _network(*arguments) -> Classifier:
    """The last compiled network of this process."""
    return Classifier(*arguments)


def forget_network() -> None:
    """Let the last compiled network of this process go."""
    _network.cache_clear()


def mention_failure(trial: Trial, place: Path) -> None:
    """Say why a trial failed, if it did."""
    if (place / status.FAILED).is_file():
        reason = json.loads((place / status.FAILED).read_text())["error"]
        say(f"failed: {trial.title}: {reason}")
