"""Grad-CAM and Grad-CAM++: where in an image the evidence for a class lies.

Every classifier here averages feature maps and judges the averages by fully connected layers. The
slope of its logit by the maps is then a product of a few matrices, written down here, so that an
exported network gives its evidence map as well, without automatic differentiation.
"""

import keras
import numpy as np
from keras import layers, ops

from classifiers.backbones import Network

METHODS = ("grad-cam", "grad-cam++")


class Evidence(layers.Layer):
    """Feature maps, a list of (N, h, w, F), to the evidence for a class: (N, h, w), 0 or more.

    Grad-CAM (Selvaraju et al., ICCV 2017): maps weighed by the mean slope of the logit, summed, and
    cut at 0. Grad-CAM++ (Chattopadhay et al., WACV 2018), for a score exp(logit): places count by
    slope ** 2 / (2 slope ** 2 + slope ** 3 sum(map)), and only where the slope is positive. The
    maps of several backbones are brought to the largest grid and added.
    """

    def __init__(self, head: keras.Model, method: str, of_positive: bool, **options):
        super().__init__(**options)
        self.dense = [layer for layer in head.layers if isinstance(layer, layers.Dense)]
        self.method, self.sign = method, 1.0 if of_positive else -1.0

    def call(self, maps):
        averages = ops.concatenate([ops.mean(m, axis=(1, 2)) for m in maps], axis=-1)
        slopes = self.sign * self._slopes(averages)
        height, width = max((m.shape[1:3] for m in maps), key=lambda size: size[0])
        total, start = 0.0, 0
        for features in maps:
            count = features.shape[-1]
            slope = slopes[:, start : start + count] / (features.shape[1] * features.shape[2])
            weights = self._weights(slope, features)
            found = ops.einsum("nhwf,nf->nhw", features, weights)
            if found.shape[1:] != (height, width):
                found = ops.image.resize(found[..., None], (height, width))[..., 0]
            total, start = total + found, start + count
        return ops.relu(total)

    def _slopes(self, averages):
        """d logit / d averages, (N, F)."""
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
        return (shapes[0][0], *max((s[1:3] for s in shapes), key=lambda size: size[0]))


def with_evidence(
    network: Network, method: str = "grad-cam", of_positive: bool = True
) -> keras.Model:
    """Pixels (N, size, size, channels) in 0..255 to P(positive), (N, 1), and evidence (N, h, w).

    The evidence is for the positive class, or else for the negative one, at the size of the last
    feature maps.
    """
    maps = network.maps.outputs
    evidence = Evidence(network.head, method, of_positive, name="evidence")(maps)
    return keras.Model(network.model.input, [network.model.output, evidence])


def explain(
    network: Network, pixels: np.ndarray, method: str = "grad-cam", of_positive: bool = True
) -> np.ndarray:
    """Evidence maps of uint8 (N, size, size, channels): float32 (N, h, w)."""
    model = with_evidence(network, method, of_positive)
    shown = [np.asarray(model(i[None].astype("float32"))[1]) for i in pixels]
    return np.concatenate(shown)
