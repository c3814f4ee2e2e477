"""Which precision trains a network faster on this machine: measured once, in seconds, and kept."""

import hashlib
import json
import os
import platform

import keras

from classifiers.backbones import POLICIES
from classifiers.training import Classifier
from ufgen.atomic import write_text
from ufgen.pixels import cache_folder

GAIN = 1.1


def choose(wanted: str, name: str, size: int, channels: int, batch: int) -> str:
    """`wanted`, or, if it is "auto", the fastest of `candidates`: float32 unless a tenth is won.

    The measurement takes seconds to a minute, and is kept for this machine in the cache folder,
    so that the choice does not change from run to run.
    """
    if wanted != "auto":
        return wanted
    about = [
        name,
        size,
        channels,
        batch,
        candidates(name),
        keras.backend.backend(),
        keras.__version__,
    ]
    about += [platform.processor(), os.cpu_count(), keras.distribution.list_devices()]
    key = hashlib.sha256(json.dumps(about).encode()).hexdigest()[:24]
    file = cache_folder() / "precision" / f"{key}.json"
    if not file.is_file():
        write_text(file, json.dumps(measure(name, size, channels, batch)))
    seconds = json.loads(file.read_text())
    fastest = min(seconds, key=seconds.get)
    return fastest if seconds["float32"] > GAIN * seconds[fastest] else "float32"


def candidates(name: str) -> list[str]:
    """float32, bfloat16, and for hybrid the first for MobileNetV3 with the second for ResNet50."""
    return [*POLICIES, *(["float32,bfloat16"] if name == "hybrid" else [])]


def measure(name: str, size: int, channels: int, batch: int) -> dict[str, float]:
    """Seconds for one optimiser step by precision, the fastest of three."""
    found = {}
    for precision in candidates(name):
        found[precision] = Classifier(name, size, channels, precision=precision).seconds_per_step(
            batch
        )
    return found
