"""The machine and the libraries: quick and quiet start-up, and their versions."""

import gc
import logging
import os
import platform
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module, metadata

LOGGERS = ("absl", "jax", "tensorflow")
PACKAGES = ("ufgen", "keras", "tensorflow", "jax", "numpy", "scikit-learn", "pandas", "pillow")


def prepare() -> None:
    """Silence the libraries and request deterministic kernels; call before importing Keras.

    Their warnings (retracing, shapes, deprecations) are for developers, not for users of the
    command line; `python -W default` shows them again.

    TensorFlow enables oneDNN by default only on some CPUs; here it is faster on others, too: 3.8
    times for training ResNet50 at 32 px.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_DETERMINISTIC_OPS", "1")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("MPLBACKEND", "Agg")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def _quieten() -> None:
    """Log only errors of the libraries; absl resets its logger when it is imported."""
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)


@contextmanager
def silence() -> Iterator[None]:
    """Discard stderr, also of libraries that write straight to its file descriptor.

    Yields:
        Nothing; stderr is back at the end of the block.
    """
    sys.stderr.flush()
    stderr, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(null)


def import_keras() -> None:
    """Import Keras and its backend, without what they print before log levels take effect.

    The garbage collector is disabled meanwhile, and ignores what was imported: it would repeatedly
    traverse hundreds of thousands of objects that are never freed.
    """
    if "keras" in sys.modules:
        return
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        with silence():
            import_module("keras")
        gc.freeze()
        _quieten()
    finally:
        if was_enabled:
            gc.enable()


def describe() -> dict[str, str]:
    """Describe the machine and the installed libraries.

    Returns:
        The versions of Python and of the installed libraries, backend, devices, number of CPU
        cores and platform, by name.
    """
    import keras

    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions | {
        "backend": keras.backend.backend(),
        "devices": ", ".join(keras.distribution.list_devices()) or "cpu",
        "cores": str(os.cpu_count()),
        "platform": platform.platform(),
    }
