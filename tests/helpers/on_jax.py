"""The environment of a process that runs on JAX, for tests that start one."""

import os
from pathlib import Path


def environment(devices: int = 1, **more: str) -> dict[str, str]:
    """With so many virtual CPU devices, and as if TensorFlow were not installed.

    XLA compiles without optimising: a test runs briefly.
    """
    flags = f"--xla_force_host_platform_device_count={devices} --xla_backend_optimization_level=0"
    path = [str(Path(__file__).with_name("without_tensorflow")), os.environ.get("PYTHONPATH", "")]
    path = os.pathsep.join(filter(None, path))
    return os.environ | {"KERAS_BACKEND": "jax", "XLA_FLAGS": flags, "PYTHONPATH": path} | more
