"""How this process joins a Ray cluster, and what its workers get of the environment."""

import os
import socket
from typing import Any

import keras

from experiments.running.executors import threads
from ufgen.errors import UserError

FORWARDED = (
    *("UFGEN_", "XLA_", "JAX_", "NPROC", "MPLBACKEND", "TF_DETERMINISTIC_OPS", "TF_CPP_"),
    *("TF_ENABLE_", "TF_FORCE_", "TF_GPU_", "TF_NUM_", "TF_XLA_"),
)
"""How the names of environment variables begin that workers get from this process."""
TIMEOUT = 5  # seconds


def import_ray() -> Any:
    """Import Ray, which is an optional dependency.

    Returns:
        The module `ray`.

    Raises:
        UserError: Ray is not installed.
    """
    try:
        import ray
    except ImportError:
        raise UserError('Ray is not installed: pip install "ufgen[ray]"') from None
    return ray


def connect(ray: Any, address: str | None, gpus: float) -> None:
    """Join a cluster, or start one.

    Args:
        ray: The module.
        address: HOST:PORT of the head node, or "auto" on a machine of the cluster; None starts a
            cluster on this machine.
        gpus: GPUs reserved for each training; with 0 workers see none.

    Raises:
        UserError: The cluster cannot be reached.
    """
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS", "auto")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if gpus:  # no process, this one included, takes all memory of a GPU
        os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    try:
        if address not in (None, "auto"):  # Ray itself would try for minutes
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), TIMEOUT).close()
        ray.init(
            address=address or "local",
            runtime_env={"env_vars": _environment(gpus)},
            include_dashboard=False,
            logging_level="error",
            log_to_driver=False,
        )
    except (OSError, OverflowError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        reason = str(error).strip().split("\n")[0]
        raise UserError(
            f"Ray cannot be reached at {address or 'this machine'} ({reason}): expected "
            "--address HOST:PORT of `ray start --head`, or auto on a machine of the cluster; "
            "and RAY_AUTH_MODE=token if it asks for a token"
        ) from None


def _environment(gpus: float) -> dict[str, str]:
    """The driver's settings for the workers, and as many threads: sums depend on their number."""
    variables = dict.fromkeys(threads.VARIABLES.values(), str(threads.cores()))
    if gpus == 0:
        variables["CUDA_VISIBLE_DEVICES"] = ""
    variables |= {name: value for name, value in os.environ.items() if name.startswith(FORWARDED)}
    return variables | {"KERAS_BACKEND": keras.backend.backend()}
