"""Which executor trains: this machine, or a Ray cluster."""

from collections.abc import Iterator
from contextlib import contextmanager

from experiments.running.executors.jobs import Executor
from experiments.running.executors.local import LocalExecutor
from ufgen.errors import UserError


@contextmanager
def choose(
    name: str = "local",
    address: str | None = None,
    cpus: float | None = None,
    gpus: float | None = None,
    workers: int | None = None,
) -> Iterator[Executor]:
    """Open an executor, and close it in the end.

    Args:
        name: "local" or "ray".
        address: HOST:PORT of Ray's head node, or "auto" on a machine of the cluster; by default a
            cluster on this machine is started. For Ray, as are the others.
        cpus: CPUs reserved for each training, by default 1.
        gpus: GPUs, or the fraction of one, for the same, by default 0.
        workers: Trials or generators that the local executor trains side by side, by default by a
            rule.

    Yields:
        The executor.

    Raises:
        UserError: Options that do not go together, or Ray is not installed, cannot be reached, or
            has no node with as many CPUs and GPUs.
    """
    if name not in ("local", "ray"):
        raise UserError(f"--executor is {name!r}: expected local or ray")
    if name == "local":
        if any(option is not None for option in (address, cpus, gpus)):
            raise UserError("--address, --cpus and --gpus need --executor ray beside them")
        yield LocalExecutor(workers)
        return
    if workers is not None:
        raise UserError("--workers is for the local executor: with --executor ray say --cpus")
    from experiments.running.executors.ray_cluster import RayExecutor

    cluster = RayExecutor(address, 1 if cpus is None else cpus, gpus or 0)
    try:
        yield cluster
    finally:
        cluster.close()
