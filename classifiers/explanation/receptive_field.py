"""Where the cells of a feature map lie in the image, and maps brought to one even grid.

Padding decides it: Keras pads MobileNet's strided convolutions on the right and below only, so that
its cells look half a cell further right and down than an even grid says, and ResNet's as much
further left and up. Whoever enlarges a map as if its cells divided the image evenly points beside
what the network saw.
"""

import keras
import numpy as np
from keras import layers

FINE = 4


def cells(backbone: keras.Model) -> tuple[float, int]:
    """The pixel that the first cell of the last feature map is centred on, and their distance.

    By the arithmetic of convolutions (Dumoulin & Visin, 2016), back from the output to the input;
    height and width are alike. The pixel may lie outside the image.
    """
    first, step, tensor = 0.0, 1, backbone.output
    while True:
        layer, call, _ = tensor._keras_history
        if isinstance(layer, layers.InputLayer):
            return first, step
        inputs = layer._inbound_nodes[call].input_tensors
        tensor = max(inputs, key=lambda t: t.shape[1] if len(t.shape) == 4 else 0)
        stride, offset = _stride_and_offset(layer, tensor.shape[1])
        first, step = stride * first + offset, stride * step


def _stride_and_offset(layer, size: int) -> tuple[int, float]:
    """Output i of a layer is centred on input stride * i + offset."""
    if isinstance(layer, keras.Sequential):
        stride, offset = 1, 0.0
        for inner in reversed(layer.layers):
            by, before = _stride_and_offset(inner, inner.input.shape[1])
            stride, offset = by * stride, by * offset + before
        return stride, offset
    if isinstance(layer, layers.ZeroPadding2D):
        return 1, -float(layer.padding[0][0])
    window = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    if window is None or not hasattr(layer, "padding"):
        return 1, 0.0
    stride, dilation = layer.strides[0], getattr(layer, "dilation_rate", (1, 1))[0]
    reach = (window[0] - 1) * dilation
    before = 0
    if layer.padding == "same":
        before = max((-(-size // stride) - 1) * stride + reach + 1 - size, 0) // 2
    return stride, reach / 2 - before


def interpolation(backbone: keras.Model, count: int) -> np.ndarray:
    """Weights (count, h), rows sum to 1: from the h cells along a side to an even grid, linear.

    Beyond the first and the last cell it goes on as these are.
    """
    first, step = cells(backbone)
    size, known = backbone.input_shape[1], backbone.output.shape[1]
    even = (np.arange(count) + 0.5) * size / count - 0.5
    at = np.clip((even - first) / step, 0, known - 1)
    return np.maximum(1 - np.abs(at[:, None] - np.arange(known)), 0).astype("float32")
