"""The environment of a process that runs on JAX, for tests that start one."""

import os


def environment(devices: int = 1, **more: str) -> dict[str, str]:
    """With so many virtual CPU devices. XLA compiles without optimising: a test runs briefly."""
    flags = f"--xla_force_host_platform_device_count={devices} --xla_backend_optimization_level=0"
    return os.environ | {"KERAS_BACKEND": "jax", "XLA_FLAGS": flags} | more
