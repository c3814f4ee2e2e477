"""ResNet50 with three fully connected layers."""

from classifiers.backbones import Network, as_rgb, assemble, pixels_of, resnet50_map


def build(size: int, channels: int, weights: str = "none") -> Network:
    """Pixels (N, size, size, channels) in 0..255 to P(positive class), (N, 1) in 0..1."""
    images = pixels_of(size, channels)
    maps = [resnet50_map(as_rgb(images), weights)]
    return assemble(images, maps, (512, 256, 128), "custom_resnet50")
