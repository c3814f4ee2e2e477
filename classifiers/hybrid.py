"""MobileNetV3 and ResNet50 features side by side, fused by fully connected layers."""

import keras
from keras import layers

from classifiers.backbones import as_rgb, head, mobilenet_v3_features, pixels_of, resnet50_features
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
    images = pixels_of(size, channels)
    rgb = as_rgb(images)
    branches = [mobilenet_v3_features(rgb, files[0]), resnet50_features(rgb, files[1])]
    probability = head(layers.Concatenate()(branches), (512, 128))
    return keras.Model(images, probability, name="hybrid")
