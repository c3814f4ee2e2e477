"""From seeds to images: the random inputs of a generator, and its images of them."""

from collections.abc import Iterable

import keras
import numpy as np

from ufgen.batching import in_batches
from ufgen.gan.networks.build import noise_size
from ufgen.gan.recipe import Recipe

BATCH_SIZE = 32


def sample_latents(recipe: Recipe, seeds: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Sample the generator's random inputs, one for each seed sequence.

    Args:
        recipe: Sizes of latents and noise.
        seeds: N lists of integers.

    Returns:
        Latents (N, latent_dim) and noise (N, noise_size), float32, standard normal.

    Example:
        >>> latents, noise = sample_latents(Recipe(latent_dim=8, noise=False), [[0, 1], [0, 2]])
        >>> latents.shape, noise.shape
        ((2, 8), (2, 0))
    """
    latents, noise = [], []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        latents.append(rng.standard_normal(recipe.latent_dim, "float32"))
        noise.append(rng.standard_normal(noise_size(recipe), "float32"))
    return np.stack(latents), np.stack(noise)


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Round a generator's output to grey values.

    Args:
        images: Any shape, in -1..1.

    Returns:
        uint8 in 0..255, in the same shape.

    Example:
        >>> to_uint8(np.array([-1.0, 0.0, 1.0])).tolist()
        [0, 128, 255]
    """
    values = (np.asarray(images, "float32") + 1) * 127.5
    return np.clip(np.rint(values), 0, 255).astype("uint8")


def sample(
    generator: keras.Model,
    recipe: Recipe,
    class_index: int,
    numbers: Iterable[int],
    seed: int,
    truncation: float = 1.0,
) -> np.ndarray:
    """Generate images of one class.

    Image i depends on (seed, class, i) alone, whatever else is generated.

    Args:
        generator: The network.
        recipe: The recipe that it was built by.
        class_index: Index of the class.
        numbers: The images' numbers i, N integers.
        seed: Integer, 0 or more.
        truncation: Factor of the latents, 0..1; below 1 the images are more typical and less
            diverse.

    Returns:
        uint8 (N, H, W, C).
    """
    numbers = list(numbers)
    latents, noise = sample_latents(recipe, [[seed, class_index, i] for i in numbers])
    labels = np.full(len(numbers), class_index, "int32")
    return render(generator, latents * np.float32(truncation), labels, noise)


def render(
    generator: keras.Model, latents: np.ndarray, labels: np.ndarray, noise: np.ndarray
) -> np.ndarray:
    """Generate the images of given inputs, in batches of one size.

    Args:
        generator: The network.
        latents: float32 (N, latent_dim).
        labels: Class indices, int32 (N,).
        noise: float32 (N, noise_size).

    Returns:
        uint8 (N, H, W, C), row by row.
    """

    def images(*inputs: np.ndarray) -> np.ndarray:
        return to_uint8(generator.predict_on_batch(list(inputs)))

    return in_batches(images, BATCH_SIZE, latents, labels, noise)


def interpolate(
    recipe: Recipe, seeds: list[list[int]], between: int
) -> tuple[np.ndarray, np.ndarray]:
    """Interpolate along a closed path through the latent codes of `seeds`.

    Latents are interpolated spherically (White, Sampling generative networks, 2016); the noise is
    the first seed's all along, so that the anatomy changes and not its speckle.

    Args:
        recipe: Sizes of latents and noise.
        seeds: Seed sequences of the codes, K lists of integers.
        between: Steps from one code to the next.

    Returns:
        Latents (K * between, latent_dim) and noise (K * between, noise_size), float32.
    """
    codes, noise = sample_latents(recipe, seeds)
    path = []
    for start, end in zip(codes, np.roll(codes, -1, axis=0), strict=True):
        cosine = start @ end / (np.linalg.norm(start) * np.linalg.norm(end))
        angle = max(np.arccos(np.clip(cosine, -1, 1)), 1e-6)
        for t in np.arange(between) / between:
            code = np.sin((1 - t) * angle) * start + np.sin(t * angle) * end
            path.append(code / np.sin(angle))
    return np.stack(path).astype("float32"), np.repeat(noise[:1], len(path), axis=0)
