"""EfficientNet-Lite0, or any network of `keras.applications`, with one fully connected layer."""

from classifiers.backbones import Network, as_rgb, assemble, feature_map, image_input


def build(spec: str, size: int, channels: int, weights: str = "none") -> Network:
    """Build the classifier.

    Args:
        spec: The backbone, as for `backbones.feature_map`: efficientnet_lite0,
            keras:EfficientNetV2B0, keras:MobileNetV2?alpha=0.35.
        size: Height and width of the images in pixels.
        channels: 1 or 3.
        weights: Of the backbone: "imagenet", "none" (random) or a local file.

    Returns:
        The classifier, as a `Network`.

    Raises:
        UserError: There is no such network, or its weights cannot be loaded.
    """
    images = image_input(size, channels)
    return assemble(images, [feature_map(spec, as_rgb(images), weights)], (512,), "other")
