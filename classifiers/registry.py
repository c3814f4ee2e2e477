"""The classifiers by name."""

from typing import TYPE_CHECKING

from ufgen import pretrained
from ufgen.errors import UserError

if TYPE_CHECKING:
    from classifiers.backbones import Network

NAMES = ("custom_resnet50", "mobilenet_v3", "mobilenet_v3_small", "hybrid")
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
        pretrained.check(name)
    elif name not in NAMES:
        raise UserError(
            f"there is no classifier {name!r}: expected one of {', '.join(NAMES)}, or keras:NAME "
            "with a name in keras.applications"
        )


def build(
    name: str, size: int, channels: int, weights: str = "none", precision: str = "float32"
) -> "Network":
    """Build a classifier; its head has random weights.

    Args:
        name: One of `NAMES`, or a network of `keras.applications` (keras:EfficientNetV2B0).
        size: Height and width of the images in pixels, at least 32.
        channels: 1 or 3.
        weights: Of the backbone: "imagenet", "none" (random) or a local file; for hybrid two
            files, joined by a comma.
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
    from classifiers import custom_resnet50, hybrid, keras_application, mobilenet_v3
    from classifiers.backbones import precision_scope

    if name == "hybrid":
        return hybrid.build(size, channels, weights, precision)
    with precision_scope(precision):
        if name.startswith(pretrained.PREFIX):
            return keras_application.build(name, size, channels, weights)
        if name == "custom_resnet50":
            return custom_resnet50.build(size, channels, weights)
        variant = "Small" if name == "mobilenet_v3_small" else "Large"
        return mobilenet_v3.build(size, channels, weights, variant)
