"""Layers that generators and discriminators share."""

import math

import keras
import numpy as np
from keras import layers, ops


class PixelNoise(layers.Layer):
    """Adds given noise to features (N, H, W, C), with a learned strength a channel.

    The noise is (N, n) with n a multiple of H * W: one value, or a patch of values, a pixel.
    Speckle is stochastic texture: with noise at hand the generator need not make it from the
    latents (Karras et al., A style-based generator architecture, CVPR 2019).
    """

    def build(self, shapes):
        (_, height, width, maps), (_, count) = shapes
        self.strength = self.add_weight(
            shape=(count // (height * width), maps), initializer=_spread(0.1), name="strength"
        )

    def call(self, inputs):
        features, noise = inputs
        _, height, width, _ = features.shape
        noise = ops.reshape(noise, (-1, height, width, self.strength.shape[0]))
        return features + noise @ self.strength


def _spread(strength: float):
    """One noise value: the same strength for every channel; several: random signs."""

    def initialise(shape, dtype=None):
        signs = np.random.default_rng(0).choice([-1, 1], shape) if shape[0] > 1 else np.ones(shape)
        return ops.convert_to_tensor(signs * strength / np.sqrt(shape[0]), dtype)

    return initialise


class Projection(layers.Layer):
    """Inner product of features (N, F) with an embedding (N, F): (N, 1).

    Miyato & Koyama, cGANs with projection discriminator, ICLR 2018.
    """

    def call(self, inputs):
        features, embedding = inputs
        return ops.sum(features * embedding, axis=-1, keepdims=True)


class LearnedBasis(layers.Layer):
    """From vectors (N, F) to features (N, 4, 4, C): a learned 4x4 pattern, scaled a channel.

    The input of the generator in Huang et al., R3GAN, NeurIPS 2024.
    """

    def __init__(self, maps: int, **options):
        super().__init__(**options)
        self.scale = layers.Dense(maps, use_bias=False, dtype=self.dtype_policy)
        self.maps = maps

    def build(self, shape):
        self.scale.build(shape)
        self.pattern = self.add_weight(
            shape=(4, 4, self.maps), initializer=keras.initializers.RandomNormal(0, 1, seed=0)
        )

    def call(self, vectors):
        return self.scale(vectors)[:, None, None, :] * self.pattern


class MinibatchStddev(layers.Layer):
    """Adds a map that tells how much four neighbours in the batch differ (Karras et al., 2018)."""

    def call(self, features):
        features32 = ops.cast(features, "float32")
        count = ops.shape(features)[0]
        groups = ops.reshape(features32, (-1, 4, math.prod(features.shape[1:])))
        spread = ops.mean(ops.sqrt(ops.var(groups, axis=1) + 1e-8), axis=1)
        spread = ops.reshape(ops.tile(spread[:, None], (1, 4)), (-1, 1, 1, 1))
        spread = ops.broadcast_to(spread, (count, *features.shape[1:3], 1))
        return ops.concatenate([features, ops.cast(spread, features.dtype)], axis=-1)

    def compute_output_shape(self, shape):
        return (*shape[:-1], shape[-1] + 1)


class Enlarge(layers.Layer):
    """Bilinear resampling of (N, H, W, C) to twice the size, as two small matrix products."""

    def call(self, features):
        _, height, width, maps = features.shape
        rows = ops.cast(_doubling(height), features.dtype)
        columns = ops.cast(_doubling(width), features.dtype)
        features = ops.reshape(features, (-1, height, width * maps))
        features = ops.matmul(rows, features)
        features = ops.reshape(features, (-1, width, maps))
        features = ops.matmul(columns, features)
        return ops.reshape(features, (-1, 2 * height, 2 * width, maps))


def _doubling(size: int) -> np.ndarray:
    """(2 size, size): each new pixel lies a quarter of a pixel beside an old one."""
    place = np.clip((np.arange(2 * size) + 0.5) / 2 - 0.5, 0, size - 1)
    return np.clip(1 - np.abs(place[:, None] - np.arange(size)), 0, 1).astype("float32")


class ToPatches(layers.Layer):
    """(N, H, W, C) to (N, H / patch, W / patch, patch * patch * C): no pixel is lost."""

    def __init__(self, patch: int, **options):
        super().__init__(**options)
        self.patch = patch

    def call(self, images):
        _, height, width, maps = images.shape
        n = self.patch
        split = ops.reshape(images, (-1, height // n, n, width // n, n, maps))
        split = ops.transpose(split, (0, 1, 3, 2, 4, 5))
        return ops.reshape(split, (-1, height // n, width // n, n * n * maps))


class FromPatches(layers.Layer):
    """The inverse of `ToPatches`."""

    def __init__(self, patch: int, **options):
        super().__init__(**options)
        self.patch = patch

    def call(self, features):
        _, height, width, maps = features.shape
        n = self.patch
        split = ops.reshape(features, (-1, height, width, n, n, maps // (n * n)))
        split = ops.transpose(split, (0, 1, 3, 2, 4, 5))
        return ops.reshape(split, (-1, height * n, width * n, maps // (n * n)))
