"""A small generator that several tests use."""

import pytest
from small_generators import RECIPE, discs, generator_key

from ufgen.gan.training.trainer import train_generator


@pytest.fixture(scope="session")
def trained(once):
    images, pixels = discs(200, "phantom")
    folder = once(
        "generators",
        lambda root: train_generator(images, pixels, RECIPE, root, show_progress=False),
    )
    return folder / generator_key(images, pixels, RECIPE), images, pixels
