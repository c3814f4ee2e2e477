"""Checks of the JSON file beside a network: untrusted JSON."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ufgen.errors import UserError
from ufgen.images.decoding import FITS

MAX_BYTES = 1 << 20
MAX_SIZE = 2048

Check = Callable[[Any], bool]


def _number(low: float, high: float) -> Check:
    def accepts(value: Any) -> bool:
        return type(value) in (int, float) and low <= value <= high

    return accepts


def _label(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 100 and value.isprintable()


FIELDS: dict[str, Check] = {
    "size": lambda value: type(value) is int and 32 <= value <= MAX_SIZE,
    "channels": lambda value: type(value) is int and value in (1, 3),
    "fit": lambda value: value in FITS,
    "positive": _label,
    "negative": _label,
    "threshold": _number(0, 1),
    "temperature": _number(1e-3, 1e3),
}


MODEL_FIELDS: dict[str, Check] = FIELDS | {
    "members": lambda value: type(value) is int and 1 <= value <= 100,
    "test_views": lambda value: type(value) is int and 0 <= value <= 1000,
    "constant": lambda value: type(value) is bool,
}


def read_object(file: Path) -> dict:
    """Read a JSON object.

    Args:
        file: Up to 1 MB, UTF-8.

    Returns:
        The object.

    Raises:
        UserError: If there is no such file, it is larger, or holds anything else.
    """
    try:
        if file.stat().st_size > MAX_BYTES:
            raise UserError(f"{file} is larger than 1 MB: ufgen did not write it")
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{file} is missing") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file} is damaged, it is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise UserError(f"{file} is damaged: it holds no JSON object")
    return content


def check(metadata: dict, file: Path, fields: dict[str, Check] = FIELDS) -> None:
    """Check that fields are present, with possible values.

    Args:
        metadata: The content of `file`.
        file: Named in errors.
        fields: Names of fields, and whether a value is possible.

    Raises:
        UserError: If a field is missing or its value impossible.
    """
    for name, accepts in fields.items():
        if name not in metadata:
            raise UserError(f"{file} is damaged: {name} is missing")
        if not accepts(metadata[name]):
            raise UserError(f"{file} is damaged: {name} is {str(metadata[name])[:60]!r}")
