"""Live curves: what TensorBoard itself reads back."""

import builtins
import json
import signal

import numpy as np
import pytest
from small_generators import SHORT, discs
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ufgen.display import tensorboard
from ufgen.errors import UserError
from ufgen.gan.recipe import Recipe
from ufgen.gan.training import trainer
from ufgen.gan.training.trainer import train_generator


def _read(folder) -> EventAccumulator:
    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def _scalars(events: EventAccumulator) -> dict[str, list[tuple[int, float]]]:
    tags = events.Tags()["scalars"]
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in tags}


def test_a_row_can_be_read_at_once_and_a_new_training_replaces_it(tmp_path, monkeypatch):
    monkeypatch.setenv(tensorboard.VARIABLE, str(tmp_path))
    first = tensorboard.Curves("t")
    for step in (1, 2, 3):
        first({"step": step, "loss": 10.0 * step, "trained": "all"})
        assert _scalars(_read(tmp_path / "t"))["loss"][-1] == (step, 10.0 * step)
    again = tensorboard.Curves("t")
    again({"step": 2, "loss": np.float32(7)})
    assert _scalars(_read(tmp_path / "t")) == {"loss": [(2, 7.0)]}


def test_a_generator_that_was_stopped_and_broke_down_is_shown_as_in_its_metrics(
    tmp_path, monkeypatch
):
    monkeypatch.setenv(tensorboard.VARIABLE, str(tmp_path / "events"))
    monkeypatch.setattr(trainer, "LOG_SECONDS", -1)
    run_program, stopped, broken = trainer._Training._run_program, [], []

    def disturbed(training):
        step = training.state.step
        if step == 8 and not stopped:
            stopped.append(step)
            signal.raise_signal(signal.SIGINT)
        numbers = run_program(training)
        if step == 16 and not broken:
            broken.append(step)
            return numbers | {"generator_loss": float("nan")}
        return numbers

    monkeypatch.setattr(trainer._Training, "_run_program", disturbed)
    recipe = Recipe(resolution=32, **SHORT)
    with pytest.raises(KeyboardInterrupt):
        train_generator(*discs(12), recipe, tmp_path / "g", show_progress=False)
    generator = train_generator(*discs(12), recipe, tmp_path / "g", show_progress=False)
    expected = {}
    for line in (generator / "metrics.jsonl").read_text().splitlines():
        row = json.loads(line)
        for name in row.keys() - {"kimg", "step"}:
            value = pytest.approx(row[name], rel=1e-6)
            expected.setdefault(name, []).append((row["step"], value))
    events = _read(tmp_path / "events" / "generators" / generator.name)
    assert _scalars(events) == expected
    assert {"generator_loss", "images_per_second", "distance", "reference", "recovered"} < set(
        expected
    )
    grid = events.Images("synthetic_images")[-1]
    assert grid.step == recipe.steps()
    assert grid.encoded_image_string == (generator / "grids" / "kimg_00000.png").read_bytes()


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
        tensorboard.enable_tensorboard(tmp_path)


def test_a_file_is_no_folder_for_curves(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file"):
        tensorboard.enable_tensorboard(tmp_path / "file")
