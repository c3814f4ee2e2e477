"""The folder of one generator: its files, its key, and how it is written whole.

recipe.yaml, training.csv (all training images), checkpoint.npz and good.npz (all state; gone when
complete), metrics.jsonl, curves.png, grids/, snapshot.weights.h5 (EMA generator) and
discriminator.weights.h5, both of the best evaluation, complete.json (written last).
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
from filelock import FileLock, Timeout

from ufgen import precision, provenance
from ufgen.atomic import atomic_file, write_text
from ufgen.batching import in_batches
from ufgen.errors import UserError
from ufgen.fidelity.feature_extractors import Extractor, hash_network
from ufgen.fidelity.real_reference import RealReference
from ufgen.gan.networks.build import build_discriminator, build_generator
from ufgen.gan.recipe import Recipe, digest, load_recipe, to_yaml
from ufgen.gan.training_curves import write_curves
from ufgen.images.image_set import ImageSet
from ufgen.progress import print_line

GENERATOR_FILES = ("recipe.yaml", "snapshot.weights.h5", "complete.json")
BATCH_SIZE = 32


def resolve_precision(recipe: Recipe) -> Recipe:
    """Resolve the precision `auto` to the one that this machine trains in.

    Args:
        recipe: Any recipe.

    Returns:
        The recipe with `precision` float32 or bfloat16.
    """
    faster = precision.faster_generator_precision(recipe.architecture)
    return replace(recipe, precision=precision.choose_precision(recipe.precision, faster))


def versions() -> dict[str, str]:
    """The versions that a generator's weights depend on.

    Returns:
        See `ufgen.provenance.versions`.
    """
    return provenance.versions("training", "ufgen.gan", "ufgen.precision")


def generator_settings_hash(
    images: ImageSet, pixels: np.ndarray, recipe: Recipe, extractor: Extractor
) -> str:
    """Hash everything that a generator's training is given.

    Args:
        images: Training images, in any order; their `sha256` (of the decoded pixels) and labels
            enter the hash.
        pixels: uint8 (N, H, W, C), row by row; they enter it too, since one file may be cropped or
            padded.
        recipe: The training's recipe.
        extractor: The features that choose the snapshot.

    Returns:
        16 hexadecimal digits.
    """
    hashes = [hashlib.sha256(np.ascontiguousarray(image).data).hexdigest() for image in pixels]
    rows = sorted(zip(images.table["sha256"], images.table["label"], hashes, strict=True))
    by = extractor.name, extractor.stamp
    return provenance.key(16, rows, digest(resolve_precision(recipe)), by)


def generator_key(
    images: ImageSet, pixels: np.ndarray, recipe: Recipe, extractor: Extractor
) -> str:
    """The name of a generator's folder: a hash of its settings and of `versions`.

    Args:
        images: See `generator_settings_hash`.
        pixels: See `generator_settings_hash`.
        recipe: See `generator_settings_hash`.
        extractor: See `generator_settings_hash`.

    Returns:
        16 hexadecimal digits.
    """
    return provenance.key(
        16, generator_settings_hash(images, pixels, recipe, extractor), versions()
    )


def report_outdated_generators(root: Path, settings: set[str]) -> None:
    """Report finished generators that are not reused, since another version trained them.

    Args:
        root: Folder of generators.
        settings: What `generator_settings_hash` returns for those that are needed.
    """
    unused = provenance.count_unused(Path(root).glob("*/complete.json"), settings, versions())
    if unused:
        print_line(
            f"{unused} finished generators of the same images and recipe in {root} were trained by "
            "another version of ufgen or of its libraries, and are not used"
        )


def load_generator(folder: Path) -> tuple[keras.Model, Recipe, dict[str, Any]]:
    """Rebuild a finished generator.

    Args:
        folder: The generator's folder.

    Returns:
        The network, its recipe, and the content of complete.json.

    Raises:
        UserError: The folder holds no finished generator.
    """
    folder = Path(folder)
    if not (folder / "complete.json").is_file():
        raise UserError(f"{folder} holds no finished generator: complete.json is missing")
    metadata = json.loads((folder / "complete.json").read_text())
    recipe = load_recipe(folder / "recipe.yaml")
    metadata.setdefault("recipe", digest(recipe))
    generator = build_generator(recipe, len(metadata["classes"]))
    generator.load_weights(folder / "snapshot.weights.h5")
    return generator, recipe, metadata


def discriminator_scores(folder: Path, pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Score images by the discriminator of the snapshot, without augmentation.

    Args:
        folder: The generator's folder.
        pixels: uint8 (N, H, W, C).
        labels: Class indices, (N,).

    Returns:
        float32 (N,): logits, mean over heads; higher is more like a training image.
    """
    metadata = json.loads((folder / "complete.json").read_text())
    recipe = load_recipe(folder / "recipe.yaml")
    recipe = replace(recipe, features_weights="none")  # the weights file holds them
    network = build_discriminator(recipe, len(metadata["classes"]))
    network.load_weights(folder / "discriminator.weights.h5")

    def scores(images: np.ndarray, classes: np.ndarray) -> np.ndarray:
        inputs = [images.astype("float32") / 127.5 - 1, classes.astype("int32")]
        return np.asarray(network.predict_on_batch(inputs)).mean(-1)

    return in_batches(scores, BATCH_SIZE, pixels, labels)


