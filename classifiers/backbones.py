"""What the networks share: pretrained backbones that take pixels in 0..255, and the head."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import keras
from keras import layers

from ufgen import pretrained
from ufgen.precision import POLICIES

BATCH_NORM_MOMENTUM = 0.9


class Network(NamedTuple):
    """A classifier and its parts, which share their weights.

    `model`: pixels (N, size, size, channels) in 0..255 to P(positive class), (N, 1); `logits`:
    pixels to its logit; `maps`: pixels to the last feature maps of each backbone, a list of
    (N, h, w, F); `features`: pixels to their averages side by side, (N, sum of F); `head`: these to
    the logit (N, 1).
    """

    model: keras.Model
    logits: keras.Model
    maps: keras.Model
    features: keras.Model
    head: keras.Model

    @property
    def backbones(self) -> list[keras.Model]:
        """The convolutional networks inside, one for each of the `maps`."""
        return [layer for layer in self.maps.layers if isinstance(layer, keras.Model)]

    def embedding(self) -> keras.Model:
        """Pixels to what the last layer of the head sees."""
        last = keras.Model(self.head.input, self.head.layers[-1].input)
        return keras.Model(self.features.input, last(self.features.output))


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


def feature_map(spec: str, images, weights: str = "none"):
    """The last feature map of a network (see `ufgen.pretrained`): (N, h, w, F).

    `images` (N, H, H, 3) are in 0..255. Batch normalisation follows its batch statistics with
    momentum 0.9; Keras' defaults (0.99, and 0.999 in MobileNetV3) need thousands of steps before a
    network trained on a small set can be evaluated. Raises UserError.
    """
    backbone, preprocess = pretrained.build(spec, weights, images.shape[1])
    for layer in backbone.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = BATCH_NORM_MOMENTUM
    return backbone(Preprocessing(preprocess)(images))


def resnet50_map(images, weights: str = "none"):
    """He et al., Deep residual learning for image recognition, CVPR 2016: (N, h, w, 2048)."""
    return feature_map("keras:ResNet50", images, weights)


def mobilenet_v3_map(images, weights: str = "none", variant: str = "Large"):
    """Howard et al., Searching for MobileNetV3, ICCV 2019; it rescales its input by itself."""
    return feature_map(f"keras:MobileNetV3{variant}", images, weights)


@contextmanager
def built_in(precision: str) -> Iterator[None]:
    """Layers made inside compute in float32 or bfloat16; weights are float32 in both."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def pixels_of(size: int, channels: int) -> keras.KerasTensor:
    """The input of every classifier: (N, size, size, channels) in 0..255."""
    return keras.Input((size, size, channels), name="images")


def assemble(images, maps: list, units: tuple[int, ...], name: str) -> Network:
    """Average the feature maps and judge them by fully connected layers with dropout 0.5."""
    averages = [layers.GlobalAveragePooling2D()(m) for m in maps]
    features = averages[0] if len(averages) == 1 else layers.Concatenate()(averages)
    head = _head(features.shape[-1], units)
    logit = head(features)
    return Network(
        keras.Model(images, layers.Activation("sigmoid", dtype="float32")(logit), name=name),
        keras.Model(images, logit),
        keras.Model(images, maps),
        keras.Model(images, features),
        head,
    )


def _head(inputs: int, units: tuple[int, ...]) -> keras.Model:
    features = x = keras.Input((inputs,), name="features")
    for count in units:
        x = layers.Dense(count, activation="relu")(x)
        x = layers.Dropout(0.5)(x)
    return keras.Model(features, layers.Dense(1, dtype="float32", name="logit")(x), name="head")


def last_block(backbone: keras.Model) -> list[keras.layers.Layer]:
    """The layers after the last one whose output is larger than the last feature map."""
    end = backbone.output.shape[1]
    larger = [
        index
        for index, layer in enumerate(backbone.layers)
        if len(layer.output.shape) == 4 and layer.output.shape[1] > end
    ]
    return backbone.layers[max(larger) + 1 :]
