"""MobileNetV3 and ResNet50 features side by side, fused by fully connected layers."""

import keras
from keras import layers

from classifiers.backbones import as_rgb, mobilenet_v3_features, resnet50_features
from ufgen.errors import UserError


def build(size: int, channels: int, weights: str = "none") -> keras.Model:
    """Pixels (N, size, size, channels) in 0..255 to the probability of the positive class (N, 1).

    With local files, `weights` names two, joined by a comma: MobileNetV3Large's, then ResNet50's.
    """
    files = weights.split(",") if weights not in ("imagenet", "none") else [weights] * 2
    if len(files) != 2:
        raise UserError(
            f"weights: {weights} names {len(files)} file(s); hybrid needs two, joined by a comma: "
            "MOBILENET_V3_LARGE.weights.h5,RESNET50.weights.h5"
        )
    images = keras.Input((size, size, channels), name="images")
    rgb = as_rgb(images)
    branches = [mobilenet_v3_features(rgb, files[0]), resnet50_features(rgb, files[1])]
    features = layers.Concatenate()(branches)
    for units in (512, 128):
        features = layers.Dense(units, activation="relu")(features)
        features = layers.Dropout(0.5)(features)
    probability = layers.Dense(1, activation="sigmoid", dtype="float32")(features)
    return keras.Model(images, probability, name="hybrid")
