"""ResNet50 with three fully connected layers."""

import keras

from classifiers.backbones import as_rgb, head, pixels_of, resnet50_features


def build(size: int, channels: int, weights: str = "none") -> keras.Model:
    """Pixels (N, size, size, channels) in 0..255 to P(positive class), (N, 1) in 0..1."""
    images = pixels_of(size, channels)
    features = resnet50_features(as_rgb(images), weights)
    return keras.Model(images, head(features, (512, 256, 128)), name="custom_resnet50")
