"""A discriminator of small heads on the frozen features of a pretrained network.

Sauer et al., Projected GANs converge faster, NeurIPS 2021, without the random mixing of scales. The
generator is that of `dcgan`.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops

from ufgen.backend import Tensor
from ufgen.gan.networks.dcgan import build_generator
from ufgen.gan.networks.layers import Projection
from ufgen.gan.recipe import Recipe
from ufgen.pretrained import build

__all__ = ["build_discriminator", "build_generator"]

HEAD_FILTERS = 64
HEADS = 3


class ToNetworkInput(layers.Layer):
    """From images in -1..1 to the input of a pretrained network: three channels."""

    def __init__(self, preprocess: Callable[[Tensor], Tensor], **options: Any) -> None:
        """Create the layer.

        Args:
            preprocess: The network's preprocessing of images in 0..255.
            **options: Keyword arguments of `keras.layers.Layer`.
        """
        super().__init__(**options)
        self.preprocess = preprocess

    def call(self, images: Tensor) -> Tensor:
        """Repeat a single channel, and preprocess.

        Args:
            images: (N, H, W, C) in -1..1, C 1 or 3.

        Returns:
            (N, H, W, 3).
        """
        images = ops.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images
        return self.preprocess((images + 1) * 127.5)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The shape that `call` returns, as Keras asks for it.

        Args:
            input_shape: (N, H, W, C).

        Returns:
            (N, H, W, 3).
        """
        return (*input_shape[:-1], 3)


def build_discriminator(recipe: Recipe, classes: int) -> keras.Model:
    """Build the discriminator: one head for each scale of the frozen network.

    Args:
        recipe: Resolution, and the network's name and weights.
        classes: Number of classes.

    Returns:
        See `ufgen.gan.networks.build.build_discriminator`; logits (N, at most HEADS), the
        finest scale first.

    Raises:
        UserError: The network does not exist, or its weights cannot be loaded.
    """
    images = keras.Input((recipe.resolution, recipe.resolution, recipe.channels), name="images")
    labels = keras.Input((), dtype="int32", name="labels")
    network, preprocess = build(recipe.features, recipe.features_weights, recipe.resolution)
    scales = [layer.output for layer in feature_layers(network)]
    frozen = keras.Model(network.inputs, scales, name="frozen")
    frozen.trainable = False
    logits = [
        _head(features, labels, classes)
        for features in frozen(ToNetworkInput(preprocess)(images), training=False)
    ]
    joined = layers.Concatenate(dtype="float32")(logits)
    return keras.Model([images, labels], joined, name="discriminator")


def feature_layers(network: keras.Model) -> list[layers.Layer]:
    """The last layer of each size, from a quarter of the image on.

    The zero padding before a strided convolution does not count as a size.

    Args:
        network: A convolutional network that halves its features step by step.

    Returns:
        At most `HEADS` layers, the finest first.
    """
    last = {}
    for layer in network.layers[1:]:
        shape, is_padding = layer.output.shape, isinstance(layer, layers.ZeroPadding2D)
        if not is_padding and len(shape) == 4 and 1 < shape[1] <= network.input_shape[1] // 4:
            last[shape[1]] = layer
    return [last[size] for size in sorted(last, reverse=True)[:HEADS]]


def _head(features: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Features of one scale, (N, h, w, c), and labels (N,) to logits (N, 1)."""
    features = layers.Conv2D(HEAD_FILTERS, 1)(features)
    features = layers.LeakyReLU(0.2)(features)
    features = layers.Conv2D(HEAD_FILTERS, 3, padding="same")(features)
    features = layers.LeakyReLU(0.2)(features)
    features = layers.GlobalAveragePooling2D(dtype="float32")(features)
    embedded = layers.Embedding(classes, HEAD_FILTERS, dtype="float32")(labels)
    linear = layers.Dense(1, dtype="float32")(features)
    return layers.Add(dtype="float32")([linear, Projection(dtype="float32")([features, embedded])])
