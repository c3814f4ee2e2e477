"""Where generators and trials are trained: in this process, or as tasks on a Ray cluster."""

from experiments.running.executors.selection import choose

__all__ = ["choose"]
