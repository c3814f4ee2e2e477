"""Generators and discriminators by the architecture that a recipe names."""

from importlib import import_module

import keras

from ufgen.gan.networks.dcgan import noise_size
from ufgen.gan.recipe import Recipe

__all__ = ["build_discriminator", "build_generator", "noise_size"]

GENERATORS = {"dcgan": "dcgan", "residual": "residual", "projected": "dcgan"}


def build_generator(recipe: Recipe, classes: int, policy: str = "float32") -> keras.Model:
    """Latents (N, latent_dim), labels (N,) int and noise (N, noise_size) to images.

    Images are float32 (N, resolution, resolution, channels) in -1..1, also where `policy` is
    "mixed_bfloat16".
    """
    module = import_module(f"ufgen.gan.networks.{GENERATORS[recipe.architecture]}")
    with _Policy(policy):
        return module.build_generator(recipe, classes)


def build_discriminator(recipe: Recipe, classes: int, policy: str = "float32") -> keras.Model:
    """Images (N, resolution, resolution, channels) in -1..1 and labels (N,) to logits.

    Logits are float32 (N, 1), or (N, heads) for the architecture `projected`.
    """
    module = import_module(f"ufgen.gan.networks.{recipe.architecture}")
    with _Policy(policy):
        return module.build_discriminator(recipe, classes)


class _Policy:
    """The precision of the layers built inside a `with` block."""

    def __init__(self, policy: str):
        self.policy = policy

    def __enter__(self):
        self.before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self.policy)

    def __exit__(self, *error):
        keras.config.set_dtype_policy(self.before)
