"""What the networks share: pretrained feature extractors that take pixels in 0..255."""

import keras
from keras import layers

from ufgen import pretrained

BATCH_NORM_MOMENTUM = 0.9


class Preprocessing(layers.Layer):
    """Pixels (N, H, W, 3) in 0..255 to what a network's ImageNet weights expect."""

    def __init__(self, function, **options):
        super().__init__(**options)
        self.function = function

    def call(self, images):
        return self.function(images)

    def compute_output_shape(self, shape):
        return shape


def as_rgb(images):
    """Grayscale to RGB by repeating the one channel; RGB stays as it is. Values stay 0..255."""
    return images if images.shape[-1] == 3 else layers.Concatenate()([images] * 3)


def features(spec: str, images, weights: str = "none"):
    """Global average of the last feature map of a network (see `ufgen.pretrained`): (N, F).

    `images` (N, H, H, 3) are in 0..255. Batch normalisation follows its batch statistics with
    momentum 0.9; Keras' defaults (0.99, and 0.999 in MobileNetV3) need thousands of steps before a
    network trained on a small set can be evaluated. Raises UserError.
    """
    backbone, preprocess = pretrained.build(spec, weights, images.shape[1])
    for layer in backbone.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = BATCH_NORM_MOMENTUM
    return layers.GlobalAveragePooling2D()(backbone(Preprocessing(preprocess)(images)))


def resnet50_features(images, weights: str = "none"):
    """He et al., Deep residual learning for image recognition, CVPR 2016: (N, 2048)."""
    return features("keras:ResNet50", images, weights)


def mobilenet_v3_features(images, weights: str = "none", variant: str = "Large"):
    """Howard et al., Searching for MobileNetV3, ICCV 2019; it rescales its input by itself."""
    return features(f"keras:MobileNetV3{variant}", images, weights)


def head(features, units: tuple[int, ...]):
    """Fully connected layers with dropout 0.5, and the probability of the positive class (N, 1)."""
    for count in units:
        features = layers.Dense(count, activation="relu")(features)
        features = layers.Dropout(0.5)(features)
    return layers.Dense(1, activation="sigmoid", dtype="float32")(features)


def pixels_of(size: int, channels: int) -> keras.KerasTensor:
    """The input of every classifier: (N, size, size, channels) in 0..255."""
    return keras.Input((size, size, channels), name="images")
