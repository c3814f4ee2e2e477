"""The machine and the libraries: quiet start-up, and what a report says of them."""

import os
import platform
import sys
from importlib import import_module, metadata

PACKAGES = ("ufgen", "keras", "tensorflow", "jax", "numpy", "scikit-learn", "pandas", "pillow")


def prepare() -> None:
    """Silence TensorFlow's start-up and ask for repeatable kernels; call before importing Keras."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_DETERMINISTIC_OPS", "1")
    os.environ.setdefault("MPLBACKEND", "Agg")


def import_keras() -> None:
    """Import Keras and its backend without what their libraries print before any log level holds.

    TensorFlow writes straight to the file behind stderr; it is closed off during the import alone.
    """
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import_module("keras")
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


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
        "precision": keras.config.dtype_policy().name,
        "devices": ", ".join(keras.distribution.list_devices()) or "cpu",
        "cores": str(os.cpu_count()),
        "platform": platform.platform(),
    }
