"""Grad-CAM and Grad-CAM++: where in an image the evidence for a class lies.

Every classifier here averages feature maps and judges the averages by fully connected layers. The
slope of its logit by the maps is then a product of a few matrices, written down here, so that an
exported network gives its evidence map as well, without automatic differentiation.
"""

import keras
import numpy as np
from keras import layers, ops

from classifiers.backbones import Network
from classifiers.explanation.receptive_field import FINE, interpolation

METHODS = ("grad-cam", "grad-cam++")


class GradCAM(layers.Layer):
    """Feature maps, a list of (N, h, w, F), to the evidence for a class: (N, H, H), 0 or more.

    Grad-CAM (Selvaraju et al., ICCV 2017): maps weighed by the mean slope of the logit, summed, and
    cut at 0. Grad-CAM++ (Chattopadhay et al., WACV 2018), for a score exp(logit): places count by
    slope ** 2 / (2 slope ** 2 + slope ** 3 sum(map)), and only where the slope is positive. The
    maps of each backbone are brought to one even grid over the image (`alignment`), four cells for
    one of the largest map, and added.
    """

    def __init__(self, network: Network, method: str, of_positive: bool, **options):
        super().__init__(**options)
        self.dense = [layer for layer in network.head.layers if isinstance(layer, layers.Dense)]
        self.method, self.sign = method, 1.0 if of_positive else -1.0
        backbones = [m._keras_history.operation for m in network.feature_maps.outputs]
        self.side = FINE * max(m.shape[1] for m in network.feature_maps.outputs)
        self.grids = [interpolation(backbone, self.side) for backbone in backbones]

    def call(self, maps):
        averages = ops.concatenate([ops.mean(m, axis=(1, 2)) for m in maps], axis=-1)
        slopes = self.sign * self._slopes(averages)
        total, start = 0.0, 0
        for features, grid in zip(maps, self.grids, strict=True):
            count = features.shape[-1]
            slope = slopes[:, start : start + count] / (features.shape[1] * features.shape[2])
            found = ops.einsum("nhwf,nf->nhw", features, self._weights(slope, features))
            total, start = total + ops.matmul(grid, ops.matmul(found, grid.T)), start + count
        return ops.relu(total)

    def _slopes(self, averages):
        """D logit / d averages, (N, F)."""
        active, values = [], averages
        for layer in self.dense[:-1]:
            values = ops.relu(ops.matmul(values, layer.kernel) + layer.bias)
            active.append(ops.cast(values > 0, "float32"))
        slopes = ops.transpose(self.dense[-1].kernel)
        for layer, mask in zip(reversed(self.dense[:-1]), reversed(active), strict=True):
            slopes = ops.matmul(slopes * mask, ops.transpose(layer.kernel))
        return slopes * ops.ones_like(averages)

    def _weights(self, slope, features):
        if self.method == "grad-cam":
            return slope
        places = features.shape[1] * features.shape[2]
        square = slope**2
        below = 2 * square + slope**3 * ops.sum(features, axis=(1, 2))
        share = square / ops.where(ops.equal(below, 0), 1.0, below)
        return places * share * ops.relu(slope)

    def compute_output_shape(self, shapes):
        return (shapes[0][0], self.side, self.side)


def with_heatmap(
    network: Network, method: str = "grad-cam", of_positive: bool = True
) -> keras.Model:
    """Pixels (N, size, size, channels) in 0..255 to P(positive), (N, 1), and evidence (N, H, H).

    The evidence is for the positive class, or else for the negative one, on a grid that covers the
    image.
    """
    maps = network.feature_maps.outputs
    heatmaps = GradCAM(network, method, of_positive, name="evidence")(maps)
    return keras.Model(network.model.input, [network.model.output, heatmaps])


def explain(
    network: Network, pixels: np.ndarray, method: str = "grad-cam", of_positive: bool = True
) -> np.ndarray:
    """Evidence maps of uint8 (N, size, size, channels): float32 (N, H, H)."""
    model = with_heatmap(network, method, of_positive)
    shown = [np.asarray(model(i[None].astype("float32"))[1]) for i in pixels]
    return np.concatenate(shown)
