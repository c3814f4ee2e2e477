"""Name -> network."""

from ufgen import pretrained
from ufgen.errors import UserError

NAMES = ("custom_resnet50", "mobilenet_v3", "mobilenet_v3_small", "hybrid")


def check_name(name: str) -> None:
    """Raise UserError if there is no classifier of that name."""
    if name.startswith(pretrained.PREFIX):
        pretrained.check(name)
    elif name not in NAMES:
        raise UserError(
            f"there is no classifier {name!r}: expected one of {', '.join(NAMES)}, or keras:NAME "
            "with a name in keras.applications"
        )


def build(name: str, size: int, channels: int, weights: str = "none", precision: str = "float32"):
    """Build an untrained classifier (`backbones.Network`): pixels in 0..255 to a probability.

    `name` is one of `NAMES`, or names a network of `keras.applications` (keras:EfficientNetV2B0).

    Input (N, size, size, channels), output (N, 1) in 0..1. `weights` are the backbone's:
    "imagenet", "none" or a local file. `precision` is float32 or bfloat16, for hybrid also one for
    each of its two, joined by a comma. Raises UserError.
    """
    check_name(name)
    if size < 32:
        raise UserError(f"resolution {size} is too small: the classifiers need at least 32 px")
    from classifiers import custom_resnet50, hybrid, keras_application, mobilenet_v3
    from classifiers.backbones import built_in

    if name == "hybrid":
        return hybrid.build(size, channels, weights, precision)
    with built_in(precision):
        if name.startswith(pretrained.PREFIX):
            return keras_application.build(name, size, channels, weights)
        if name == "custom_resnet50":
            return custom_resnet50.build(size, channels, weights)
        variant = "Small" if name == "mobilenet_v3_small" else "Large"
        return mobilenet_v3.build(size, channels, weights, variant)
