"""Pictures of a generator's latent space: one synthetic image turning into the next."""

from pathlib import Path

import numpy as np
from PIL import Image

from ufgen.atomic import atomic_file
from ufgen.display.image_grid import GRID_COLUMNS, TILE, write_grid
from ufgen.gan.sampling.latents import interpolate, render
from ufgen.gan.sampling.sampler import GeneratedImages, load_generator
from ufgen.images import pixel_store

STRIP_SEEDS, STRIP_BETWEEN = GRID_COLUMNS // 2, 2
GIF_SEEDS, GIF_BETWEEN, GIF_MILLISECONDS = 4, 12, 80


def write_interpolations(folder: Path, drawn: GeneratedImages) -> None:
    """interpolation.png, a strip for each class, and interpolation.gif, the classes in a row."""
    network, recipe, metadata = load_generator(drawn.generator)
    rows, films = [], []
    for label in dict.fromkeys(drawn.table["label"]):
        of_class = drawn.table[drawn.table["label"] == label]
        index = metadata["classes"].index(label)
        seed = int(of_class["latent_seed"].iloc[0].split("-")[0])
        truncation = np.float32(of_class["truncation"].iloc[0])

        def film(seeds: int, between: int, index=index, seed=seed, truncation=truncation):
            places = [[seed, index, i] for i in range(seeds)]
            latents, noise = interpolate(recipe, places, between)
            labels = np.full(len(latents), index, "int32")
            return render(network, latents * truncation, labels, noise)

        rows.append((f"{label}\nsynthetic", film(STRIP_SEEDS, STRIP_BETWEEN)))
        films.append(film(GIF_SEEDS, GIF_BETWEEN))
    write_grid(folder / "interpolation.png", rows, f"latent interpolation: {drawn.title()}")
    frames = np.concatenate(films, axis=2)
    factor = max(1, TILE // frames.shape[1])
    frames = frames.repeat(factor, 1).repeat(factor, 2)
    pictures = [Image.fromarray(pixel_store.as_picture(frame)) for frame in frames]
    with atomic_file(folder / "interpolation.gif") as temporary:
        pictures[0].save(
            temporary,
            save_all=True,
            append_images=pictures[1:],
            duration=GIF_MILLISECONDS,
            loop=0,
        )
