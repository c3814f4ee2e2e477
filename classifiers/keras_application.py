"""Any other network of `keras.applications`, with one fully connected layer: for comparison."""

from classifiers.backbones import Network, as_rgb, assemble, feature_map, pixels_of


def build(spec: str, size: int, channels: int, weights: str = "none") -> Network:
    """Pixels (N, size, size, channels) in 0..255 to P(positive class), (N, 1) in 0..1.

    `spec` as in `ufgen.pretrained`: keras:EfficientNetV2B0, keras:MobileNetV2?alpha=0.35.
    """
    images = pixels_of(size, channels)
    return assemble(images, [feature_map(spec, as_rgb(images), weights)], (512,), "other")
