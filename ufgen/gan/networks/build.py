"""Generators and discriminators by the architecture that a recipe names."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import keras

from ufgen.gan.networks.dcgan import noise_size
from ufgen.gan.recipe import Recipe

__all__ = ["build_discriminator", "build_generator", "noise_size"]

GENERATORS = {"dcgan": "dcgan", "residual": "residual", "projected": "dcgan"}


def build_generator(recipe: Recipe, classes: int, policy: str = "float32") -> keras.Model:
    """Build the generator of a recipe's architecture.

    Args:
        recipe: Architecture, resolution and sizes.
        classes: Number of classes.
        policy: Keras' dtype policy, "float32" or "mixed_bfloat16".

    Returns:
        A network from latents (N, latent_dim), labels int32 (N,) and noise (N, noise_size) to
        images, float32 (N, resolution, resolution, channels) in -1..1 with either policy.
    """
    module = import_module(f"ufgen.gan.networks.{GENERATORS[recipe.architecture]}")
    with _dtype_policy(policy):
        return module.build_generator(recipe, classes)


def build_discriminator(recipe: Recipe, classes: int, policy: str = "float32") -> keras.Model:
    """Build the discriminator of a recipe's architecture.

    Args:
        recipe: Architecture, resolution and sizes.
        classes: Number of classes.
        policy: Keras' dtype policy, "float32" or "mixed_bfloat16".

    Returns:
        A network from images (N, resolution, resolution, channels) in -1..1 and labels (N,) to
        logits: float32 (N, 1), or (N, heads) for the architecture `projected`.

    Raises:
        UserError: The weights of the frozen network of `projected` cannot be loaded.
    """
    module = import_module(f"ufgen.gan.networks.{recipe.architecture}")
    with _dtype_policy(policy):
        return module.build_discriminator(recipe, classes)


@contextmanager
def _dtype_policy(policy: str) -> Iterator[None]:
    """Build the layers inside the `with` block in this precision."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
