"""Networks of `keras.applications` by name, with weights of ImageNet, of a file, or random."""

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ufgen.errors import UserError

if TYPE_CHECKING:
    import keras

PREFIX = "keras:"
INPUT_SIZE = {"InceptionV3": 299, "Xception": 299, "InceptionResNetV2": 299}


def build(
    spec: str, weights: str | Path, size: int | None = None, pooling: str | None = None
) -> "tuple[keras.Model, Callable[[Any], Any]]":
    """Build a network without its top; it never falls back to random weights.

    Args:
        spec: "keras:NAME" or "keras:NAME?option=value&...", such as keras:MobileNetV2?alpha=0.35.
        weights: "imagenet", "none" (random), or a file with weights without the top (.weights.h5).
        size: Height and width of the images in pixels; by default 299 for
            InceptionV3, Xception and InceptionResNetV2, otherwise 224.
        pooling: "avg" or "max" for global pooling of the features, None for feature maps.

    Returns:
        The network, for images (N, size, size, 3), and its preprocessing function, for pixels in
        0..255.

    Raises:
        UserError: Where there is no such network, or it or its weights cannot be loaded.
    """
    from ufgen.kernels import use_fused_batch_normalization

    builder, options = _parse(spec)
    size = size or INPUT_SIZE.get(builder.__name__, 224)
    imagenet = "imagenet" if str(weights) == "imagenet" else None
    shape: dict[str, Any] = {"include_top": False, "input_shape": (size, size, 3)}
    try:
        network = builder(weights=imagenet, pooling=pooling, **shape, **dict(_options(options)))
    except (TypeError, ValueError, SyntaxError) as error:
        raise UserError(f"{spec} cannot be built at {size} px: {error}") from None
    except Exception as error:
        if imagenet is None:
            raise
        raise UserError(
            f"the ImageNet weights of {spec} could not be downloaded "
            f"({str(error).rpartition(' -- ')[2][:100]}). Name a file with its 'notop' weights in "
            "place of imagenet; a classifier can also start from none"
        ) from None
    if str(weights) not in ("imagenet", "none"):
        _load(network, Path(weights), spec)
    use_fused_batch_normalization(network)
    module = inspect.getmodule(inspect.unwrap(builder))
    assert module is not None
    return network, module.preprocess_input


def check(spec: str) -> None:
    """Check the name of a network; nothing is built.

    Args:
        spec: The name, as for `build`.

    Raises:
        UserError: Where there is no such network.
    """
    _parse(spec)


def _parse(spec: str) -> tuple[Callable[..., Any], str]:
    """The function that builds the network, and its options as text."""
    import keras

    name, _, options = spec.removeprefix(PREFIX).partition("?")
    builder = getattr(keras.applications, name, None)
    if not spec.startswith(PREFIX) or not inspect.isfunction(builder):
        raise UserError(
            f"there is no network {spec}: expected keras: and a name in keras.applications, such "
            "as keras:MobileNetV2?alpha=0.35"
        )
    if name.startswith("EfficientNetB"):
        raise UserError(
            f"{spec} has a different architecture with ImageNet weights (Keras adds a scaling), so "
            "what was trained could not be rebuilt: take keras:EfficientNetV2B0"
        )
    return builder, options


def _options(text: str) -> list[tuple[str, Any]]:
    """Names and values of options such as "alpha=0.35&minimalistic=True"."""
    pairs = [item.split("=", 1) for item in text.split("&") if item]
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"{text!r} is not a list of option=value joined by &")
    return [(name, ast.literal_eval(value)) for name, value in pairs]


def _load(network: "keras.Model", file: Path, spec: str) -> None:
    if not file.is_file():
        raise UserError(
            f"there is no weights file {file}: expected imagenet, none, or the path of a file with "
            f"weights of {spec} without its top (.weights.h5)"
        )
    if file.suffix != ".h5":
        raise UserError(f"{file} is not a weights file: expected a name that ends in .weights.h5")
    try:
        network.load_weights(file)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"{file} does not fit {spec} without its top, or is damaged: {reason[:300]}"
        ) from None
