"""What runs inside Ray's tasks: one generator or trial, returned as the content of its files.

The nodes of a cluster need share no file system.
"""

import os
import socket
from pathlib import Path
from tempfile import TemporaryDirectory

from experiments.design.study import Study
from experiments.design.trials import Trial
from experiments.running.data_split import DataSplit
from experiments.running.executors.jobs import attempt
from ufgen import provenance
from ufgen.atomic import atomic_folder
from ufgen.errors import UserError
from ufgen.gan.recipe import Recipe
from ufgen.images.image_set import ImageSet
from ufgen.images.pixel_store import PixelStore

Files = dict[str, bytes]
"""The content of the files of a folder, by their path in it."""


def versions() -> dict[str, str]:
    """Name the versions that generators and trials depend on, as they are on this machine.

    Returns:
        Versions of libraries and a hash of the code, by name.
    """
    return provenance.versions(
        "training", "experiments.running.trial", "ufgen.gan", "ufgen.images.pixel_store"
    )


def check_versions(expected: dict[str, str]) -> None:
    """Make sure that this node computes with the versions of the command's machine.

    Args:
        expected: The `versions` there.

    Raises:
        UserError: Some differ.
    """
    own = versions()
    differing = [name for name in expected | own if expected.get(name) != own.get(name)]
    if differing:
        raise UserError(
            f"{socket.gethostname()} has {_text(own, differing)}, the machine of the command "
            f"{_text(expected, differing)}: install the same on all nodes"
        )


def _text(of: dict[str, str], names: list[str]) -> str:
    return ", ".join(f"{name} {of.get(name) or 'none'}" for name in names)


def train_generator(
    expected: dict[str, str], store: PixelStore, fit: ImageSet, recipe: Recipe
) -> Files:
    """Train one generator.

    Args:
        expected: The `versions` of the command's machine.
        store: The pixels of the images.
        fit: The training images.
        recipe: How it is trained.

    Returns:
        The files of the generator's folder.

    Raises:
        UserError: This node has other versions, or training fails by a user's mistake.
    """
    check_versions(expected)
    from ufgen.gan.training import trainer

    with TemporaryDirectory() as root:
        pixels = store.take(fit)
        return _read(trainer.train_generator(fit, pixels, recipe, Path(root), show_progress=False))


def train_trial(
    expected: dict[str, str],
    name: str,
    study: Study,
    trial: Trial,
    data_split: DataSplit,
    store: PixelStore,
    training_set: ImageSet,
    precision: str,
) -> Files:
    """Run one trial.

    Args:
        expected: The `versions` of the command's machine.
        name: The name of the trial's folder.
        study: As the others, what `jobs.attempt` takes.
        trial: The arm, the classifier and the seed.
        data_split: Validation and test images.
        store: The pixels of all images.
        training_set: What the arm trains on.
        precision: That of the network.

    Returns:
        The files of the trial's folder; those of a failure, if it failed.

    Raises:
        UserError: This node has other versions, or the initial weights cannot be used.
    """
    check_versions(expected)
    _keep_to_one_gpu()
    with TemporaryDirectory() as root:
        folder = Path(root) / name
        attempt(study, trial, data_split, store, training_set, precision, folder)
        return _read(folder)


_gpus: list[list[str]] = []


def _keep_to_one_gpu() -> None:
    """End this process if it began on another GPU than it has now: Ray runs the task in a new one.

    TensorFlow and JAX use the GPUs that they found first.
    """
    import ray

    _gpus.append(ray.get_runtime_context().get_accelerator_ids().get("GPU", []))
    if _gpus[0] != _gpus[-1]:
        os._exit(1)


def _read(folder: Path) -> Files:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def write_files(folder: Path, files: Files) -> None:
    """Write what a task returned.

    Args:
        folder: It appears whole, and replaces an older one.
        files: The content of its files.
    """
    with atomic_folder(folder) as temporary:
        for name, content in files.items():
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            (temporary / name).write_bytes(content)
