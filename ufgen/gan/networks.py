"""The generator and the discriminator of a class-conditional DCGAN."""

import keras
from keras import layers, ops

from ufgen.gan.recipe import Recipe


def noise_size(recipe: Recipe) -> int:
    """How many noise values the generator takes an image: one a pixel at 8, 16 ... px."""
    return sum(side * side for side in _sides(recipe))


def _sides(recipe: Recipe) -> list[int]:
    sides, side = [], 8
    while side <= recipe.resolution:
        sides.append(side)
        side *= 2
    return sides


def _feature_maps(recipe: Recipe, side: int) -> int:
    return recipe.width * min(8, recipe.resolution // side)


@keras.saving.register_keras_serializable("ufgen")
class PixelNoise(layers.Layer):
    """Adds given noise (N, H*W) to features (N, H, W, C), with a learned strength a channel.

    Speckle is stochastic texture: with noise at hand the generator need not make it from the
    latents (Karras et al., A style-based generator architecture, CVPR 2019).
    """

    def build(self, shapes):
        self.strength = self.add_weight(
            shape=(shapes[0][-1],), initializer=keras.initializers.Constant(0.1), name="strength"
        )

    def call(self, inputs):
        features, noise = inputs
        _, height, width, _ = features.shape
        return features + ops.reshape(noise, (-1, height, width, 1)) * self.strength


@keras.saving.register_keras_serializable("ufgen")
class Projection(layers.Layer):
    """Inner product of features (N, F) with an embedding (N, F): (N, 1).

    Miyato & Koyama, cGANs with projection discriminator, ICLR 2018.
    """

    def call(self, inputs):
        features, embedding = inputs
        return ops.sum(features * embedding, axis=-1, keepdims=True)


def build_generator(recipe: Recipe, classes: int) -> keras.Model:
    """Latents (N, latent_dim), labels (N,) int and noise (N, noise_size) to images.

    Images are float32 (N, resolution, resolution, channels) in -1..1 (Radford et al., 2016).
    """
    latents = keras.Input((recipe.latent_dim,), name="latents")
    labels = keras.Input((), dtype="int32", name="labels")
    noise = keras.Input((noise_size(recipe),), name="noise")
    embedded = layers.Embedding(classes, recipe.embedding_dim)(labels)
    features = layers.Concatenate()([latents, embedded])
    maps = _feature_maps(recipe, 4)
    features = layers.Dense(4 * 4 * maps, use_bias=False)(features)
    features = layers.Reshape((4, 4, maps))(features)
    used = 0
    for side in _sides(recipe):
        features = layers.BatchNormalization(momentum=0.9)(features)
        features = layers.ReLU()(features)
        maps = _feature_maps(recipe, side)
        features = layers.Conv2DTranspose(maps, 4, strides=2, padding="same", use_bias=False)(
            features
        )
        here = noise[:, used : used + side * side]
        features = PixelNoise()([features, here])
        used += side * side
    features = layers.BatchNormalization(momentum=0.9)(features)
    features = layers.ReLU()(features)
    images = layers.Conv2D(recipe.channels, 3, padding="same")(features)
    images = layers.Activation("tanh")(images)
    return keras.Model([latents, labels, noise], images, name="generator")


def build_discriminator(recipe: Recipe, classes: int) -> keras.Model:
    """Images (N, resolution, resolution, channels) in -1..1 and labels (N,) to logits (N, 1)."""
    images = keras.Input((recipe.resolution, recipe.resolution, recipe.channels), name="images")
    labels = keras.Input((), dtype="int32", name="labels")
    features = images
    for side in reversed([4, *_sides(recipe)[:-1]]):
        maps = _feature_maps(recipe, side)
        features = layers.Conv2D(maps, 4, strides=2, padding="same")(features)
        features = layers.LeakyReLU(0.2)(features)
    features = layers.Flatten()(features)
    features = layers.Dense(_feature_maps(recipe, 4))(features)
    features = layers.LeakyReLU(0.2)(features)
    logits = layers.Dense(1)(features)
    embedded = layers.Embedding(classes, features.shape[-1])(labels)
    logits = layers.Add()([logits, Projection()([features, embedded])])
    return keras.Model([images, labels], logits, name="discriminator")
