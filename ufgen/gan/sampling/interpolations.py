"""Interpolations in a generator's latent space: one synthetic image turning into the next."""

from pathlib import Path

import keras
import numpy as np
from PIL import Image

from ufgen.atomic import atomic_file
from ufgen.display.image_grid import GRID_COLUMNS, TILE, write_grid
from ufgen.gan.generator_folder import load_generator
from ufgen.gan.recipe import Recipe
from ufgen.gan.sampling.latents import interpolate, render
from ufgen.gan.sampling.sampler import GeneratedImages
from ufgen.images import pixel_store

STRIP_SEEDS, STRIP_BETWEEN = GRID_COLUMNS // 2, 2
GIF_SEEDS, GIF_BETWEEN, GIF_MILLISECONDS = 4, 12, 80


def write_interpolations(folder: Path, generated: GeneratedImages) -> None:
    """Write interpolation.png, a strip for each class, and interpolation.gif.

    Args:
        folder: Where to write them.
        generated: The images whose generator, seed and truncation are shown.
    """
    network, recipe, metadata = load_generator(generated.generator)
    strips, films = [], []
    for label in dict.fromkeys(generated.table["label"]):
        of_class = generated.table[generated.table["label"] == label]
        index = metadata["classes"].index(label)
        seed = int(of_class["latent_seed"].iloc[0].split("-")[0])
        truncation = np.float32(of_class["truncation"].iloc[0])
        seeds = [[seed, index, i] for i in range(max(STRIP_SEEDS, GIF_SEEDS))]
        strip = _frames(network, recipe, seeds[:STRIP_SEEDS], STRIP_BETWEEN, truncation)
        strips.append((f"{label}\nsynthetic", strip))
        films.append(_frames(network, recipe, seeds[:GIF_SEEDS], GIF_BETWEEN, truncation))
    title = f"latent interpolation: {generated.title()}"
    write_grid(folder / "interpolation.png", strips, title)
    _write_gif(folder / "interpolation.gif", np.concatenate(films, axis=2))


def _frames(
    network: keras.Model,
    recipe: Recipe,
    seeds: list[list[int]],
    between: int,
    truncation: np.float32,
) -> np.ndarray:
    """Frames along a closed path through the latent codes of `seeds`, (seed, class, i) each."""
    latents, noise = interpolate(recipe, seeds, between)
    labels = np.full(len(latents), seeds[0][1], "int32")
    return render(network, latents * truncation, labels, noise)


def _write_gif(path: Path, frames: np.ndarray) -> None:
    """Write uint8 frames (N, H, W, C), small ones enlarged by a whole factor."""
    factor = max(1, TILE // frames.shape[1])
    frames = frames.repeat(factor, 1).repeat(factor, 2)
    pictures = [Image.fromarray(pixel_store.as_picture(frame)) for frame in frames]
    with atomic_file(path) as temporary:
        pictures[0].save(
            temporary,
            save_all=True,
            append_images=pictures[1:],
            duration=GIF_MILLISECONDS,
            loop=0,
        )
