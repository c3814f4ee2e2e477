"""Where generators and trials are trained: in this process, or on a Ray cluster."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol

from classifiers.training.trainer import Classifier
from experiments.design.study import Study, Trial
from experiments.running import status
from experiments.running.data_split import Prepared
from experiments.running.trial import run_trial
from ufgen.errors import UserError
from ufgen.images.image_set import ImageSet
from ufgen.images.pixel_store import PixelStore
from ufgen.progress import Progress, say


class Job(NamedTuple):
    """A trial, the images that it trains on, its folder, and the hash of its settings."""

    trial: Trial
    diet: ImageSet
    place: Path
    settings: str


class Shared(NamedTuple):
    """What the trials of a study have in common; `prepared` is by division of the images."""

    study: Study
    prepared: dict[tuple[int, int] | None, Prepared]
    store: PixelStore
    precisions: dict[str, str]


class Executor(Protocol):
    """Trains what a study needs; `about` says where, for the report."""

    about: str

    def train_generators(self, study: Study, prepared: list[Prepared], root: Path) -> None:
        """Train generators in `root` ahead of their use; those left out are trained when used."""

    def run_trials(self, shared: Shared, jobs: list[Job], bar: Progress) -> None:
        """Train and evaluate all; a trial that fails has its error written in its folder."""


class Local:
    """One after the other, in this process: a compiled network serves all of its trials."""

    about = "local"

    def train_generators(self, study: Study, prepared: list[Prepared], root: Path) -> None:
        """Nothing: each is trained when images are first drawn from it."""

    def run_trials(self, shared: Shared, jobs: list[Job], bar: Progress) -> None:
        """Train and evaluate all, in their order."""
        for number, (trial, diet, place, _) in enumerate(jobs, 1):
            bar.set_description(f"trial {number}/{len(jobs)}: {trial.title}")
            precision = shared.precisions[trial.classifier.name]
            images = shared.prepared[trial.split], shared.store, diet
            attempt(shared.study, trial, *images, precision, place, bar.update)
            mention_failure(trial, place)
        _network.cache_clear()


def attempt(
    study: Study,
    trial: Trial,
    prepared: Prepared,
    store: PixelStore,
    diet: ImageSet,
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
        run_trial(study, prepared, store, trial, diet, network, place, on_step)
    except Exception as error:
        _network.cache_clear()
        status.record(place, trial, error)


@lru_cache(maxsize=1)
def _network(*arguments) -> Classifier:
    """The last compiled network of this process."""
    return Classifier(*arguments)


def mention_failure(trial: Trial, place: Path) -> None:
    """Say why a trial failed, if it did."""
    if (place / status.FAILED).is_file():
        reason = json.loads((place / status.FAILED).read_text())["error"]
        say(f"failed: {trial.title}: {reason}")


@contextmanager
def choose(
    name: str = "local",
    address: str | None = None,
    cpus: float | None = None,
    gpus: float | None = None,
) -> Iterator[Executor]:
    """Yield the executor "local" or "ray"; the other options are Ray's. Raises UserError."""
    if name not in ("local", "ray"):
        raise UserError(f"--executor is {name!r}: expected local or ray")
    if name == "local":
        if any(option is not None for option in (address, cpus, gpus)):
            raise UserError("--address, --cpus and --gpus need --executor ray beside them")
        yield Local()
        return
    from experiments.running.ray_executor import Ray

    cluster = Ray(address, 1 if cpus is None else cpus, gpus or 0)
    try:
        yield cluster
    finally:
        cluster.close()
