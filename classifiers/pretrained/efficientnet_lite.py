"""EfficientNet-Lite0: a backbone whose ImageNet weights come as a Python package.

EfficientNet-B0 (Tan & Le, ICML 2019) without squeeze-and-excitation, with ReLU6. Layers are named
as the package's tensors are, so that `package_weights` needs no table.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
from keras import layers

from classifiers.pretrained import local_file, package_weights
from classifiers.pretrained.package_weights import NAME
from ufgen.kernels import BatchNormalization

INPUT_SIZE = 224
STAGES = (  # repeats, kernel size, stride of the first block, expansion, filters
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM_FILTERS, HEAD_FILTERS = 32, 1280


def build(
    weights: str | Path, size: int = INPUT_SIZE, pooling: str | None = None
) -> tuple[keras.Model, Callable[[Any], Any]]:
    """Build the network without its top.

    Args:
        weights: "imagenet" (those of the package), "none" (random), or a file with weights without
            the top (.weights.h5).
        size: Height and width of the images in pixels.
        pooling: "avg" for global average pooling of the features, None for feature maps.

    Returns:
        The network, for images (N, size, size, 3), and its preprocessing function, for pixels in
        0..255.

    Raises:
        UserError: The weights cannot be loaded.
    """
    network = _network(size, pooling)
    if str(weights) == "imagenet":
        package_weights.load(network)
    elif str(weights) != "none":
        local_file.load(network, Path(weights), NAME)
    return network, preprocess


def preprocess(images: Any) -> Any:
    """Scale pixels to the range of the ImageNet weights.

    Args:
        images: (N, H, W, 3) in 0..255.

    Returns:
        The same shape, in -127/128..1.
    """
    return (images - 127.0) / 128.0


def _network(size: int, pooling: str | None) -> keras.Model:
    images = keras.Input((size, size, 3))
    stem = layers.Conv2D(STEM_FILTERS, 3, 2, "same", use_bias=False, name="conv_stem")
    x, number = _activated(stem(images), "bn0"), 0
    for repeats, kernel, stride, expansion, filters in STAGES:
        for repeat in range(repeats):
            name = f"blocks_{number}_"
            x = _block(x, name, kernel, 1 if repeat else stride, expansion, filters)
            number += 1
    head = layers.Conv2D(HEAD_FILTERS, 1, use_bias=False, name="conv_head")
    x = _activated(head(x), "bn1")
    outputs = layers.GlobalAveragePooling2D()(x) if pooling == "avg" else x
    return keras.Model(images, outputs, name=NAME)


def _block(inputs: Any, name: str, kernel: int, stride: int, expansion: int, filters: int) -> Any:
    """Inverted residual (Sandler et al., MobileNetV2, CVPR 2018)."""
    x, channels = inputs, inputs.shape[-1]
    if expansion > 1:
        expand = layers.Conv2D(expansion * channels, 1, use_bias=False, name=name + "expand_conv")
        x = _activated(expand(x), name + "bn0")
    depthwise = layers.DepthwiseConv2D(
        kernel, stride, "same", use_bias=False, name=name + "depthwise_conv"
    )
    x = _activated(depthwise(x), name + "bn1")
    project = layers.Conv2D(filters, 1, use_bias=False, name=name + "project_conv")
    x = _normalised(project(x), name + "bn2")
    return layers.Add()([x, inputs]) if stride == 1 and channels == filters else x


def _normalised(x: Any, name: str) -> Any:
    return BatchNormalization(epsilon=1e-3, name=name)(x)


def _activated(x: Any, name: str) -> Any:
    return layers.ReLU(max_value=6)(_normalised(x, name))
