"""What the networks share: pretrained feature extractors that take pixels in 0..255."""

from pathlib import Path

import keras
from keras import layers, ops

from ufgen.errors import UserError

BATCH_NORM_MOMENTUM = 0.9


@keras.saving.register_keras_serializable("ufgen")
class CaffePreprocessing(layers.Layer):
    """RGB 0..255 to what ResNet50's ImageNet weights expect: BGR minus the ImageNet mean."""

    def call(self, images):
        return ops.flip(images, axis=-1) - ops.convert_to_tensor([103.939, 116.779, 123.68])


def as_rgb(images):
    """Grayscale to RGB by repeating the one channel; RGB stays as it is. Values stay 0..255."""
    return images if images.shape[-1] == 3 else layers.Concatenate()([images] * 3)


def resnet50_features(images, weights: str = "none"):
    """Global average of ResNet50's last feature map: (N, 2048) from (N, H, W, 3) in 0..255.

    He et al., Deep residual learning for image recognition, CVPR 2016.
    """
    backbone = _backbone(keras.applications.ResNet50, images.shape[1:], weights, {})
    return layers.GlobalAveragePooling2D()(backbone(CaffePreprocessing()(images)))


def mobilenet_v3_features(images, weights: str = "none", variant: str = "Large"):
    """Global average of MobileNetV3's last feature map, from (N, H, W, 3) in 0..255.

    The network rescales its input by itself. Howard et al., Searching for MobileNetV3, ICCV 2019.
    """
    network = getattr(keras.applications, f"MobileNetV3{variant}")
    backbone = _backbone(network, images.shape[1:], weights, {"include_preprocessing": True})
    return layers.GlobalAveragePooling2D()(backbone(images))


def _backbone(network, shape, weights: str, options: dict) -> keras.Model:
    """Build a `keras.applications` network without its top and give it its weights.

    `weights` is "imagenet", "none" (random) or the path of a weights file. Whatever cannot be
    loaded is a UserError: there is no silent fall-back to random weights. Batch normalisation
    follows its batch statistics with momentum 0.9; Keras' defaults (0.99, and 0.999 in MobileNetV3)
    need thousands of steps before a network trained on a small set can be evaluated.
    """
    named = "imagenet" if weights == "imagenet" else None
    try:
        backbone = network(include_top=False, weights=named, input_shape=shape, **options)
    except Exception as error:
        if named is None:
            raise
        raise UserError(
            f"the ImageNet weights of {network.__name__} could not be downloaded ({error}). "
            f"Fetch the 'notop' file on a machine with a network and name it instead "
            "(weights: PATH), or train from random weights (weights: none)"
        ) from None
    if weights not in ("imagenet", "none"):
        _load(backbone, Path(weights), network.__name__)
    for layer in backbone.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = BATCH_NORM_MOMENTUM
    return backbone


def _load(backbone: keras.Model, file: Path, name: str) -> None:
    if not file.is_file():
        raise UserError(
            f"weights: {file} is not a file. Expected imagenet, none, or the path of a "
            f"{name} weights file without its top (.weights.h5)"
        )
    try:
        backbone.load_weights(file)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"weights: {file} does not fit {name} without its top: {reason[:300]}"
        ) from None
