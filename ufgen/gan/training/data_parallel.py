"""One batch on several devices: its shards, and the mean of what is computed on them."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from ufgen.backend import Tensor, devices, distribute, on_tensorflow


class Shard(NamedTuple):
    """A part of a batch, and the scope of the device that computes on it: `with device(): ...`."""

    device: Callable[[], AbstractContextManager]
    batch: dict


def split(batch: dict, batch_size: int) -> list[Shard]:
    """Split a batch over the devices that share it.

    On TensorFlow each device has a shard, and its own batch statistics in batch normalisation. On
    JAX the only shard is the whole batch, distributed over the devices: XLA sums up as if they were
    one.

    Args:
        batch: Nested dict of tensors whose first axis is a multiple of `batch_size` long, or 0.
        batch_size: Rows of the batch.

    Returns:
        One shard or several, in the order of the devices.
    """
    shared_by = devices(batch_size)
    if len(shared_by) == 1:
        return [Shard(nullcontext, batch)]
    if not on_tensorflow():
        return [Shard(nullcontext, distribute(batch, batch_size, "batch"))]
    size = batch_size // len(shared_by)

    def part(tensor: Tensor, index: int) -> Tensor:
        if 0 in tensor.shape:
            return tensor[: size * (tensor.shape[0] // batch_size)]
        rows = ops.reshape(tensor, (-1, batch_size, *tensor.shape[1:]))
        return ops.reshape(rows[:, index * size : (index + 1) * size], (-1, *tensor.shape[1:]))

    return [
        Shard(
            partial(keras.device, name), keras.tree.map_structure(partial(part, index=index), batch)
        )
        for index, name in enumerate(shared_by)
    ]


def mean(structures: list) -> Any:
    """Average what was computed on the shards of a batch.

    Args:
        structures: Nested structures of tensors, alike, one of each shard.

    Returns:
        One such structure.
    """
    if len(structures) == 1:
        return structures[0]
    return keras.tree.map_structure(lambda *parts: sum(parts) / len(parts), *structures)


def replicate(array: np.ndarray, batch_size: int) -> Tensor:
    """Place an array, whole, on each of the devices that share a batch.

    Args:
        array: Any array.
        batch_size: Rows of the batch.

    Returns:
        A tensor that stays on the devices.
    """
    return distribute(ops.convert_to_tensor(array), batch_size, None)
