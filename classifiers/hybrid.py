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
from ufgen.errors import UserError


def build(size: int, channels: int, weights: str = "none", precision: str = "float32") -> Network:
    """Build the classifier.

    Args:
        size: Height and width of the images in pixels.
        channels: 1 or 3.
        weights: Of the backbones: "imagenet", "none" (random), or two local files, joined by a
            comma: MobileNetV3Large's, then ResNet50's.
        precision: "float32" or "bfloat16", or one for each backbone, joined by a comma: depthwise
            convolutions, as in MobileNetV3, are slow in bfloat16 on many machines.

    Returns:
        The classifier, as a `Network`.

    Raises:
        UserError: `weights` is not two files, or they cannot be loaded.
    """
    first, second = precision.split(",") if "," in precision else [precision] * 2
    files = weights.split(",") if weights not in ("imagenet", "none") else [weights] * 2
    if len(files) != 2:
        raise UserError(
            f"weights: {weights} names {len(files)} file(s); hybrid needs two, joined by a comma: "
            "MOBILENET_V3_LARGE.weights.h5,RESNET50.weights.h5"
        )
    images = image_input(size, channels)
    rgb = as_rgb(images)
    with precision_scope(first):
        mobilenet = mobilenet_v3_map(rgb, files[0])
    with precision_scope(second):
        return assemble(images, [mobilenet, resnet50_map(rgb, files[1])], (512, 128), "hybrid")
