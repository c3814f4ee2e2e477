"""Weights of a backbone in a local file."""

from pathlib import Path
from typing import TYPE_CHECKING

from ufgen.errors import UserError

if TYPE_CHECKING:
    import keras


def problem(file: Path) -> str:
    """Find out why a file can hold no weights, without reading it.

    Args:
        file: The file.

    Returns:
        The reason, or "".

    Example:
        >>> problem(Path("nowhere.weights.h5"))
        'there is no weights file nowhere.weights.h5'
    """
    if not file.is_file():
        return f"there is no weights file {file}"
    return "" if file.suffix == ".h5" else f"{file} is no weights file: its name ends in no .h5"


def load(network: "keras.Model", file: Path, name: str) -> None:
    """Load the weights of a file.

    Args:
        network: A backbone without its top; its weights are replaced.
        file: Its weights (.weights.h5).
        name: Of the network, for the message.

    Raises:
        UserError: There is no such file, or it holds the weights of something else.
    """
    if found := problem(file):
        raise UserError(f"{found}: expected the weights of {name} without its top (.weights.h5)")
    try:
        network.load_weights(file)
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{file} does not fit {name} without its top, or is damaged: {reason[:300]}"
        ) from None
