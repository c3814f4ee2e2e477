"""A discriminator of small heads on the frozen features of a pretrained network.

Sauer et al., Projected GANs converge faster, NeurIPS 2021, without the random mixing of scales. The
generator is that of `dcgan`.
"""

import keras
from keras import layers, ops

from ufgen.gan.networks.dcgan import build_generator
from ufgen.gan.networks.layers import Projection
from ufgen.gan.recipe import Recipe
from ufgen.pretrained import build

__all__ = ["build_discriminator", "build_generator"]

HEAD_FILTERS = 64
HEADS = 3


class ToNetworkInput(layers.Layer):
    """Images (N, H, W, C) in -1..1 to what a pretrained network expects: three channels."""

    def __init__(self, preprocess, **options):
        super().__init__(**options)
        self.preprocess = preprocess

    def call(self, images):
        images = ops.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images
        return self.preprocess((images + 1) * 127.5)

    def compute_output_shape(self, shape):
        return (*shape[:-1], 3)


def build_discriminator(recipe: Recipe, classes: int) -> keras.Model:
    """Logits are (N, HEADS): one for each of the network's scales, the finest first."""
    images = keras.Input((recipe.resolution, recipe.resolution, recipe.channels), name="images")
    labels = keras.Input((), dtype="int32", name="labels")
    network, preprocess = build(recipe.features, recipe.features_weights, recipe.resolution)
    frozen = keras.Model(network.inputs, _scales(network), name="frozen")
    frozen.trainable = False
    logits = [
        _head(features, labels, classes)
        for features in frozen(ToNetworkInput(preprocess)(images), training=False)
    ]
    joined = layers.Concatenate(dtype="float32")(logits)
    return keras.Model([images, labels], joined, name="discriminator")


def _scales(network: keras.Model) -> list:
    """The features that `watched` layers give."""
    return [layer.output for layer in watched(network)]


def watched(network: keras.Model) -> list[layers.Layer]:
    """The last layer of each size, from a quarter of the image on, at most `HEADS` of them.

    Borders that a strided convolution asks for are no size of their own.
    """
    last = {}
    for layer in network.layers[1:]:
        shape, border = layer.output.shape, isinstance(layer, layers.ZeroPadding2D)
        if not border and len(shape) == 4 and 1 < shape[1] <= network.input_shape[1] // 4:
            last[shape[1]] = layer
    return [last[size] for size in sorted(last, reverse=True)[:HEADS]]


def _head(features, labels, classes: int):
    features = layers.Conv2D(HEAD_FILTERS, 1)(features)
    features = layers.LeakyReLU(0.2)(features)
    features = layers.Conv2D(HEAD_FILTERS, 3, padding="same")(features)
    features = layers.LeakyReLU(0.2)(features)
    features = layers.GlobalAveragePooling2D(dtype="float32")(features)
    embedded = layers.Embedding(classes, HEAD_FILTERS, dtype="float32")(labels)
    plain = layers.Dense(1, dtype="float32")(features)
    return layers.Add(dtype="float32")([plain, Projection(dtype="float32")([features, embedded])])
