"""MobileNetV3 and ResNet50 features side by side, fused by fully connected layers."""

from classifiers.backbones import (
    Network,
    as_rgb,
    assemble,
    built_in,
    mobilenet_v3_map,
    pixels_of,
    resnet50_map,
)
from ufgen.errors import UserError


def build(size: int, channels: int, weights: str = "none", precision: str = "float32") -> Network:
    """Pixels (N, size, size, channels) in 0..255 to the probability of the positive class (N, 1).

    With local files, `weights` names two, joined by a comma: MobileNetV3Large's, then ResNet50's.
    `precision` may name one for each in the same way: the depthwise convolutions of the first are
    slow in bfloat16 on many machines.
    """
    first, second = precision.split(",") if "," in precision else [precision] * 2
    files = weights.split(",") if weights not in ("imagenet", "none") else [weights] * 2
    if len(files) != 2:
        raise UserError(
            f"weights: {weights} names {len(files)} file(s); hybrid needs two, joined by a comma: "
            "MOBILENET_V3_LARGE.weights.h5,RESNET50.weights.h5"
        )
    images = pixels_of(size, channels)
    rgb = as_rgb(images)
    with built_in(first):
        map_of_mobilenet = mobilenet_v3_map(rgb, files[0])
    with built_in(second):
        maps = [map_of_mobilenet, resnet50_map(rgb, files[1])]
        return assemble(images, maps, (512, 128), "hybrid")
