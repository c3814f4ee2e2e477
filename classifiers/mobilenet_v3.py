"""MobileNetV3 with one fully connected layer."""

from classifiers.backbones import Network, as_rgb, assemble, mobilenet_v3_map, pixels_of


def build(size: int, channels: int, weights: str = "none", variant: str = "Large") -> Network:
    """Pixels (N, size, size, channels) in 0..255 to P(positive class), (N, 1) in 0..1."""
    images = pixels_of(size, channels)
    maps = [mobilenet_v3_map(as_rgb(images), weights, variant)]
    return assemble(images, maps, (512,), f"mobilenet_v3_{variant.lower()}")
