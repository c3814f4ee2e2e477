"""From seeds to images: the random inputs of a generator, and what it draws from them."""

import numpy as np

from ufgen.batching import in_batches
from ufgen.gan.networks.build import noise_size
from ufgen.gan.recipe import Recipe

BATCH_SIZE = 32


def latents_of(recipe: Recipe, seeds: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """The generator's random inputs for each seed sequence: latents and noise, float32."""
    latents, noise = [], []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        latents.append(rng.standard_normal(recipe.latent_dim, "float32"))
        noise.append(rng.standard_normal(noise_size(recipe), "float32"))
    return np.stack(latents), np.stack(noise)


def to_uint8(images) -> np.ndarray:
    """Generator output in -1..1 to uint8 0..255."""
    values = (np.asarray(images, "float32") + 1) * 127.5
    return np.clip(np.rint(values), 0, 255).astype("uint8")


def sample(
    generator, recipe: Recipe, class_index: int, numbers, seed: int, truncation: float = 1.0
) -> np.ndarray:
    """Draw the images `numbers` (whole numbers) of one class: uint8 (N, H, W, C).

    Image i comes from the random sequence (seed, class, i) alone, whatever else is drawn.
    `truncation` below 1 pulls the latents to their mean: typical images, fewer kinds of them.
    """
    numbers = list(numbers)
    latents, noise = latents_of(recipe, [[seed, class_index, i] for i in numbers])
    labels = np.full(len(numbers), class_index, "int32")
    return render(generator, latents * np.float32(truncation), labels, noise)


def render(generator, latents, labels, noise) -> np.ndarray:
    """The images of these inputs, row by row: uint8 (N, H, W, C).

    Always `BATCH_SIZE` at a time, so that an image does not depend on how many are drawn.
    """

    def images(*inputs: np.ndarray) -> np.ndarray:
        return to_uint8(generator.predict_on_batch(list(inputs)))

    return in_batches(images, BATCH_SIZE, latents, labels, noise)


def interpolate(recipe: Recipe, seeds: list[list[int]], between: int) -> tuple:
    """Latents and noise along a closed way through `seeds`, `between` steps from one to the next.

    Latents follow the sphere (White, Sampling generative networks, 2016); the noise is the first
    seed's all the way, so that what changes is the picture and not its speckle.
    """
    points, noise = latents_of(recipe, seeds)
    way = []
    for start, end in zip(points, np.roll(points, -1, axis=0), strict=True):
        cosine = start @ end / (np.linalg.norm(start) * np.linalg.norm(end))
        angle = max(np.arccos(np.clip(cosine, -1, 1)), 1e-6)
        for t in np.arange(between) / between:
            way.append((np.sin((1 - t) * angle) * start + np.sin(t * angle) * end) / np.sin(angle))
    return np.stack(way).astype("float32"), np.repeat(noise[:1], len(way), axis=0)
