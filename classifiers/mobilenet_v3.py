"""MobileNetV3 with one fully connected layer."""

import keras

from classifiers.backbones import as_rgb, head, mobilenet_v3_features, pixels_of


def build(size: int, channels: int, weights: str = "none", variant: str = "Large") -> keras.Model:
    """Pixels (N, size, size, channels) in 0..255 to P(positive class), (N, 1) in 0..1."""
    images = pixels_of(size, channels)
    features = mobilenet_v3_features(as_rgb(images), weights, variant)
    return keras.Model(images, head(features, (512,)), name=f"mobilenet_v3_{variant.lower()}")
