"""The machine and the libraries: quick and quiet start-up, and what a report says of them."""

import gc
import logging
import os
import platform
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module, metadata

CHATTY = ("absl", "jax", "tensorflow")
PACKAGES = ("ufgen", "keras", "tensorflow", "jax", "numpy", "scikit-learn", "pandas", "pillow")


def prepare() -> None:
    """Silence the libraries and ask for repeatable kernels; call before importing Keras.

    What they warn of (retracing, shapes, deprecations) is for who writes the code, not for who runs
    a command; `python -W default` shows warnings again.

    TensorFlow takes oneDNN's kernels by itself on processors with AVX-512 alone. Without AVX-512
    they are faster too: 3.8 times where ResNet50 learns at 32 px.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_DETERMINISTIC_OPS", "1")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("MPLBACKEND", "Agg")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def _quieten() -> None:
    """Errors alone from the libraries' own loggers; absl's is set anew as it is imported."""
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)


@contextmanager
def silence() -> Iterator[None]:
    """Close off stderr, also for libraries that write straight to the file behind it."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def import_keras() -> None:
    """Import Keras and its backend without what their libraries print before any log level holds.

    Python's garbage collector rests meanwhile, and never looks at what was imported: it would
    search hundreds of thousands of objects that stay, again and again, and once more at the end.
    """
    if "keras" in sys.modules:
        return
    collects = gc.isenabled()
    gc.disable()
    try:
        with silence():
            import_module("keras")
        gc.freeze()
        _quieten()
    finally:
        if collects:
            gc.enable()


def describe() -> dict[str, str]:
    """Versions, platform and devices by name; what is not installed is left out."""
    import keras

    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found | {
        "backend": keras.backend.backend(),
        "devices": ", ".join(keras.distribution.list_devices()) or "cpu",
        "cores": str(os.cpu_count()),
        "platform": platform.platform(),
    }
