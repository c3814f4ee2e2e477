"""A class-conditional DCGAN: strided convolutions (Radford et al., ICLR 2016)."""

import keras
from keras import layers

from ufgen.backend import Tensor
from ufgen.gan.networks.layers import PixelNoise, Projection
from ufgen.gan.recipe import Recipe
from ufgen.kernels import BatchNormalization


def sides(recipe: Recipe) -> list[int]:
    """The sizes after each upsampling.

    Args:
        recipe: Its `resolution` is the last of them.

    Returns:
        Heights (and widths) in pixels: 8, 16 ... resolution.

    Example:
        >>> sides(Recipe(resolution=32))
        [8, 16, 32]
    """
    return [2**i for i in range(3, recipe.resolution.bit_length())]


def filters(recipe: Recipe, side: int) -> int:
    """The number of filters at a size: doubled at each halving, up to eight times `width`.

    Args:
        recipe: `width` filters at its `resolution`.
        side: Height of the features in pixels.

    Returns:
        The number of channels there.

    Example:
        >>> filters(Recipe(resolution=64, width=16), 32)
        32
    """
    return recipe.width * min(8, recipe.resolution // side)


def build_generator(recipe: Recipe, classes: int) -> keras.Model:
    """Build the generator: transposed convolutions from 4x4 to the resolution.

    Args:
        recipe: Resolution and sizes.
        classes: Number of classes.

    Returns:
        See `ufgen.gan.networks.build.build_generator`.
    """
    latents, labels, noise = generator_inputs(recipe)
    embedded = layers.Embedding(classes, recipe.embedding_dim)(labels)
    features = layers.Concatenate()([latents, embedded])
    features = layers.Dense(4 * 4 * filters(recipe, 4), use_bias=False)(features)
    features = layers.Reshape((4, 4, filters(recipe, 4)))(features)
    used = 0
    for side in sides(recipe):
        features = BatchNormalization(momentum=0.9)(features)
        features = layers.ReLU()(features)
        features = layers.Conv2DTranspose(
            filters(recipe, side), 4, strides=2, padding="same", use_bias=False
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
    """Build the discriminator: strided convolutions, without normalisation.

    Args:
        recipe: Resolution and sizes.
        classes: Number of classes.

    Returns:
        See `ufgen.gan.networks.build.build_discriminator`; logits (N, 1).
    """
    images = keras.Input((recipe.resolution, recipe.resolution, recipe.channels), name="images")
    labels = keras.Input((), dtype="int32", name="labels")
    features = images
    for side in reversed([4, *sides(recipe)[:-1]]):
        features = layers.Conv2D(filters(recipe, side), 4, strides=2, padding="same")(features)
        features = layers.LeakyReLU(0.2)(features)
    features = layers.Flatten()(features)
    features = layers.Dense(filters(recipe, 4))(features)
    features = layers.LeakyReLU(0.2)(features)
    logits = projection_logits(features, labels, classes)
    return keras.Model([images, labels], logits, name="discriminator")


def generator_inputs(recipe: Recipe) -> tuple[keras.KerasTensor, ...]:
    """The symbolic inputs of every generator.

    Args:
        recipe: Sizes of latents and noise.

    Returns:
        Latents (N, latent_dim), labels int32 (N,), and noise (N, noise_size).
    """
    return (
        keras.Input((recipe.latent_dim,), name="latents"),
        keras.Input((), dtype="int32", name="labels"),
        keras.Input((noise_size(recipe),), name="noise"),
    )


def noise_size(recipe: Recipe) -> int:
    """The number of noise values of an image: one for each pixel at 8, 16 ... resolution.

    Args:
        recipe: Its `resolution`, and whether there is `noise`.

    Returns:
        An integer, 0 without noise.

    Example:
        >>> noise_size(Recipe(resolution=32)) == 8 * 8 + 16 * 16 + 32 * 32
        True
    """
    return sum(side * side for side in sides(recipe)) if recipe.noise else 0


def projection_logits(features: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Logits of a projection discriminator: a linear layer plus `Projection`, in float32.

    Args:
        features: (N, F).
        labels: Class indices, (N,).
        classes: Number of classes.

    Returns:
        (N, 1).
    """
    features = layers.Activation("linear", dtype="float32")(features)
    embedded = layers.Embedding(classes, features.shape[-1], dtype="float32")(labels)
    linear = layers.Dense(1, dtype="float32")(features)
    return layers.Add(dtype="float32")([linear, Projection(dtype="float32")([features, embedded])])
