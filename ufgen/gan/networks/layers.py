"""Layers that generators and discriminators share."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from ufgen.backend import Tensor


class PixelNoise(layers.Layer):
    """Adds given noise to features, with a learned strength for each channel.

    Speckle is stochastic texture: with noise as an input the generator need not make it from the
    latents (Karras et al., A style-based generator architecture, CVPR 2019).
    """

    def build(self, input_shape: list[tuple]) -> None:
        """Create the strengths.

        Args:
            input_shape: The shapes of features (N, H, W, C) and noise (N, n).
        """
        (_, height, width, channels), (_, count) = input_shape
        self.strength = self.add_weight(
            shape=(count // (height * width), channels), initializer=_spread(0.1), name="strength"
        )

    def call(self, inputs: list[Tensor]) -> Tensor:
        """Add the noise.

        Args:
            inputs: Features (N, H, W, C), and noise (N, n) with n a multiple of H * W: one value,
                or a patch of values, per pixel.

        Returns:
            Features (N, H, W, C).
        """
        features, noise = inputs
        _, height, width, _ = features.shape
        noise = ops.reshape(noise, (-1, height, width, self.strength.shape[0]))
        return features + noise @ self.strength


def _spread(strength: float) -> Callable:
    """Initialiser: one strength for every channel; with several values per pixel, random signs."""

    def initialise(shape: tuple, dtype: Any = None) -> Tensor:
        signs = np.random.default_rng(0).choice([-1, 1], shape) if shape[0] > 1 else np.ones(shape)
        return ops.convert_to_tensor(signs * strength / np.sqrt(shape[0]), dtype)

    return initialise


class Projection(layers.Layer):
    """Inner product of features with an embedding of the label.

    Miyato & Koyama, cGANs with projection discriminator, ICLR 2018.
    """

    def call(self, inputs: list[Tensor]) -> Tensor:
        """Multiply and sum.

        Args:
            inputs: Features and embedding, both (N, F).

        Returns:
            (N, 1).
        """
        features, embedding = inputs
        return ops.sum(features * embedding, axis=-1, keepdims=True)


class LearnedBasis(layers.Layer):
    """From vectors to features: a learned 4x4 pattern for each channel, scaled by a projection.

    The scales are a linear projection of the vector. The input of the generator in Huang et al.,
    R3GAN, NeurIPS 2024.
    """

    def __init__(self, filters: int, **options: Any) -> None:
        """Create the layer.

        Args:
            filters: Channels of the output.
            **options: Keyword arguments of `keras.layers.Layer`.
        """
        super().__init__(**options)
        self.scale = layers.Dense(filters, use_bias=False, dtype=self.dtype_policy)
        self.filters = filters

    def build(self, input_shape: tuple) -> None:
        """Create the patterns.

        Args:
            input_shape: (N, F).
        """
        self.scale.build(input_shape)
        self.pattern = self.add_weight(
            shape=(4, 4, self.filters), initializer=keras.initializers.RandomNormal(0, 1, seed=0)
        )

    def call(self, vectors: Tensor) -> Tensor:
        """Scale the patterns.

        Args:
            vectors: (N, F).

        Returns:
            Features (N, 4, 4, filters).
        """
        return self.scale(vectors)[:, None, None, :] * self.pattern


class MinibatchStddev(layers.Layer):
    """Adds a channel: the standard deviation within groups of four consecutive images.

    It is averaged over features. Karras et al., Progressive growing of GANs, ICLR 2018.
    """

    def call(self, features: Tensor) -> Tensor:
        """Append the channel.

        Args:
            features: (N, H, W, C), N a multiple of four.

        Returns:
            (N, H, W, C + 1).
        """
        features32 = ops.cast(features, "float32")
        count = ops.shape(features)[0]
        groups = ops.reshape(features32, (-1, 4, math.prod(features.shape[1:])))
        stddev = ops.mean(ops.sqrt(ops.var(groups, axis=1) + 1e-8), axis=1)
        stddev = ops.reshape(ops.tile(stddev[:, None], (1, 4)), (-1, 1, 1, 1))
        stddev = ops.broadcast_to(stddev, (count, *features.shape[1:3], 1))
        return ops.concatenate([features, ops.cast(stddev, features.dtype)], axis=-1)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The shape that `call` returns, as Keras asks for it.

        Args:
            input_shape: (N, H, W, C).

        Returns:
            (N, H, W, C + 1).
        """
        return (*input_shape[:-1], input_shape[-1] + 1)


class Enlarge(layers.Layer):
    """Bilinear upsampling to twice the size, as two small matrix products."""

    def call(self, features: Tensor) -> Tensor:
        """Upsample.

        Args:
            features: (N, H, W, C).

        Returns:
            (N, 2 H, 2 W, C).
        """
        _, height, width, channels = features.shape
        rows = ops.cast(_upsampling_matrix(height), features.dtype)
        columns = ops.cast(_upsampling_matrix(width), features.dtype)
        features = ops.reshape(features, (-1, height, width * channels))
        features = ops.matmul(rows, features)
        features = ops.reshape(features, (-1, width, channels))
        features = ops.matmul(columns, features)
        return ops.reshape(features, (-1, 2 * height, 2 * width, channels))


def _upsampling_matrix(size: int) -> np.ndarray:
    """(2 size, size) weights: each new pixel lies a quarter of a pixel beside an old one."""
    position = np.clip((np.arange(2 * size) + 0.5) / 2 - 0.5, 0, size - 1)
    return np.clip(1 - np.abs(position[:, None] - np.arange(size)), 0, 1).astype("float32")


class ToPatches(layers.Layer):
    """From pixels to channels: each patch of pixels becomes one pixel, and none is lost."""

    def __init__(self, patch: int, **options: Any) -> None:
        """Create the layer.

        Args:
            patch: Height and width of a patch in pixels.
            **options: Keyword arguments of `keras.layers.Layer`.
        """
        super().__init__(**options)
        self.patch = patch

    def call(self, images: Tensor) -> Tensor:
        """Divide images into patches.

        Args:
            images: (N, H, W, C).

        Returns:
            (N, H / patch, W / patch, patch * patch * C).
        """
        _, height, width, channels = images.shape
        n = self.patch
        split = ops.reshape(images, (-1, height // n, n, width // n, n, channels))
        split = ops.transpose(split, (0, 1, 3, 2, 4, 5))
        return ops.reshape(split, (-1, height // n, width // n, n * n * channels))


class FromPatches(layers.Layer):
    """From channels to pixels: the inverse of `ToPatches`."""

    def __init__(self, patch: int, **options: Any) -> None:
        """Create the layer.

        Args:
            patch: Height and width of a patch in pixels.
            **options: Keyword arguments of `keras.layers.Layer`.
        """
        super().__init__(**options)
        self.patch = patch

    def call(self, features: Tensor) -> Tensor:
        """Join patches to images.

        Args:
            features: (N, H, W, patch * patch * C).

        Returns:
            (N, H * patch, W * patch, C).
        """
        _, height, width, channels = features.shape
        n = self.patch
        split = ops.reshape(features, (-1, height, width, n, n, channels // (n * n)))
        split = ops.transpose(split, (0, 1, 3, 2, 4, 5))
        return ops.reshape(split, (-1, height * n, width * n, channels // (n * n)))
