"""Networks of `keras.applications` by name: ImageNet weights, a local file's, or random ones."""

import ast
import inspect
from collections.abc import Callable
from pathlib import Path

from ufgen.errors import UserError

PREFIX = "keras:"
INPUT_SIZE = {"InceptionV3": 299, "Xception": 299, "InceptionResNetV2": 299}


def build(
    spec: str, weights: str | Path, size: int | None = None, pooling: str | None = None
) -> tuple:
    """A network without its top, for (N, size, size, 3), and its preprocessing of 0..255.

    `spec` is "keras:NAME" or "keras:NAME?option=value&...", such as keras:MobileNetV2?alpha=0.35;
    without a `size`, the network's usual one. `weights` is "imagenet", "none" (random) or a local
    file. Whatever cannot be loaded is a UserError; nothing falls back to random weights.
    """
    from ufgen.kernels import fuse_batch_normalization

    builder, text = _parse(spec)
    size = size or INPUT_SIZE.get(builder.__name__, 224)
    shape = {"include_top": False, "pooling": pooling, "input_shape": (size, size, 3)}
    named = "imagenet" if str(weights) == "imagenet" else None
    try:
        network = builder(weights=named, **shape, **dict(_options(text)))
    except (TypeError, ValueError, SyntaxError) as error:
        raise UserError(f"{spec} cannot be built at {size} px: {error}") from None
    except Exception as error:
        if named is None:
            raise
        raise UserError(
            f"the ImageNet weights of {spec} could not be downloaded "
            f"({str(error).rpartition(' -- ')[2][:100]}). Name a file with its 'notop' weights in "
            "place of imagenet; a classifier can also start from none"
        ) from None
    if str(weights) not in ("imagenet", "none"):
        _load(network, Path(weights), spec)
    fuse_batch_normalization(network)
    return network, inspect.getmodule(inspect.unwrap(builder)).preprocess_input


def check(spec: str) -> None:
    """Raise UserError if `spec` names no network."""
    _parse(spec)


def _parse(spec: str) -> tuple[Callable, str]:
    import keras

    name, _, text = spec.removeprefix(PREFIX).partition("?")
    builder = getattr(keras.applications, name, None)
    if not spec.startswith(PREFIX) or not inspect.isfunction(builder):
        raise UserError(
            f"there is no network {spec}: expected keras: and a name in keras.applications, such "
            "as keras:MobileNetV2?alpha=0.35"
        )
    if name.startswith("EfficientNetB"):
        raise UserError(
            f"{spec} is another network with its ImageNet weights than without (Keras adds a "
            "scaling), so what was trained could not be rebuilt: take keras:EfficientNetV2B0"
        )
    return builder, text


def _options(text: str) -> list[tuple]:
    pairs = [item.split("=", 1) for item in text.split("&") if item]
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"{text!r} is not a list of option=value joined by &")
    return [(key, ast.literal_eval(value)) for key, value in pairs]


def _load(network, file: Path, spec: str) -> None:
    if not file.is_file():
        raise UserError(
            f"there is no weights file {file}: expected imagenet, none, or the path of a file with "
            f"weights of {spec} without its top (.weights.h5)"
        )
    if file.suffix != ".h5":
        raise UserError(f"{file} is no weights file: expected a name that ends in .weights.h5")
    try:
        network.load_weights(file)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"{file} does not fit {spec} without its top, or is damaged: {reason[:300]}"
        ) from None
