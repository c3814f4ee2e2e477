"""Live curves: what TensorBoard itself reads back."""

import builtins

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ufgen import imageset, pixels, tensorboard
from ufgen.errors import UserError
from ufgen.gan.recipe import Recipe
from ufgen.gan.trainer import train_generator


def _read(folder) -> EventAccumulator:
    found = EventAccumulator(str(folder))
    found.Reload()
    return found


def test_a_training_that_goes_on_replaces_what_came_after(tmp_path, monkeypatch):
    monkeypatch.setenv(tensorboard.VARIABLE, str(tmp_path))
    first = tensorboard.Curves("t")
    for step in (1, 2, 3):
        first({"step": step, "loss": 10.0 * step, "trained": "all"})
    first.close()
    again = tensorboard.Curves("t", step=2)
    again({"step": 2, "loss": np.float32(7)})
    again.close()
    events = _read(tmp_path / "t").Scalars("loss")
    assert [(e.step, e.value) for e in events] == [(1, 10.0), (2, 7.0)]


def test_a_generator_writes_losses_distance_and_grids(phantoms, tmp_path, monkeypatch):
    monkeypatch.setenv(tensorboard.VARIABLE, str(tmp_path / "events"))
    decoded = pixels.load(imageset.scan(phantoms).split("train"), 32)
    recipe = Recipe(
        resolution=32, width=4, batch=16, kimg=0.064, precision="float32", steps_per_call=2
    )
    shown = decoded.store.take(decoded.images)
    made = train_generator(decoded.images, shown, recipe, tmp_path / "g", progress=False)
    found = _read(tmp_path / "events" / "generators" / made.name)
    assert {"distance", "floor", "variety"} <= set(found.Tags()["scalars"])
    assert found.Tags()["images"] == ["synthetic_images"]


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.delenv(tensorboard.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    tensorboard.Curves("t")({"step": 1, "loss": 1.0})
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **options):
        if name == "tensorboardX":
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"ufgen\[tensorboard\]"):
        tensorboard.write_to(tmp_path)
