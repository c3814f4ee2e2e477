"""MobileNetV3 with one fully connected layer."""

import keras
from keras import layers

from classifiers.backbones import as_rgb, mobilenet_v3_features


def build(size: int, channels: int, weights: str = "none", variant: str = "Large") -> keras.Model:
    """Pixels (N, size, size, channels) in 0..255 to P(positive class), (N, 1) in 0..1."""
    images = keras.Input((size, size, channels), name="images")
    features = mobilenet_v3_features(as_rgb(images), weights, variant)
    features = layers.Dense(512, activation="relu")(features)
    features = layers.Dropout(0.5)(features)
    probability = layers.Dense(1, activation="sigmoid", dtype="float32")(features)
    return keras.Model(images, probability, name=f"mobilenet_v3_{variant.lower()}")
