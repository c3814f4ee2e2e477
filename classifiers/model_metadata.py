"""The JSON file beside a network, which anybody may have written: every field is checked."""

import json
from collections.abc import Callable
from pathlib import Path

from ufgen.errors import UserError
from ufgen.images.decoding import FITS

LARGEST_FILE = 1 << 20
LARGEST_SIZE = 2048


def _number(low: float, high: float) -> Callable:
    def accepts(value) -> bool:
        return type(value) in (int, float) and low <= value <= high

    return accepts


def _label(value) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 100 and value.isprintable()


FIELDS: dict[str, Callable] = {
    "size": lambda value: type(value) is int and 32 <= value <= LARGEST_SIZE,
    "channels": lambda value: type(value) is int and value in (1, 3),
    "fit": lambda value: value in FITS,
    "positive": _label,
    "negative": _label,
    "threshold": _number(0, 1),
    "temperature": _number(1e-3, 1e3),
}


MODEL_FIELDS: dict[str, Callable] = FIELDS | {
    "members": lambda value: type(value) is int and 1 <= value <= 100,
    "test_views": lambda value: type(value) is int and 0 <= value <= 1000,
    "constant": lambda value: type(value) is bool,
}


def read_object(file: Path) -> dict:
    """The JSON object in `file`. Raises UserError if there is none, or it is above 1 MB."""
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise UserError(f"{file} is larger than 1 MB: ufgen did not write it")
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{file} is missing") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file} is damaged, it is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise UserError(f"{file} is damaged: it holds no JSON object")
    return found


def check(found: dict, file: Path, fields: dict[str, Callable] = FIELDS) -> None:
    """Raise UserError if one of the `fields` is missing in `found`, or has an impossible value."""
    for name, accepts in fields.items():
        if name not in found:
            raise UserError(f"{file} is damaged: it does not say {name}")
        if not accepts(found[name]):
            raise UserError(f"{file} is damaged: {name} is {str(found[name])[:60]!r}")
