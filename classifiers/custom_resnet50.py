"""ResNet50 with three fully connected layers."""

from classifiers.backbones import Network, as_rgb, assemble, image_input, resnet50_map


def build(size: int, channels: int, weights: str = "none") -> Network:
    """Build the classifier.

    Args:
        size: Height and width of the images in pixels.
        channels: 1 or 3.
        weights: Of the backbone: "imagenet", "none" (random) or a local file.

    Returns:
        The classifier, as a `Network`.

    Raises:
        UserError: The weights cannot be loaded.
    """
    images = image_input(size, channels)
    feature_maps = [resnet50_map(as_rgb(images), weights)]
    return assemble(images, feature_maps, (512, 256, 128), "custom_resnet50")
