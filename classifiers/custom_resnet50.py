"""ResNet50 with three fully connected layers."""

import keras
from keras import layers

from classifiers.backbones import as_rgb, resnet50_features


def build(size: int, channels: int, weights: str = "none") -> keras.Model:
    """Pixels (N, size, size, channels) in 0..255 to P(positive class), (N, 1) in 0..1."""
    images = keras.Input((size, size, channels), name="images")
    features = resnet50_features(as_rgb(images), weights)
    for units in (512, 256, 128):
        features = layers.Dense(units, activation="relu")(features)
        features = layers.Dropout(0.5)(features)
    probability = layers.Dense(1, activation="sigmoid", dtype="float32")(features)
    return keras.Model(images, probability, name="custom_resnet50")
