"""Draws images from a finished generator, and writes them into synthetic/ with a manifest."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True)
class GeneratedImages:
    """Images drawn from the generator in `generator`: a table and uint8 pixels, row by row.

    The table has the columns of an image set (paths relative to the folder they are written to),
    and latent_seed, truncation, recipe, snapshot, training_sha256, discriminator_score.
    """

    generator: Path
    recipe: Recipe
    metadata: dict
    training: pd.DataFrame
    table: pd.DataFrame
    pixels: np.ndarray

    def select(self, rows: np.ndarray) -> "GeneratedImages":
        """Only the `rows` of a mask or index."""
        chosen = self.table[rows] if np.asarray(rows).dtype == bool else self.table.iloc[rows]
        return GeneratedImages(
            self.generator,
            self.recipe,
            self.metadata,
            self.training,
            chosen.reset_index(drop=True),
            self.pixels[rows],
        )

    def title(self) -> str:
        """What the images come from, in one line."""
        simulated = (self.training["source"] == "phantom").any()
        phantom = ", trained on simulated images (phantom)" if simulated else ""
        return (
            f"{self.recipe.name} {self.metadata['recipe']}, {self.recipe.resolution} px, "
            f"{self.metadata['images_shown'] / 1000:.3g} thousand images shown{phantom}"
        )


def draw(
    generator: Path,
    counts: dict[str, int],
    seed: int = 0,
    truncation: float = 1.0,
    progress: bool = True,
) -> GeneratedImages:
    """Draw `counts` images of each class.

    The first n images of a draw are the same however many are drawn. `training_sha256` is the hash
    of the sorted hashes of every image that the generator saw. Raises UserError for a class it was
    not trained on and where no image is asked for.
    """
    network, recipe, metadata = load_generator(generator)
    unknown = set(counts) - set(metadata["classes"])
    if unknown:
        raise UserError(
            f"the generator {generator.name} knows {', '.join(metadata['classes'])}, not "
            f"{', '.join(sorted(unknown))}"
        )
    counts = {label: count for label, count in counts.items() if count > 0}
    if not counts:
        raise UserError(f"no image was asked of the generator {generator.name}: all counts are 0")
    training = pd.read_csv(generator / "training.csv", dtype=str, keep_default_na=False)
    seen = hashlib.sha256("".join(sorted(training["sha256"])).encode()).hexdigest()
    rows, pixels, labels = [], [], []
    bar = Progress(
        total=sum(counts.values()),
        unit="img",
        desc="drawing synthetic images",
        disable=not progress,
    )
    with bar:
        for label, count in counts.items():
            index = metadata["classes"].index(label)
            for start in range(0, count, 256):
                part = range(start, min(count, start + 256))
                drawn = sample(network, recipe, index, part, seed, truncation)
                pixels.append(drawn)
                labels += [index] * len(part)
                rows += [
                    {
                        "path": f"{label}/{label}_{i:06d}_seed{seed}.png",
                        "label": label,
                        "split": "train",
                        "group": f"synthetic-{generator.name}-{seed}-{index}-{i}",
                        "source": "synthetic",
                        "sha256": hash_pixels(as_picture(picture)),
                        "latent_seed": f"{seed}-{index}-{i}",
                    }
                    for i, picture in zip(part, drawn, strict=True)
                ]
                bar.update(len(part))
    pixels = np.concatenate(pixels)
    table = pd.DataFrame(rows).assign(
        truncation=truncation,
        recipe=metadata["recipe"],
        snapshot=metadata["snapshot"],
        training_sha256=seen,
        discriminator_score=discriminator_scores(generator, pixels, np.array(labels)).round(4),
    )
    return GeneratedImages(Path(generator), recipe, metadata, training, table, pixels)


def write(
    drawn: GeneratedImages,
    out: Path,
    train_images: ImageSet | None = None,
    train_pixels: np.ndarray | None = None,
    more=None,
) -> ImageSet:
    """Write the images to `out/<class>/*.png`, and what describes them; `out` appears whole.

    Beside manifest.csv there are training.csv (every image that the generator saw), generator/
    (what is needed to draw an image again), curves.png and grid.png: real images (`train_images`
    with `train_pixels`, row by row) above synthetic ones. `more(folder)` may add files before the
    folder appears.
    """
    out = Path(out)
    with atomic_folder(out, keep_others=True) as temporary:
        for path, picture in zip(drawn.table["path"], drawn.pixels, strict=True):
            (temporary / path).parent.mkdir(exist_ok=True)
            Image.fromarray(as_picture(picture)).save(temporary / path)
        drawn.table.to_csv(temporary / "manifest.csv", index=False)
        drawn.training.to_csv(temporary / "training.csv", index=False)
        (temporary / "generator").mkdir()
        for name in GENERATOR_FILES:
            (temporary / "generator" / name).write_bytes((drawn.generator / name).read_bytes())
        (temporary / "curves.png").write_bytes((drawn.generator / "curves.png").read_bytes())
        rows = _grid_rows(drawn, train_images, train_pixels)
        write_grid(temporary / "grid.png", rows, drawn.title())
        if more:
            more(temporary)
    table = drawn.table.assign(path=[str((out / p).absolute()) for p in drawn.table["path"]])
    return ImageSet(table, train_images.positive if train_images else None)


def redraw(image: Path) -> tuple[np.ndarray, bool]:
    """Draw one synthetic image again from its row of the manifest beside it.

    Returns uint8 (H, W, C) and whether it equals, bit for bit, what the manifest says. Raises
    UserError where the image is in no manifest.
    """
    image = Path(image).absolute()
    folder = image.parent.parent
    if not (folder / "manifest.csv").is_file() or not (folder / "generator").is_dir():
        raise UserError(f"{image} lies in no folder that `ufgen synth` wrote")
    manifest = pd.read_csv(folder / "manifest.csv", dtype=str, keep_default_na=False)
    row = manifest[manifest["path"] == image.relative_to(folder).as_posix()]
    if not len(row):
        raise UserError(f"{folder / 'manifest.csv'} has no row for {image.name}")
    row = row.iloc[0]
    network, recipe, _ = load_generator(folder / "generator")
    seed, index, number = map(int, row["latent_seed"].split("-"))
    picture = sample(network, recipe, index, [number], seed, float(row["truncation"]))[0]
    return picture, hash_pixels(as_picture(picture)) == row["sha256"]


def _grid_rows(drawn: GeneratedImages, train_images: ImageSet | None, train_pixels) -> list:
    """Rows of the grid, class by class: real (or phantom) above synthetic."""
    rows = []
    for label, of_class in drawn.table.groupby("label", sort=False).groups.items():
        synthetic = drawn.pixels[np.asarray(of_class)[:GRID_COLUMNS]]
        if train_images is not None:
            real = np.flatnonzero(train_images.table["label"] == label)
            by_hash = np.argsort(train_images.table["sha256"].to_numpy()[real])
            chosen = real[by_hash][: len(synthetic)]
            source = train_images.table["source"].iloc[chosen[0]]
            rows.append((f"{label}\n{source}", train_pixels[chosen]))
        rows.append((f"{label}\nsynthetic", synthetic))
    return rows
