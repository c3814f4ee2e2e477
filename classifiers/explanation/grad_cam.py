"""Grad-CAM and Grad-CAM++ in closed form.

Every classifier here averages its feature maps and passes the averages through fully connected
layers. The gradient of its logit with respect to the maps is then a product of a few matrices,
computed here as part of the forward pass: an exported network gives its heatmap without automatic
differentiation.
"""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from classifiers.backbones import Network
from classifiers.explanation.receptive_field import UPSAMPLING, interpolation

METHODS = ("grad-cam", "grad-cam++")


class GradCAM(layers.Layer):
    """Feature maps, a list of (N, h, w, F), to heatmaps for a class, (N, H, H), 0 or more.

    Grad-CAM (Selvaraju et al., ICCV 2017): feature maps weighted by the mean gradient of the logit,
    summed, and passed through ReLU. Grad-CAM++ (Chattopadhay et al., WACV 2018), for a score
    exp(logit): pixels are weighted by gradient ** 2 / (2 gradient ** 2 + gradient ** 3 sum(map)),
    and only where the gradient is positive. The maps of each backbone are interpolated to one even
    grid over the image (`receptive_field`) and added.

    Args:
        network: A classifier, built.
        method: One of `METHODS`.
        of_positive: Explain the positive class, or else the negative one.
        **options: Of `keras.layers.Layer`, such as name.
    """

    def __init__(self, network: Network, method: str, of_positive: bool, **options: Any) -> None:
        super().__init__(**options)
        self.dense = [layer for layer in network.head.layers if isinstance(layer, layers.Dense)]
        self.method, self.sign = method, 1.0 if of_positive else -1.0
        backbones = [m._keras_history.operation for m in network.feature_maps.outputs]
        self.side = UPSAMPLING * max(m.shape[1] for m in network.feature_maps.outputs)
        self.grids = [interpolation(backbone, self.side) for backbone in backbones]

    def call(self, maps: list) -> Any:
        """Compute the heatmaps.

        Args:
            maps: The last feature maps of each backbone, (N, h, w, F).

        Returns:
            Heatmaps (N, H, H).
        """
        averages = ops.concatenate([ops.mean(m, axis=(1, 2)) for m in maps], axis=-1)
        gradients = self.sign * self._gradients(averages)
        total, start = 0.0, 0
        for features, grid in zip(maps, self.grids, strict=True):
            count = features.shape[-1]
            gradient = gradients[:, start : start + count]
            gradient = gradient / (features.shape[1] * features.shape[2])
            heatmap = ops.einsum("nhwf,nf->nhw", features, self._weights(gradient, features))
            total, start = total + ops.matmul(grid, ops.matmul(heatmap, grid.T)), start + count
        return ops.relu(total)

    def _gradients(self, averages: Any) -> Any:
        """D logit / d averages, (N, F)."""
        active, values = [], averages
        for layer in self.dense[:-1]:
            values = ops.relu(ops.matmul(values, layer.kernel) + layer.bias)
            active.append(ops.cast(values > 0, "float32"))
        gradients = ops.transpose(self.dense[-1].kernel)
        for layer, mask in zip(reversed(self.dense[:-1]), reversed(active), strict=True):
            gradients = ops.matmul(gradients * mask, ops.transpose(layer.kernel))
        return gradients * ops.ones_like(averages)

    def _weights(self, gradient: Any, features: Any) -> Any:
        if self.method == "grad-cam":
            return gradient
        pixels = features.shape[1] * features.shape[2]
        square = gradient**2
        denominator = 2 * square + gradient**3 * ops.sum(features, axis=(1, 2))
        alpha = square / ops.where(ops.equal(denominator, 0), 1.0, denominator)
        return pixels * alpha * ops.relu(gradient)

    def compute_output_shape(self, shapes: list[tuple]) -> tuple:
        """Keras' shape inference.

        Args:
            shapes: Of the feature maps.

        Returns:
            The shape of the heatmaps.
        """
        return (shapes[0][0], self.side, self.side)


def with_heatmap(
    network: Network, method: str = "grad-cam", of_positive: bool = True
) -> keras.Model:
    """A model that also returns the heatmap of each image.

    Args:
        network: A classifier.
        method: One of `METHODS`.
        of_positive: Explain the positive class, or else the negative one.

    Returns:
        From pixels (N, size, size, channels) in 0..255 to P(positive), (N, 1), and heatmaps
        (N, H, H) on a grid that covers the image.
    """
    maps = network.feature_maps.outputs
    # "evidence" is the name in bundles that are already exported: it stays.
    heatmaps = GradCAM(network, method, of_positive, name="evidence")(maps)
    return keras.Model(network.model.input, [network.model.output, heatmaps])


def explain(
    network: Network, pixels: np.ndarray, method: str = "grad-cam", of_positive: bool = True
) -> np.ndarray:
    """Compute the heatmap of each image.

    Args:
        network: A classifier.
        pixels: uint8 (N, size, size, channels).
        method: One of `METHODS`.
        of_positive: Explain the positive class, or else the negative one.

    Returns:
        Heatmaps, float32 (N, H, H), 0 or more.
    """
    model = with_heatmap(network, method, of_positive)
    heatmaps = [np.asarray(model(image[None].astype("float32"))[1]) for image in pixels]
    return np.concatenate(heatmaps)
