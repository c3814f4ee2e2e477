"""Files of PyTorch: what they hold as arrays, and nothing run that they name."""

import os
import pickle
import sys
from collections import OrderedDict
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest

from classifiers.pretrained import torch_file

VALUES = np.arange(12, dtype="<f4")


class Tensor(NamedTuple):
    """Pickled as PyTorch pickles a tensor whose storage holds `VALUES`."""

    offset: int
    shape: tuple
    strides: tuple

    def __reduce__(self):
        import torch

        return torch._utils._rebuild_tensor_v2, (
            torch.FloatStorage(),
            *self,
            False,
            OrderedDict(),
        )


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        import torch

        if isinstance(value, torch.FloatStorage):
            return ("storage", torch.FloatStorage, "7", "cpu", len(VALUES), None)
        return None


@pytest.fixture
def write(tmp_path, monkeypatch):
    """A function that writes a file like `torch.save` did, without torch."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")
    torch._utils = utils
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})

    def _rebuild_tensor_v2():
        raise AssertionError("must not be called")

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = (
        utils.__name__,
        "_rebuild_tensor_v2",
    )
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)

    def written(tensors, magic=torch_file.MAGIC, length=len(VALUES)):
        path = tmp_path / "network.pth"
        with path.open("wb") as file:
            head = magic, torch_file.PROTOCOL, {"little_endian": True}
            for part in (*head, tensors, ["7"]):
                Pickler(file, 2).dump(part)
            file.write(length.to_bytes(8, "little") + VALUES.tobytes())
        return path

    return written


def test_tensors_are_read_with_their_offsets_and_strides(write):
    tensors = OrderedDict(
        whole=Tensor(0, (3, 4), (4, 1)),
        transposed=Tensor(0, (4, 3), (1, 4)),
        part=Tensor(5, (2,), (3,)),
        scalar=Tensor(11, (), ()),
    )
    tensors._metadata = OrderedDict(version=1)
    read = torch_file.read(write(tensors))
    assert list(read) == list(tensors)
    assert (read["whole"] == VALUES.reshape(3, 4)).all()
    assert (read["transposed"] == VALUES.reshape(3, 4).T).all()
    assert read["part"].tolist() == [5, 8] and read["scalar"] == 11


class Command:
    """Runs a function when it is unpickled freely."""

    def __init__(self, function, *arguments):
        self.called = function, arguments

    def __reduce__(self):
        return self.called


def test_nothing_that_a_file_names_is_run(write, tmp_path):
    for number, function in enumerate((os.mkdir, eval, getattr, pickle.loads)):
        made = tmp_path / f"made{number}"
        path = write(OrderedDict(weight=Command(function, str(made))))
        with pytest.raises(pickle.UnpicklingError, match="no tensor: not loaded"):
            torch_file.read(path)
        assert not made.exists()


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor(0, (13,), (1,)),
        Tensor(-1, (2,), (1,)),
        Tensor(4, (3, 2), (4, 1)),
        Tensor(9, (2,), (-4,)),
    ],
)
def test_memory_outside_a_storage_is_not_read(write, tensor):
    with pytest.raises(pickle.UnpicklingError, match="outside its storage"):
        torch_file.read(write({"weight": tensor}))


def test_other_formats_are_refused(write, tmp_path):
    tensors = {"weight": Tensor(0, (3, 4), (4, 1))}
    with pytest.raises(pickle.UnpicklingError, match="no file of PyTorch"):
        torch_file.read(write(tensors, magic=1))
    with pytest.raises(pickle.UnpicklingError, match="not of 12 elements"):
        torch_file.read(write(tensors, length=13))
