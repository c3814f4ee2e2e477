"""Whether the initial weights of a backbone can be had, found out before anything else is done."""

import os
import re
import threading
import urllib.error
import urllib.request
from functools import cache
from pathlib import Path

from classifiers.pretrained import local_file, package_weights

HUB = "https://storage.googleapis.com/tensorflow/keras-applications/"
SECONDS = 2.0


def problem(backbone: str, weights: str) -> str:
    """Find out why weights cannot be had: within two seconds, without Keras.

    Args:
        backbone: `efficientnet_lite0`, or a network of `keras.applications` (keras:ResNet50).
        weights: "imagenet", "none" or a local file.

    Returns:
        What was tried, or "".

    Example:
        >>> problem("keras:ResNet50", "none")
        ''
    """
    if weights == "none":
        return ""
    if weights != "imagenet":
        return local_file.problem(Path(weights))
    if backbone == package_weights.NAME:
        return package_weights.problem()
    if _in_cache_of_keras(backbone) or not (reason := _unreachable(HUB)):
        return ""
    return (
        f"ImageNet weights of {backbone} are not in {_cache_of_keras()}, and "
        f"{HUB.split('/')[2]} cannot be reached ({reason})"
    )


def _cache_of_keras() -> Path:
    """Where Keras keeps what it downloads: like `keras.utils.get_file`."""
    home = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()
    return (home if os.access(home, os.W_OK) else Path("/tmp/.keras")) / "models"


def _in_cache_of_keras(backbone: str) -> bool:
    """Whether a file in there begins with the name of the network, whatever its options."""
    name = backbone.removeprefix("keras:").partition("?")[0].lower()
    files = [re.sub("[^a-z0-9]|^weights", "", f.name.lower()) for f in _cache_of_keras().glob("*")]
    return any(re.match(rf"{name}(?!v\d).*notop", file) for file in files)


@cache
def _unreachable(url: str) -> str:
    """Why a server gives no answer within two seconds, a search for its name included; or ""."""
    reasons = [f"no answer within {SECONDS:g} s"]

    def attempt() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=SECONDS)
            reasons.append("")
        except urllib.error.HTTPError:
            reasons.append("")
        except OSError as error:
            reasons.append(str(getattr(error, "reason", error)))

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(SECONDS)
    return reasons[-1]
