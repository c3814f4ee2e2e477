"""Where generators and trials are trained: on this machine, or as tasks on a Ray cluster."""

from experiments.running.executors.selection import choose

__all__ = ["choose"]
