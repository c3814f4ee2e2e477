"""A class-conditional DCGAN: strided convolutions (Radford et al., ICLR 2016)."""

import keras
from keras import layers

from ufgen.gan.networks.layers import PixelNoise, Projection
from ufgen.gan.recipe import Recipe
from ufgen.kernels import BatchNormalization


def sides(recipe: Recipe) -> list[int]:
    """The sizes after each enlargement: 8, 16 ... resolution."""
    return [2**i for i in range(3, recipe.resolution.bit_length())]


def maps(recipe: Recipe, side: int) -> int:
    """Feature maps at a size: twice as many at each halving, up to eight times `width`."""
    return recipe.width * min(8, recipe.resolution // side)


def build_generator(recipe: Recipe, classes: int) -> keras.Model:
    latents, labels, noise = inputs(recipe)
    embedded = layers.Embedding(classes, recipe.embedding_dim)(labels)
    features = layers.Concatenate()([latents, embedded])
    features = layers.Dense(4 * 4 * maps(recipe, 4), use_bias=False)(features)
    features = layers.Reshape((4, 4, maps(recipe, 4)))(features)
    used = 0
    for side in sides(recipe):
        features = BatchNormalization(momentum=0.9)(features)
        features = layers.ReLU()(features)
        features = layers.Conv2DTranspose(
            maps(recipe, side), 4, strides=2, padding="same", use_bias=False
        )(features)
        if recipe.noise:
            features = PixelNoise()([features, noise[:, used : used + side * side]])
            used += side * side
    features = BatchNormalization(momentum=0.9)(features)
    features = layers.ReLU()(features)
    images = layers.Conv2D(recipe.channels, 3, padding="same")(features)
    images = layers.Activation("tanh", dtype="float32")(images)
    return keras.Model([latents, labels, noise], images, name="generator")


def build_discriminator(recipe: Recipe, classes: int) -> keras.Model:
    images = keras.Input((recipe.resolution, recipe.resolution, recipe.channels), name="images")
    labels = keras.Input((), dtype="int32", name="labels")
    features = images
    for side in reversed([4, *sides(recipe)[:-1]]):
        features = layers.Conv2D(maps(recipe, side), 4, strides=2, padding="same")(features)
        features = layers.LeakyReLU(0.2)(features)
    features = layers.Flatten()(features)
    features = layers.Dense(maps(recipe, 4))(features)
    features = layers.LeakyReLU(0.2)(features)
    logits = judge(features, labels, classes)
    return keras.Model([images, labels], logits, name="discriminator")


def inputs(recipe: Recipe) -> tuple:
    """Latents, labels and noise: what every generator takes."""
    return (
        keras.Input((recipe.latent_dim,), name="latents"),
        keras.Input((), dtype="int32", name="labels"),
        keras.Input((noise_size(recipe),), name="noise"),
    )


def noise_size(recipe: Recipe) -> int:
    """How many noise values the generator takes an image: one a pixel at 8, 16 ... px."""
    return sum(side * side for side in sides(recipe)) if recipe.noise else 0


def judge(features, labels, classes: int):
    """Features (N, F) and labels (N,) to logits (N, 1), float32: linear plus projection."""
    features = layers.Activation("linear", dtype="float32")(features)
    embedded = layers.Embedding(classes, features.shape[-1], dtype="float32")(labels)
    linear = layers.Dense(1, dtype="float32")(features)
    return layers.Add(dtype="float32")([linear, Projection(dtype="float32")([features, embedded])])
