"""What the classifiers share: pretrained backbones that take pixels in 0..255, and the head."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import keras
from keras import layers

from classifiers.pretrained import efficientnet_lite
from ufgen import pretrained
from ufgen.precision import POLICIES

BATCH_NORM_MOMENTUM = 0.9
DROPOUT = 0.5


class Network(NamedTuple):
    """A classifier as Keras models that share their weights.

    Attributes:
        model: Pixels (N, size, size, channels) in 0..255 to P(positive class), (N, 1).
        logits: Pixels to the logit of the positive class, (N, 1).
        feature_maps: Pixels to the last feature maps of each backbone, a list of (N, h, w, F).
        features: Pixels to the globally averaged feature maps, concatenated: (N, sum of F).
        head: Features to the logit, (N, 1).
    """

    model: keras.Model
    logits: keras.Model
    feature_maps: keras.Model
    features: keras.Model
    head: keras.Model

    @property
    def backbones(self) -> list[keras.Model]:
        """The convolutional networks, one for each of the `feature_maps`."""
        return [layer for layer in self.feature_maps.layers if isinstance(layer, keras.Model)]

    def embedding(self) -> keras.Model:
        """Build the network without its last layer.

        Returns:
            Pixels (N, size, size, channels) in 0..255 to the input of the last layer of the head.
        """
        last = keras.Model(self.head.input, self.head.layers[-1].input)
        return keras.Model(self.features.input, last(self.features.output))


class Preprocessing(layers.Layer):
    """Pixels (N, H, W, 3) in 0..255 to the range of values of a backbone's ImageNet weights.

    Args:
        function: Such as the `preprocess_input` of a module of `keras.applications`.
        **options: Options of `keras.layers.Layer`.
    """

    def __init__(self, function: Callable, **options: Any) -> None:
        super().__init__(**options)
        self.function = function

    def call(self, images: Any) -> Any:
        """Preprocess a batch.

        Args:
            images: (N, H, W, 3) in 0..255.

        Returns:
            The same shape, in the range of the network.
        """
        return self.function(images)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Infer the output shape.

        Args:
            input_shape: (N, H, W, 3).

        Returns:
            The same shape.
        """
        return input_shape


def as_rgb(images: Any) -> Any:
    """Convert grayscale to RGB by repeating the channel; RGB images are returned unchanged.

    Args:
        images: (N, H, W, C), C 1 or 3, in any range.

    Returns:
        (N, H, W, 3), in the same range.
    """
    return images if images.shape[-1] == 3 else layers.Concatenate()([images] * 3)


def feature_map(spec: str, images: Any, weights: str = "none") -> Any:
    """Apply a backbone to images.

    The momentum of batch normalisation is 0.9: with Keras' defaults (0.99, and 0.999 in
    MobileNetV3) the moving statistics need thousands of steps before a network that is trained from
    random weights on a small set can be evaluated.

    Args:
        spec: efficientnet_lite0, or a network of `keras.applications`, as `ufgen.pretrained` names
            it.
        images: (N, H, H, 3) in 0..255.
        weights: "imagenet", "none" (random) or a local file.

    Returns:
        The last feature map, (N, h, w, F).

    Raises:
        UserError: There is no such network, or its weights cannot be loaded.
    """
    if spec == efficientnet_lite.NAME:
        backbone, preprocess = efficientnet_lite.build(weights, images.shape[1])
    else:
        backbone, preprocess = pretrained.build(spec, weights, images.shape[1])
    for layer in backbone.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = BATCH_NORM_MOMENTUM
    return backbone(Preprocessing(preprocess)(images))


def resnet50_map(images: Any, weights: str = "none") -> Any:
    """Apply ResNet50 (He et al., Deep residual learning for image recognition, CVPR 2016).

    Args:
        images: (N, H, H, 3) in 0..255.
        weights: As for `feature_map`.

    Returns:
        The last feature map, (N, h, w, 2048).

    Raises:
        UserError: The weights cannot be loaded.
    """
    return feature_map("keras:ResNet50", images, weights)


def mobilenet_v3_map(images: Any, weights: str = "none", variant: str = "Large") -> Any:
    """Apply MobileNetV3 (Howard et al., Searching for MobileNetV3, ICCV 2019).

    Args:
        images: (N, H, H, 3) in 0..255.
        weights: As for `feature_map`.
        variant: "Large" or "Small".

    Returns:
        The last feature map, (N, h, w, F): F is 960, or 576 of the small variant.

    Raises:
        UserError: The weights cannot be loaded.
    """
    return feature_map(f"keras:MobileNetV3{variant}", images, weights)


@contextmanager
def precision_scope(precision: str) -> Iterator[None]:
    """Build layers that compute in a given precision; their weights are always float32.

    Args:
        precision: "float32" or "bfloat16".

    Yields:
        Nothing: the precision holds for the layers that are built inside the `with` statement.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def image_input(size: int, channels: int) -> keras.KerasTensor:
    """Create the symbolic input of a classifier.

    Args:
        size: Height and width in pixels.
        channels: 1 or 3.

    Returns:
        (N, size, size, channels), values in 0..255.
    """
    return keras.Input((size, size, channels), name="images")


def assemble(images: Any, feature_maps: list, units: tuple[int, ...], name: str) -> Network:
    """Build a classifier: global average pooling, then fully connected layers with dropout 0.5.

    Args:
        images: The symbolic input (see `image_input`).
        feature_maps: The last feature map of each backbone, (N, h, w, F).
        units: Units of the hidden layers of the head.
        name: Name of the Keras model.

    Returns:
        The classifier.
    """
    pooled = [layers.GlobalAveragePooling2D()(m) for m in feature_maps]
    features = pooled[0] if len(pooled) == 1 else layers.Concatenate()(pooled)
    head = _head(features.shape[-1], units)
    logit = head(features)
    return Network(
        keras.Model(images, layers.Activation("sigmoid", dtype="float32")(logit), name=name),
        keras.Model(images, logit),
        keras.Model(images, feature_maps),
        keras.Model(images, features),
        head,
    )


def _head(input_size: int, units: tuple[int, ...]) -> keras.Model:
    features = x = keras.Input((input_size,), name="features")
    for count in units:
        x = layers.Dense(count, activation="relu")(x)
        x = layers.Dropout(DROPOUT)(x)
    return keras.Model(features, layers.Dense(1, dtype="float32", name="logit")(x), name="head")


def set_trainable(network: Network, trained: str, pretrained: bool) -> None:
    """Freeze the layers of the backbones that are not trained.

    A pretrained backbone keeps its batch normalisation, moving statistics included: small batches
    of a small set would replace statistics of a million images by noise.

    Args:
        network: The classifier.
        trained: "all", "last_block" or "head".
        pretrained: Whether the backbones have pretrained weights.
    """
    for backbone in network.backbones:
        last = {id(layer) for layer in last_block(backbone)}
        for layer in backbone.layers:
            is_trained = trained == "all" or (trained == "last_block" and id(layer) in last)
            keeps = pretrained and isinstance(layer, layers.BatchNormalization)
            layer.trainable = is_trained and not keeps


def last_block(backbone: keras.Model) -> list[keras.layers.Layer]:
    """Find the layers of a backbone's last resolution.

    Args:
        backbone: A convolutional network without its top.

    Returns:
        The layers after the last one whose output is larger than the last feature map.
    """
    end = backbone.output.shape[1]
    larger = [
        index
        for index, layer in enumerate(backbone.layers)
        if len(layer.output.shape) == 4 and layer.output.shape[1] > end
    ]
    return backbone.layers[max(larger) + 1 :]
