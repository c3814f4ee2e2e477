"""The folder of one generator: what is in it, and how it gets there whole.

recipe.yaml, training.csv (every image seen), checkpoint.npz and good.npz (all state; gone when
complete), metrics.jsonl, curves.png, grids/, snapshot.weights.h5 (averaged generator) and
discriminator.weights.h5, both of the best evaluation, complete.json (written last).
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
from filelock import FileLock, Timeout

from ufgen import precision, provenance
from ufgen.atomic import atomic_file, write_text
from ufgen.batching import in_batches
from ufgen.display.image_grid import write_grid
from ufgen.errors import UserError
from ufgen.fidelity.feature_extractors import Extractor, hash_weights
from ufgen.gan.networks.build import build_discriminator, build_generator
from ufgen.gan.recipe import Recipe, digest, load_recipe, to_yaml
from ufgen.gan.training_curves import write_curves
from ufgen.images.image_set import ImageSet
from ufgen.progress import say

GENERATOR_FILES = ("recipe.yaml", "snapshot.weights.h5", "complete.json")
BATCH_SIZE = 32


def resolved(recipe: Recipe) -> Recipe:
    """The recipe with the precision that it trains in on this machine instead of `auto`."""
    gaining = precision.of_generator(recipe.architecture)
    return replace(recipe, precision=precision.choose(recipe.precision, gaining))


def made_by() -> dict[str, str]:
    """The versions that a generator's weights depend on."""
    return provenance.made_by("training", "ufgen.gan", "ufgen.precision")


def generator_settings(
    images: ImageSet, pixels: np.ndarray, recipe: Recipe, extractor: Extractor
) -> str:
    """16 hexadecimal digits for these training images (in any order), labels and recipe.

    The working `pixels` count too: one image, cropped or padded, makes two generators; and so does
    the `extractor`, which chooses the snapshot.
    """
    shown = [hashlib.sha256(np.ascontiguousarray(image)).hexdigest() for image in pixels]
    rows = sorted(zip(images.table["sha256"], images.table["label"], shown, strict=True))
    by = extractor.name, extractor.stamp
    return provenance.key(16, rows, digest(resolved(recipe)), by)


def generator_key(
    images: ImageSet, pixels: np.ndarray, recipe: Recipe, extractor: Extractor
) -> str:
    """The name of a generator's folder: 16 hexadecimal digits of its settings and of `made_by`."""
    return provenance.key(16, generator_settings(images, pixels, recipe, extractor), made_by())


def mention_other_versions(root: Path, settings: set[str]) -> None:
    """Say how many finished generators in `root` have these settings, but another version's key."""
    unused = provenance.count_unused(Path(root).glob("*/complete.json"), settings, made_by())
    if unused:
        say(
            f"{unused} finished generators of the same images and recipe in {root} were made by "
            "another version of ufgen or of its libraries, and are not used"
        )


def load_generator(folder: Path) -> tuple[keras.Model, Recipe, dict]:
    """Rebuild a finished generator: (network, recipe, complete.json). Raises UserError."""
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
    """The snapshot's discriminator on uint8 (N, H, W, C) with class numbers: float32 (N,).

    Higher is more like a training image; without augmentation, mean over heads.
    """
    metadata = json.loads((folder / "complete.json").read_text())
    recipe = load_recipe(folder / "recipe.yaml")
    with_own = replace(recipe, features_weights="none")  # what it was trained on is in the file
    network = build_discriminator(with_own, len(metadata["classes"]))
    network.load_weights(folder / "discriminator.weights.h5")

    def scores(images: np.ndarray, classes: np.ndarray) -> np.ndarray:
        inputs = [images.astype("float32") / 127.5 - 1, classes.astype("int32")]
        return np.asarray(network.predict_on_batch(inputs)).mean(-1)

    return in_batches(scores, BATCH_SIZE, pixels, labels)


class GeneratorFolder:
    """Reads and writes the files of one generator in the folder `path`."""

    def __init__(self, path: Path):
        self.path = Path(path)

    @property
    def complete(self) -> bool:
        return (self.path / "complete.json").is_file()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Train here alone: wait while another process, of any study, trains this generator."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path.with_name(f".{self.path.name}.lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say(f"another ufgen is training the generator {self.path.name}: waiting for it")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def write_recipe(self, recipe: Recipe) -> None:
        """Weights of a local file by name alone: complete.json has its content's hash."""
        weights = Path(recipe.features_weights).name
        write_text(self.path / "recipe.yaml", to_yaml(replace(recipe, features_weights=weights)))

    def write_training(self, images: ImageSet) -> None:
        with atomic_file(self.path / "training.csv") as temporary:
            images.relative()[["path", "label", "sha256", "source"]].to_csv(temporary, index=False)

    def save(self, name: str, variables: list, state: dict, metrics: list[dict]) -> None:
        """All state in `<name>.npz`, whole or not at all."""
        arrays = {f"v{i:04d}": np.asarray(v) for i, v in enumerate(variables)}
        metadata = json.dumps([state, metrics])
        with atomic_file(self.path / f"{name}.npz") as temporary:
            np.savez(temporary, metadata=np.array(metadata), **arrays)

    def restore(self, name: str, variables: list) -> tuple[dict, list[dict]] | None:
        """Assign what `save` wrote; its state and metrics, or None if there is no such file."""
        file = self.path / f"{name}.npz"
        if not file.is_file():
            return None
        with np.load(file, allow_pickle=False) as saved:
            for i, variable in enumerate(variables):
                variable.assign(saved[f"v{i:04d}"])
            state, metrics = json.loads(str(saved["about"]))
        return state, metrics

    def write_metrics(self, metrics: list[dict], judge) -> None:
        lines = "".join(json.dumps(row) + "\n" for row in metrics)
        write_text(self.path / "metrics.jsonl", lines)
        if metrics:
            write_curves(self.path / "curves.png", metrics, judge.extractor.name, judge.reference)

    def write_snapshot(self, averaged: keras.Model, discriminator: keras.Model) -> str:
        """Write both networks; the hash of the averaged weights."""
        for name, network in (("snapshot", averaged), ("discriminator", discriminator)):
            with atomic_file(self.path / f"{name}.weights.h5") as temporary:
                network.save_weights(temporary)
        return hash_weights(averaged)

    def grid(self, kimg: int) -> Path:
        """The picture of the last evaluation within a thousand images."""
        return self.path / "grids" / f"kimg_{kimg:05d}.png"

    def write_grid(self, kimg: int, rows: list, title: str) -> None:
        write_grid(self.grid(kimg), rows, title)

    def finish(self, metadata: dict) -> None:
        """Write complete.json and remove the saved states."""
        write_text(self.path / "complete.json", json.dumps(metadata, indent=1))
        for name in ("checkpoint", "good"):
            (self.path / f"{name}.npz").unlink(missing_ok=True)
