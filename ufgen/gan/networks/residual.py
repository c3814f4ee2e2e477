"""A residual pair without normalisation, after R3GAN in small (Huang et al., NeurIPS 2024).

The discriminator mirrors the generator. Images go in and out as patches, so that the costly blocks
work at `1/patch` of the resolution or less; resampling is bilinear.
"""

import keras
from keras import layers

from ufgen.backend import Tensor
from ufgen.gan.networks.dcgan import filters, generator_inputs, projection_logits
from ufgen.gan.networks.layers import (
    Enlarge,
    FromPatches,
    LearnedBasis,
    MinibatchStddev,
    PixelNoise,
    ToPatches,
)
from ufgen.gan.recipe import Recipe


def build_generator(recipe: Recipe, classes: int) -> keras.Model:
    """Build the generator: residual blocks from a learned 4x4 basis to patches of pixels.

    Args:
        recipe: Resolution and sizes.
        classes: Number of classes.

    Returns:
        See `ufgen.gan.networks.build.build_generator`.
    """
    latents, labels, noise = generator_inputs(recipe)
    embedded = layers.Embedding(classes, recipe.embedding_dim)(labels)
    vectors = layers.Concatenate()([latents, embedded])
    features = LearnedBasis(filters(recipe, 4))(vectors)
    used, sizes = 0, _sizes(recipe)
    for side in sizes:
        if side > 4:
            features = _channels(Enlarge()(features), filters(recipe, side))
        for _ in range(recipe.depth):
            features = _block(features, recipe.depth * len(sizes))
        if recipe.noise and side > 4:
            count = side * side if side < sizes[-1] else noise.shape[-1] - used
            features = PixelNoise()([features, noise[:, used : used + count]])
            used += count
    features = layers.LeakyReLU(0.2)(features)
    patches = layers.Conv2D(recipe.channels * recipe.patch**2, 3, padding="same")(features)
    images = FromPatches(recipe.patch)(patches)
    images = layers.Activation("tanh", dtype="float32")(images)
    return keras.Model([latents, labels, noise], images, name="generator")


def build_discriminator(recipe: Recipe, classes: int) -> keras.Model:
    """Build the discriminator: residual blocks from patches of pixels to 4x4.

    Args:
        recipe: Resolution and sizes.
        classes: Number of classes.

    Returns:
        See `ufgen.gan.networks.build.build_discriminator`; logits (N, 1).
    """
    images = keras.Input((recipe.resolution, recipe.resolution, recipe.channels), name="images")
    labels = keras.Input((), dtype="int32", name="labels")
    sizes = _sizes(recipe)
    features = ToPatches(recipe.patch)(images)
    features = layers.Conv2D(filters(recipe, sizes[-1]), 3, padding="same")(features)
    for side in reversed(sizes):
        if side < sizes[-1]:
            features = _channels(layers.AveragePooling2D(2)(features), filters(recipe, side))
        for _ in range(recipe.depth):
            features = _block(features, recipe.depth * len(sizes))
    if recipe.minibatch_stddev:
        features = MinibatchStddev()(features)
    features = layers.LeakyReLU(0.2)(features)
    features = layers.Flatten()(features)
    features = layers.Dense(filters(recipe, 4))(features)
    logits = projection_logits(features, labels, classes)
    return keras.Model([images, labels], logits, name="discriminator")


def _sizes(recipe: Recipe) -> list[int]:
    """The sizes at which blocks work: 4, 8 ... resolution / patch."""
    return [2**i for i in range(2, (recipe.resolution // recipe.patch).bit_length())]


def _channels(features: Tensor, count: int) -> Tensor:
    """A 1x1 convolution where the number of channels changes."""
    if features.shape[-1] == count:
        return features
    return layers.Conv2D(count, 1, use_bias=False)(features)


def _block(features: Tensor, blocks: int) -> Tensor:
    """Features + f(features), with f = 0 at the start.

    Zhang et al., Fixup initialization, ICLR 2019, with `blocks` of them in the network.
    """
    count = features.shape[-1]
    inner = keras.initializers.VarianceScaling(2.0 / blocks**0.5, "fan_in", "untruncated_normal")
    residual = layers.LeakyReLU(0.2)(features)
    residual = layers.Conv2D(count, 3, padding="same", kernel_initializer=inner)(residual)
    residual = layers.LeakyReLU(0.2)(residual)
    residual = layers.Conv2D(count, 1, kernel_initializer="zeros")(residual)
    return layers.Add()([features, residual])
