"""The tensors of a file of PyTorch before 1.6, by an unpickler that can build nothing else.

Such a file is five pickles (magic number, protocol, sizes of types, the tensors by name, the keys
of their storages) and the raw storages. A pickle runs what it names: here it can name
dictionaries, tensors and storages, of which the last two are stand-ins of our own.
"""

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


class _Storage(NamedTuple):
    key: str
    dtype: str
    length: int


class _Tensor(NamedTuple):
    """The leading arguments of `torch._utils._rebuild_tensor_v2`."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """What a pickle may name.

        Args:
            module: The module that the pickle names.
            name: What it names in there.

        Returns:
            A dictionary, or our stand-in.

        Raises:
            UnpicklingError: It is anything else.
        """
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda *arguments: _Tensor(*arguments[:4])
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        raise pickle.UnpicklingError(f"names {module}.{name}, which is no tensor: not loaded")

    def persistent_load(self, pid: Any) -> _Storage:
        """The storage that a tensor lies in.

        Args:
            pid: "storage", type, key, device, number of elements, view.

        Returns:
            Its type and size: the content follows at the end of the file.
        """
        _, dtype, key, _, length, _ = pid
        return _Storage(key, dtype, length)


def read(path: Path) -> dict[str, np.ndarray]:
    """Read tensors.

    Args:
        path: A file that `torch.save` wrote of a `state_dict`, before PyTorch 1.6.

    Returns:
        The floating-point and integer tensors by name.

    Raises:
        UnpicklingError: The file is of another format, or names anything but tensors.
    """
    with path.open("rb") as file:
        head = [_Unpickler(file).load() for _ in range(3)]
        if head[:2] != [MAGIC, PROTOCOL] or not head[2]["little_endian"]:
            raise pickle.UnpicklingError("is no file of PyTorch before 1.6")
        tensors, keys = _Unpickler(file).load(), _Unpickler(file).load()
        storages = {t.storage.key: t.storage for t in tensors.values()}
        contents = {key: _content(file, storages[key]) for key in keys}
    return {name: _array(tensor, contents[tensor.storage.key]) for name, tensor in tensors.items()}


def _content(file: BinaryIO, storage: _Storage) -> np.ndarray:
    if int.from_bytes(file.read(8), "little") != storage.length:
        raise pickle.UnpicklingError(f"has a storage that is not of {storage.length} elements")
    return np.frombuffer(
        file.read(storage.length * np.dtype(storage.dtype).itemsize), storage.dtype
    )


def _array(tensor: _Tensor, content: np.ndarray) -> np.ndarray:
    extents = list(zip(tensor.shape, tensor.strides, strict=True))
    last = tensor.offset + sum((length - 1) * stride for length, stride in extents)
    if min(tensor.offset, *tensor.shape, *tensor.strides, 0) < 0 or last >= len(content):
        raise pickle.UnpicklingError("has a tensor that lies outside its storage")
    strides = [stride * content.itemsize for stride in tensor.strides]
    return as_strided(content[tensor.offset :], tensor.shape, strides, writeable=False)
