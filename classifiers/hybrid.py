"""MobileNetV3 and ResNet50 features, concatenated and classified by fully connected layers."""

from classifiers.backbones import (
    Network,
    as_rgb,
    assemble,
    image_input,
    mobilenet_v3_map,
    precision_scope,
    resnet50_map,
)


def build(size: int, channels: int, weights: list[str], precision: str = "float32") -> Network:
    """Build the classifier.

    Args:
        size: Height and width of the images in pixels.
        channels: 1 or 3.
        weights: Of MobileNetV3Large and of ResNet50: "imagenet", "none" (random) or a local file.
        precision: "float32" or "bfloat16", or one for each backbone, joined by a comma: depthwise
            convolutions, as in MobileNetV3, are slow in bfloat16 on many machines.

    Returns:
        The classifier, as a `Network`.

    Raises:
        UserError: The weights cannot be loaded.
    """
    first, second = precision.split(",") if "," in precision else [precision] * 2
    images = image_input(size, channels)
    rgb = as_rgb(images)
    with precision_scope(first):
        mobilenet = mobilenet_v3_map(rgb, weights[0])
    with precision_scope(second):
        return assemble(images, [mobilenet, resnet50_map(rgb, weights[1])], (512, 128), "hybrid")
