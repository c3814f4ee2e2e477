"""Generates images with a finished generator, and writes them with a manifest."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from ufgen.atomic import atomic_folder
from ufgen.display.image_grid import GRID_COLUMNS, write_grid
from ufgen.errors import UserError
from ufgen.gan.generator_folder import GENERATOR_FILES, discriminator_scores, load_generator
from ufgen.gan.recipe import Recipe
from ufgen.gan.sampling.latents import sample
from ufgen.images.image_set import ImageSet
from ufgen.images.pixel_store import as_picture, hash_pixels
from ufgen.progress import Progress

CHUNK = 256  # images generated between two updates of the progress bar


@dataclass(frozen=True)
class GeneratedImages:
    """Images that a generator made.

    Attributes:
        generator: The generator's folder.
        recipe: Its recipe.
        metadata: Its complete.json.
        training: The images that it was trained on: path, label, sha256, source.
        table: The images, with the columns of an image set (paths relative to the folder they are
            written to), and latent_seed, truncation, recipe, snapshot, training_sha256,
            discriminator_score.
        pixels: uint8 (N, H, W, C), row by row with `table`.
    """

    generator: Path
    recipe: Recipe
    metadata: dict[str, Any]
    training: pd.DataFrame
    table: pd.DataFrame
    pixels: np.ndarray

    def select(self, rows: np.ndarray) -> "GeneratedImages":
        """Select some of the images.

        Args:
            rows: Boolean mask (N,), or row numbers.

        Returns:
            The images of these rows.
        """
        table = self.table[rows] if np.asarray(rows).dtype == bool else self.table.iloc[rows]
        return replace(self, table=table.reset_index(drop=True), pixels=self.pixels[rows])

    def title(self) -> str:
        """Describe where the images come from.

        Returns:
            Recipe, resolution and length of the training, in one line.
        """
        simulated = (self.training["source"] == "phantom").any()
        phantom = ", trained on simulated images (phantom)" if simulated else ""
        return (
            f"{self.recipe.name} {self.metadata['recipe']}, {self.recipe.resolution} px, "
            f"{self.metadata['images_shown'] / 1000:.3g} thousand images shown{phantom}"
        )


def generate_images(
    generator: Path,
    counts: dict[str, int],
    seed: int = 0,
    truncation: float = 1.0,
    show_progress: bool = True,
) -> GeneratedImages:
    """Generate images of each class with a finished generator.

    The first n images of a class are the same however many are generated. `training_sha256` is the
    hash of the sorted hashes of all training images.

    Args:
        generator: The generator's folder.
        counts: Number of images by class.
        seed: Integer, 0 or more.
        truncation: Factor of the latents, 0..1; below 1 the images are more typical and less
            diverse.
        show_progress: Whether to show a progress bar.

    Returns:
        The images, class by class in the order of `counts`.

    Raises:
        UserError: The generator is not finished, was not trained on one of the classes, or all
            counts are 0.
    """
    network, recipe, metadata = load_generator(generator)
    unknown = set(counts) - set(metadata["classes"])
    if unknown:
        raise UserError(
            f"the generator {generator.name} was trained on {', '.join(metadata['classes'])}, not "
            f"{', '.join(sorted(unknown))}"
        )
    counts = {label: count for label, count in counts.items() if count > 0}
    if not counts:
        raise UserError(
            f"no image of the generator {generator.name} was requested: all counts are 0"
        )
    training = pd.read_csv(generator / "training.csv", dtype=str, keep_default_na=False)
    rows: list[dict[str, str]] = []
    chunks: list[np.ndarray] = []
    labels: list[int] = []
    bar = Progress(
        total=sum(counts.values()),
        unit="img",
        desc="generating synthetic images",
        disable=not show_progress,
    )
    with bar:
        for label, count in counts.items():
            index = metadata["classes"].index(label)
            for start in range(0, count, CHUNK):
                numbers = range(start, min(count, start + CHUNK))
                images = sample(network, recipe, index, numbers, seed, truncation)
                chunks.append(images)
                labels += [index] * len(numbers)
                rows += [
                    {
                        "path": f"{label}/{label}_{i:06d}_seed{seed}.png",
                        "label": label,
                        "split": "train",
                        "group": f"synthetic-{generator.name}-{seed}-{index}-{i}",
                        "source": "synthetic",
                        "sha256": hash_pixels(as_picture(image)),
                        "latent_seed": f"{seed}-{index}-{i}",
                    }
                    for i, image in zip(numbers, images, strict=True)
                ]
                bar.update(len(numbers))
    pixels = np.concatenate(chunks)
    table = pd.DataFrame(rows).assign(
        truncation=truncation,
        recipe=metadata["recipe"],
        snapshot=metadata["snapshot"],
        training_sha256=hashlib.sha256("".join(sorted(training["sha256"])).encode()).hexdigest(),
        discriminator_score=discriminator_scores(generator, pixels, np.array(labels)).round(4),
    )
    return GeneratedImages(Path(generator), recipe, metadata, training, table, pixels)


def write(
    generated: GeneratedImages,
    out: Path,
    train_images: ImageSet | None = None,
    train_pixels: np.ndarray | None = None,
    add_files: Callable[[Path], None] | None = None,
) -> ImageSet:
    """Write generated images to `out/<class>/*.png`, with what describes them.

    Beside manifest.csv there are training.csv (all training images), generator/ (what is needed to
    generate an image again), curves.png and grid.png: real images above synthetic ones. The folder
    appears whole.

    Args:
        generated: The images.
        out: The folder to write; other files in it are kept.
        train_images: Real images for the grid.
        train_pixels: Their pixels, uint8 (N, H, W, C), row by row.
        add_files: Called with the folder before it appears.

    Returns:
        The image set that was written.

    Raises:
        UserError: A foreign file in `out` has the name of a new one.
    """
    out = Path(out)
    with atomic_folder(out, keep_others=True) as temporary:
        for path, image in zip(generated.table["path"], generated.pixels, strict=True):
            (temporary / path).parent.mkdir(exist_ok=True)
            Image.fromarray(as_picture(image)).save(temporary / path)
        generated.table.to_csv(temporary / "manifest.csv", index=False)
        generated.training.to_csv(temporary / "training.csv", index=False)
        (temporary / "generator").mkdir()
        for name in GENERATOR_FILES:
            (temporary / "generator" / name).write_bytes((generated.generator / name).read_bytes())
        (temporary / "curves.png").write_bytes((generated.generator / "curves.png").read_bytes())
        rows = _grid_rows(generated, train_images, train_pixels)
        write_grid(temporary / "grid.png", rows, generated.title())
        if add_files:
            add_files(temporary)
    paths = [str((out / path).absolute()) for path in generated.table["path"]]
    positive = train_images.positive if train_images else None
    return ImageSet(generated.table.assign(path=paths), positive)


def redraw(image: Path) -> tuple[np.ndarray, bool]:
    """Generate one synthetic image again, from its row of the manifest beside it.

    Args:
        image: The path of a PNG file that `write` wrote.

    Returns:
        uint8 (H, W, C), and whether it equals, bit for bit, the image of the manifest.

    Raises:
        UserError: The image is in no manifest.
    """
    image = Path(image).absolute()
    folder = image.parent.parent
    if not (folder / "manifest.csv").is_file() or not (folder / "generator").is_dir():
        raise UserError(f"{image} lies in no folder that `ufgen synth` wrote")
    manifest = pd.read_csv(folder / "manifest.csv", dtype=str, keep_default_na=False)
    rows = manifest[manifest["path"] == image.relative_to(folder).as_posix()]
    if not len(rows):
        raise UserError(f"{folder / 'manifest.csv'} has no row for {image.name}")
    row = rows.iloc[0]
    network, recipe, _ = load_generator(folder / "generator")
    seed, index, number = map(int, row["latent_seed"].split("-"))
    pixels = sample(network, recipe, index, [number], seed, float(row["truncation"]))[0]
    return pixels, hash_pixels(as_picture(pixels)) == row["sha256"]


def _grid_rows(
    generated: GeneratedImages, train_images: ImageSet | None, train_pixels: np.ndarray | None
) -> list[tuple[str, np.ndarray]]:
    """Rows of the grid, class by class: real (or phantom) above synthetic."""
    rows = []
    for label, of_class in generated.table.groupby("label", sort=False).groups.items():
        synthetic = generated.pixels[np.asarray(of_class)[:GRID_COLUMNS]]
        if train_images is not None and train_pixels is not None:
            real = np.flatnonzero(train_images.table["label"] == label)
            by_hash = np.argsort(train_images.table["sha256"].to_numpy()[real])
            chosen = real[by_hash][: len(synthetic)]
            source = train_images.table["source"].iloc[chosen[0]]
            rows.append((f"{label}\n{source}", train_pixels[chosen]))
        rows.append((f"{label}\nsynthetic", synthetic))
    return rows
