"""MobileNetV3 with one fully connected layer."""

from classifiers.backbones import Network, as_rgb, assemble, image_input, mobilenet_v3_map


def build(size: int, channels: int, weights: str = "none", variant: str = "Large") -> Network:
    """Build the classifier.

    Args:
        size: Height and width of the images in pixels.
        channels: 1 or 3.
        weights: Of the backbone: "imagenet", "none" (random) or a local file.
        variant: "Large" or "Small".

    Returns:
        The classifier, as a `Network`.

    Raises:
        UserError: The weights cannot be loaded.
    """
    images = image_input(size, channels)
    feature_maps = [mobilenet_v3_map(as_rgb(images), weights, variant)]
    return assemble(images, feature_maps, (512,), f"mobilenet_v3_{variant.lower()}")
