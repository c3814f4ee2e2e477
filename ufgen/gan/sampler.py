"""Draws images into synthetic/, with a manifest and a grid."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from ufgen.atomic import whole_folder
from ufgen.errors import UserError
from ufgen.gan.networks import build_generator
from ufgen.gan.recipe import Recipe, digest, load_recipe, to_yaml
from ufgen.gan.trainer import sample
from ufgen.grids import GRID_COLUMNS, write_grid
from ufgen.imageset import ImageSet
from ufgen.pixels import hash_pixels


def load_generator(folder: Path):
    """Rebuild a finished generator: (keras.Model, Recipe, complete.json). Raises UserError."""
    folder = Path(folder)
    if not (folder / "complete.json").is_file():
        raise UserError(f"{folder} holds no finished generator: complete.json is missing")
    about = json.loads((folder / "complete.json").read_text())
    recipe = load_recipe(folder / "recipe.yaml")
    generator = build_generator(recipe, len(about["classes"]))
    generator.load_weights(folder / "snapshot.weights.h5")
    return generator, recipe, about


def draw(
    generator: Path,
    counts: dict[str, int],
    out: Path,
    seed: int = 0,
    train_images: ImageSet | None = None,
    train_pixels: np.ndarray | None = None,
    progress: bool = True,
) -> ImageSet:
    """Draw `counts` images of each class into `out/<class>/*.png`, and describe them.

    `out` appears whole, with manifest.csv (an image set, plus latent_seed, recipe, snapshot and
    training_sha256), training.csv (every image that the generator saw; training_sha256 is the hash
    of their sorted hashes), recipe.yaml, losses.png and grid.png: real images (`train_images` with
    `train_pixels`, uint8 (N, H, W, C), row by row) above synthetic ones. The first n images of a
    draw are the same however many are drawn. Raises UserError for a class it was not trained on
    and where no image is asked for.
    """
    network, recipe, about = load_generator(generator)
    unknown = set(counts) - set(about["classes"])
    if unknown:
        raise UserError(
            f"the generator {generator.name} knows {', '.join(about['classes'])}, not "
            f"{', '.join(sorted(unknown))}"
        )
    counts = {label: count for label, count in counts.items() if count > 0}
    if not counts:
        raise UserError(f"no image was asked of the generator {generator.name}: all counts are 0")
    training = pd.read_csv(generator / "training.csv", dtype=str, keep_default_na=False)
    seen = hashlib.sha256("".join(sorted(training["sha256"])).encode()).hexdigest()
    rows, strips = [], {}
    out = Path(out)
    bar = tqdm(
        total=sum(counts.values()),
        unit="img",
        desc="drawing synthetic images",
        disable=not progress,
    )
    with whole_folder(out) as temporary, bar:
        for label, count in counts.items():
            index = about["classes"].index(label)
            pixels = sample(network, recipe, index, range(count), seed)
            strips[label] = pixels[:GRID_COLUMNS]
            (temporary / label).mkdir()
            for i, picture in enumerate(pixels):
                flat = picture[..., 0] if recipe.channels == 1 else picture
                name = f"{label}/{label}_{i:06d}_seed{seed}.png"
                Image.fromarray(flat).save(temporary / name)
                rows.append(
                    {
                        "path": name,
                        "label": label,
                        "split": "train",
                        "group": f"synthetic-{generator.name}-{seed}-{index}-{i}",
                        "source": "synthetic",
                        "sha256": hash_pixels(flat),
                        "latent_seed": f"{seed}-{index}-{i}",
                    }
                )
            bar.update(count)
        manifest = pd.DataFrame(rows).assign(
            recipe=digest(recipe), snapshot=about["snapshot"], training_sha256=seen
        )
        manifest.to_csv(temporary / "manifest.csv", index=False)
        training.to_csv(temporary / "training.csv", index=False)
        (temporary / "recipe.yaml").write_text(to_yaml(recipe), encoding="utf-8")
        (temporary / "losses.png").write_bytes((generator / "losses.png").read_bytes())
        title = _title(recipe, about, training)
        grid = _grid_rows(strips, train_images, train_pixels)
        write_grid(temporary / "grid.png", grid, title)
    table = manifest.assign(path=[str((out / p).absolute()) for p in manifest["path"]])
    return ImageSet(table, train_images.positive if train_images else None)


def _title(recipe: Recipe, about: dict, training: pd.DataFrame) -> str:
    simulated = (training["source"] == "phantom").any()
    phantom = ", trained on simulated images (phantom)" if simulated else ""
    return (
        f"{recipe.name} {digest(recipe)}, {recipe.resolution} px, "
        f"{about['images_shown'] / 1000:.0f} thousand images shown{phantom}"
    )


def _grid_rows(strips: dict, train_images: ImageSet | None, train_pixels) -> list:
    """Rows of the grid, class by class: real (or phantom) above synthetic."""
    rows = []
    for label, synthetic in strips.items():
        if train_images is not None:
            of_class = np.flatnonzero(train_images.table["label"] == label)
            by_hash = np.argsort(train_images.table["sha256"].to_numpy()[of_class])
            chosen = of_class[by_hash][: len(synthetic)]
            source = train_images.table["source"].iloc[chosen[0]]
            rows.append((f"{label}\n{source}", train_pixels[chosen]))
        rows.append((f"{label}\nsynthetic", synthetic))
    return rows
