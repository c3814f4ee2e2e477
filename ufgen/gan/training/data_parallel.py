"""One batch on several devices: what each works on, and what they found together."""

from contextlib import nullcontext
from functools import partial

import keras
from keras import ops

from ufgen.backend import devices, distribute, on_tensorflow


def shares(batch: dict, count: int) -> list[tuple]:
    """What the devices that share a batch work on: pairs of a context to enter and a part.

    `batch` is a nested dict of arrays whose first axis is a multiple of `count` long, or 0. On
    TensorFlow each device has a part, and its own moments in batch normalisation. On JAX the only
    part is all of it, spread over the devices: XLA adds up what they find, as if they were one.
    """
    shared_by = devices(count)
    if len(shared_by) == 1:
        return [(nullcontext, batch)]
    if not on_tensorflow():
        return [(nullcontext, distribute(batch, count, "batch"))]
    import tensorflow as tf

    size = count // len(shared_by)

    def part(array, index):
        if 0 in array.shape:
            return array[: size * (array.shape[0] // count)]
        rows = ops.reshape(array, (-1, count, *array.shape[1:]))
        return ops.reshape(rows[:, index * size : (index + 1) * size], (-1, *array.shape[1:]))

    return [
        (partial(tf.device, name), keras.tree.map_structure(partial(part, index=index), batch))
        for index, name in enumerate(shared_by)
    ]


def mean(structures: list):
    """The mean of nested structures of tensors: what the parts of a batch found, together."""
    if len(structures) == 1:
        return structures[0]
    return keras.tree.map_structure(lambda *parts: sum(parts) / len(parts), *structures)


def constant(array, count: int):
    """`array` as a tensor that stays, whole, on each of the devices that share a batch."""
    return distribute(ops.convert_to_tensor(array), count, None)
