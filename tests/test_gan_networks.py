"""The networks at every resolution: shapes, range, and that their inputs matter."""

import itertools

import numpy as np
import pytest

from ufgen.environment import prepare

prepare()

from ufgen.gan.networks import build_discriminator, build_generator, noise_size  # noqa: E402
from ufgen.gan.recipe import RESOLUTIONS, Recipe  # noqa: E402


def inputs(recipe: Recipe, count: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [
        rng.standard_normal((count, recipe.latent_dim), "float32"),
        (np.arange(count) % 2).astype("int32"),
        rng.standard_normal((count, noise_size(recipe)), "float32"),
    ]


@pytest.mark.parametrize(("resolution", "channels"), list(itertools.product(RESOLUTIONS, (1, 3))))
def test_networks_fit_every_resolution_and_channel_count(resolution, channels):
    recipe = Recipe(resolution=resolution, channels=channels, width=2, latent_dim=8)
    latents, labels, noise = inputs(recipe, 2)
    images = np.asarray(build_generator(recipe, 2)([latents, labels, noise]))
    assert images.shape == (2, resolution, resolution, channels)
    assert images.dtype == np.float32
    assert np.abs(images).max() <= 1
    assert images.std() > 0
    assert build_discriminator(recipe, 2)([images, labels]).shape == (2, 1)


def test_latents_labels_and_noise_each_change_the_image():
    recipe = Recipe(resolution=32, width=4)
    generator = build_generator(recipe, 2)
    latents, labels, noise = inputs(recipe, 4)
    base = np.asarray(generator([latents, labels, noise]))
    for changed in (
        [latents[::-1], labels, noise],
        [latents, 1 - labels, noise],
        [latents, labels, noise[::-1]],
    ):
        assert np.abs(np.asarray(generator(changed)) - base).max() > 0


def test_the_discriminator_judges_an_image_by_its_label():
    recipe = Recipe(resolution=32, width=4)
    images = np.random.default_rng(0).uniform(-1, 1, (3, 32, 32, 1)).astype("float32")
    discriminator = build_discriminator(recipe, 2)
    logits = [np.asarray(discriminator([images, np.full(3, c, "int32")])) for c in (0, 1)]
    assert np.abs(logits[0] - logits[1]).min() > 0


def test_noise_has_a_value_for_each_pixel_of_each_size():
    assert noise_size(Recipe(resolution=32)) == 8 * 8 + 16 * 16 + 32 * 32
