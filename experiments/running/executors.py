"""Which executor trains: this process, or a Ray cluster."""

from collections.abc import Iterator
from contextlib import contextmanager

from experiments.running.jobs import Executor
from experiments.running.local_executor import Local
from ufgen.errors import UserError


@contextmanager
def choose(
    name: str = "local",
    address: str | None = None,
    cpus: float | None = None,
    gpus: float | None = None,
) -> Iterator[Executor]:
    """Yield the executor "local" or "ray"; the other options are Ray's. Raises UserError."""
    if name not in ("local", "ray"):
        raise UserError(f"--executor is {name!r}: expected local or ray")
    if name == "local":
        if any(option is not None for option in (address, cpus, gpus)):
            raise UserError("--address, --cpus and --gpus need --executor ray beside them")
        yield Local()
        return
    from experiments.running.ray_executor import Ray

    cluster = Ray(address, 1 if cpus is None else cpus, gpus or 0)
    try:
        yield cluster
    finally:
        cluster.close()