class DistanceReference(Protocol):
    """What the distances of a training are measured by, such as a `SnapshotEvaluator`."""

    extractor: Extractor
    reference: RealReference


class GeneratorFolder:
    """Reads and writes the files of one generator in the folder `path`."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    @property
    def complete(self) -> bool:
        """Whether the training has finished."""
        return (self.path / "complete.json").is_file()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes, of any study, from training this generator; wait while one does.

        Yields:
            Nothing: the lock is held inside the `with` block.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path.with_name(f".{self.path.name}.lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            print_line(f"another ufgen is training the generator {self.path.name}: waiting for it")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def write_recipe(self, recipe: Recipe) -> None:
        """Write recipe.yaml.

        Args:
            recipe: A local weights file is written by its name alone: its content enters the
                recipe digest in complete.json.
        """
        weights = Path(recipe.features_weights).name
        write_text(self.path / "recipe.yaml", to_yaml(replace(recipe, features_weights=weights)))

    def write_training(self, images: ImageSet) -> None:
        """Write training.csv.

        Args:
            images: The training images.
        """
        with atomic_file(self.path / "training.csv") as temporary:
            images.relative()[["path", "label", "sha256", "source"]].to_csv(temporary, index=False)

    def save(
        self, name: str, variables: list[keras.Variable], state: dict, metrics: list[dict]
    ) -> None:
        """Save all state of a training in `<name>.npz`, whole or not at all.

        Args:
            name: "checkpoint" or "good".
            variables: Networks, optimisers and random state.
            state: Counters, JSON-serialisable.
            metrics: Rows of metrics.jsonl.
        """
        arrays: dict[str, Any] = {f"v{i:04d}": np.asarray(v) for i, v in enumerate(variables)}
        arrays["metadata"] = np.array(json.dumps([state, metrics]))
        with atomic_file(self.path / f"{name}.npz") as temporary:
            np.savez(temporary, **arrays)

    def restore(self, name: str, variables: list[keras.Variable]) -> tuple[dict, list[dict]] | None:
        """Assign what `save` wrote.

        Args:
            name: "checkpoint" or "good".
            variables: As given to `save`.

        Returns:
            State and metrics, or None if there is no such file.
        """
        file = self.path / f"{name}.npz"
        if not file.is_file():
            return None
        with np.load(file, allow_pickle=False) as saved:
            for i, variable in enumerate(variables):
                variable.assign(saved[f"v{i:04d}"])
            state, metrics = json.loads(str(saved["metadata"]))
        return state, metrics

    def write_metrics(self, metrics: list[dict], reference: DistanceReference) -> None:
        """Write metrics.jsonl and curves.png.

        Args:
            metrics: Rows of losses and of evaluations.
            reference: Extractor and real-vs-real reference of the distances.
        """
        lines = "".join(json.dumps(row) + "\n" for row in metrics)
        write_text(self.path / "metrics.jsonl", lines)
        if metrics:
            extractor = reference.extractor.name
            write_curves(self.path / "curves.png", metrics, extractor, reference.reference)

    def write_snapshot(self, ema_generator: keras.Model, discriminator: keras.Model) -> str:
        """Write the weights of both networks.

        Args:
            ema_generator: The generator with averaged weights.
            discriminator: The discriminator of the same step.

        Returns:
            A hash of the generator's weights.
        """
        for name, network in (("snapshot", ema_generator), ("discriminator", discriminator)):
            with atomic_file(self.path / f"{name}.weights.h5") as temporary:
                network.save_weights(temporary)
        return hash_network(ema_generator)

    def grid(self, kimg: int) -> Path:
        """The path of a grid of images.

        Args:
            kimg: Thousands of images shown; the last evaluation within a thousand counts.

        Returns:
            A PNG file in grids/.
        """
        return self.path / "grids" / f"kimg_{kimg:05d}.png"

    def finish(self, metadata: dict[str, Any]) -> None:
        """Write complete.json and remove the saved states.

        Args:
            metadata: JSON-serialisable.
        """
        write_text(self.path / "complete.json", json.dumps(metadata, indent=1))
        for name in ("checkpoint", "good"):
            (self.path / f"{name}.npz").unlink(missing_ok=True)
