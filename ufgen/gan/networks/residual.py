"""A residual pair without normalisation, after R3GAN in small (Huang et al., NeurIPS 2024).

The discriminator mirrors the generator. Images go in and out as patches, so that the costly blocks
work at half the resolution or less; resampling is bilinear.
"""

import keras
from keras import layers

from ufgen.gan.networks.dcgan import inputs, judge, maps
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
    latents, labels, noise = inputs(recipe)
    embedded = layers.Embedding(classes, recipe.embedding_dim)(labels)
    vectors = layers.Concatenate()([latents, embedded])
    features = LearnedBasis(maps(recipe, 4))(vectors)
    used, sizes = 0, _sizes(recipe)
    for side in sizes:
        if side > 4:
            features = _channels(Enlarge()(features), maps(recipe, side))
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
    images = keras.Input((recipe.resolution, recipe.resolution, recipe.channels), name="images")
    labels = keras.Input((), dtype="int32", name="labels")
    sizes = _sizes(recipe)
    features = ToPatches(recipe.patch)(images)
    features = layers.Conv2D(maps(recipe, sizes[-1]), 3, padding="same")(features)
    for side in reversed(sizes):
        if side < sizes[-1]:
            features = _channels(layers.AveragePooling2D(2)(features), maps(recipe, side))
        for _ in range(recipe.depth):
            features = _block(features, recipe.depth * len(sizes))
    if recipe.minibatch_stddev:
        features = MinibatchStddev()(features)
    features = layers.LeakyReLU(0.2)(features)
    features = layers.Flatten()(features)
    features = layers.Dense(maps(recipe, 4))(features)
    logits = judge(features, labels, classes)
    return keras.Model([images, labels], logits, name="discriminator")


def _sizes(recipe: Recipe) -> list[int]:
    """The sizes at which blocks work: 4, 8 ... resolution / patch."""
    return [2**i for i in range(2, (recipe.resolution // recipe.patch).bit_length())]


def _channels(features, count: int):
    if features.shape[-1] == count:
        return features
    return layers.Conv2D(count, 1, use_bias=False)(features)


def _block(features, blocks: int):
    """Features + f(features); f starts at zero, so that the pair starts out linear.

    Zhang et al., Fixup initialization, ICLR 2019, with `blocks` in the whole network.
    """
    count = features.shape[-1]
    inner = keras.initializers.VarianceScaling(2.0 / blocks**0.5, "fan_in", "untruncated_normal")
    change = layers.LeakyReLU(0.2)(features)
    change = layers.Conv2D(count, 3, padding="same", kernel_initializer=inner)(change)
    change = layers.LeakyReLU(0.2)(change)
    change = layers.Conv2D(count, 1, kernel_initializer="zeros")(change)
    return layers.Add()([features, change])
