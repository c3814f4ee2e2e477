"""Where the cells of a feature map lie in the image, and interpolation to an even grid.

Padding shifts them: Keras pads MobileNet's strided convolutions on the right and bottom only, so
that its cells are centred half a cell further right and down than an even grid, and ResNet's as
much further left and up. Upsampling a map without this offset displaces the heatmap by up to half
a cell.
"""

import keras
import numpy as np
from keras import layers

UPSAMPLING = 4
"""Grid cells along a side for one cell of the largest feature map."""


def cells(backbone: keras.Model) -> tuple[float, int]:
    """Where the receptive fields of a backbone's last feature map are centred.

    By convolution arithmetic (Dumoulin & Visin, 2016), from the output back to the input; height
    and width are alike.

    Args:
        backbone: From images (N, H, H, C) to a feature map (N, h, h, F).

    Returns:
        The pixel on which the first cell is centred, which may lie outside the image, and the
        distance between cells, in pixels.
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


def _stride_and_offset(layer: layers.Layer, size: int) -> tuple[int, float]:
    """Output i of a layer is centred on input stride * i + offset."""
    if isinstance(layer, keras.Sequential):
        stride, offset = 1, 0.0
        for inner in reversed(layer.layers):
            inner_stride, inner_offset = _stride_and_offset(inner, inner.input.shape[1])
            stride, offset = inner_stride * stride, inner_stride * offset + inner_offset
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
    """Weights that interpolate linearly from the cells along a side to an even grid.

    Positions beyond the outer cells are clamped.

    Args:
        backbone: From images (N, H, H, C) to a feature map (N, h, h, F).
        count: Grid cells along a side.

    Returns:
        float32 (count, h); each row sums to 1.
    """
    first, step = cells(backbone)
    size, side = backbone.input_shape[1], backbone.output.shape[1]
    even = (np.arange(count) + 0.5) * size / count - 0.5
    position = np.clip((even - first) / step, 0, side - 1)
    return np.maximum(1 - np.abs(position[:, None] - np.arange(side)), 0).astype("float32")
