"""Any other network of `keras.applications`, with one fully connected layer: for comparison."""

import keras

from classifiers.backbones import as_rgb, features, head, pixels_of


def build(spec: str, size: int, channels: int, weights: str = "none") -> keras.Model:
    """Pixels (N, size, size, channels) in 0..255 to P(positive class), (N, 1) in 0..1.

    `spec` as in `ufgen.pretrained`: keras:EfficientNetV2B0, keras:MobileNetV2?alpha=0.35.
    """
    images = pixels_of(size, channels)
    probability = head(features(spec, as_rgb(images), weights), (512,))
    return keras.Model(images, probability, name="other")
