"""Generators that train in seconds, and images for them."""

import numpy as np
import pandas as pd

from ufgen.environment import prepare

prepare()

from ufgen.fidelity.feature_extractors import texture  # noqa: E402
from ufgen.gan.generator_folder import generator_key as key_with  # noqa: E402
from ufgen.gan.generator_folder import load_generator  # noqa: E402
from ufgen.gan.recipe import Recipe  # noqa: E402
from ufgen.gan.sampling.sampler import generate_images, write  # noqa: E402
from ufgen.images.image_set import ImageSet  # noqa: E402
from ufgen.images.pixel_store import hash_pixels  # noqa: E402

RECIPE = Recipe(
    resolution=32,
    width=4,
    latent_dim=16,
    batch=16,
    generator_learning_rate=1e-3,
    discriminator_learning_rate=1e-3,
    kimg=4.8,
    evaluate_kimg=2.4,
    r1=1.0,
    penalty_every=4,
    diffaugment=(),
    precision="float32",
    steps_per_call=5,
)
SHORT = {"width": 2, "batch": 4, "kimg": 0.08, "precision": "float32", "steps_per_call": 2}
SHORT |= {"evaluate_kimg": 0.024}


def discs(count: int, source: str = "real", channels: int = 1) -> tuple[ImageSet, np.ndarray]:
    """Half "bright" images, with a disc, and half "dark" ones, speckle alone."""
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 60, (count, 32, 32, channels)).astype("uint8")
    rows, columns = np.mgrid[:32, :32]
    pixels[1::2, np.hypot(rows - 16, columns - 16) < 11] += 180
    table = pd.DataFrame(
        {
            "path": [f"/images/{i}.png" for i in range(count)],
            "label": ["dark", "bright"] * (count // 2) + ["dark"] * (count % 2),
            "split": "train",
            "group": [str(i) for i in range(count)],
            "source": source,
            "sha256": [hash_pixels(image.squeeze()) for image in pixels],
        }
    )
    return ImageSet(table, "bright"), pixels


def generator_key(images, pixels, recipe) -> str:
    return key_with(images, pixels, recipe, texture())


def generate_to(out, folder, counts, *arguments, images=None, pixels=None):
    """Generate images and write them; the image set that was written."""
    return write(
        generate_images(folder, counts, *arguments, show_progress=False), out, images, pixels
    )


def weights(folder) -> list[np.ndarray]:
    return load_generator(folder)[0].get_weights()


def assert_same(weights: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for one, other in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(one, other)
