"""Training and sampling: exact resumption, reuse, keys, manifests, and that something is learnt."""

import errno
import json
import signal
import threading
import time

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from small_generators import RECIPE, SHORT, assert_same, discs, generate_to, generator_key, weights

from ufgen.errors import UserError
from ufgen.fidelity.feature_extractors import texture
from ufgen.gan.generator_folder import GeneratorFolder
from ufgen.gan.recipe import Recipe
from ufgen.gan.sampling.sampler import generate_images
from ufgen.gan.training import trainer
from ufgen.gan.training.trainer import train_generator
from ufgen.images.image_set import ImageSet


def test_a_training_explains_itself(trained):
    folder, images, pixels = trained
    assert folder.name == generator_key(images, pixels, RECIPE)
    metadata = json.loads((folder / "complete.json").read_text())
    assert metadata["classes"] == ["bright", "dark"]
    assert metadata["images_shown"] == RECIPE.steps() * RECIPE.batch == 4800
    metrics = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert metrics[-1]["kimg"] == pytest.approx(4.8)
    assert all(np.isfinite(list(row.values())).all() for row in metrics)
    compared = [row["distance"] for row in metrics if "distance" in row]
    assert len(compared) == 2
    assert metadata["KD-texture"] == min(compared)
    assert metadata["reference"] < metadata["KD-texture"]
    seen = pd.read_csv(folder / "training.csv")
    assert sorted(seen["sha256"]) == sorted(images.table["sha256"])
    for name in ("recipe.yaml", "curves.png", "snapshot.weights.h5"):
        assert (folder / name).is_file()
    assert list((folder / "grids").glob("kimg_*.png"))
    assert not [p for p in folder.rglob("*") if p.name.startswith(".")]


def test_the_classes_come_out_different_and_the_images_diverse(trained, tmp_path):
    folder, images, pixels = trained
    drawn = generate_to(tmp_path / "s", folder, {"bright": 40, "dark": 40})
    synthetic = np.stack([np.asarray(Image.open(p), "float64") for p in drawn.table["path"]])
    bright = (drawn.table["label"] == "bright").to_numpy()
    real = (images.table["label"] == "bright").to_numpy()
    gap = pixels[real].mean() - pixels[~real].mean()
    assert synthetic[bright].mean() - synthetic[~bright].mean() > gap / 2
    assert len(set(drawn.table["sha256"])) == 80


def test_losses_and_speed_are_logged_before_every_evaluation(trained):
    rows = [json.loads(line) for line in (trained[0] / "metrics.jsonl").read_text().splitlines()]
    kinds = ["images_per_second" in row for row in rows if row["kimg"] in (2.4, 4.8)]
    assert kinds == [True, False, True, False]


def test_a_finished_generator_is_reused(trained):
    folder, images, pixels = trained
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    again = train_generator(images, pixels, RECIPE, folder.parent, show_progress=False)
    assert again == folder
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == before


def test_a_generator_that_another_process_trains_is_waited_for(tmp_path, capsys):
    folder, order = GeneratorFolder(tmp_path / "g"), []

    def train(name):
        with folder.lock():
            order.append(name)

    with folder.lock():
        waiting = threading.Thread(target=train, args=("second",))
        waiting.start()
        while "waiting for it" not in capsys.readouterr().out:
            time.sleep(0.01)
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]


def test_the_key_depends_on_images_labels_pixels_and_recipe_but_not_on_order():
    images, pixels = discs(12)
    key = generator_key(images, pixels, RECIPE)
    order = np.random.default_rng(0).permutation(12)
    assert generator_key(images.select(order), pixels[order], RECIPE) == key
    relabelled = ImageSet(images.table.assign(label=images.table["label"][::-1].to_numpy()))
    others = {
        generator_key(images.select(np.arange(11)), pixels[:11], RECIPE),
        generator_key(relabelled, pixels, RECIPE),
        generator_key(images, pixels // 2, RECIPE),
        generator_key(images, pixels, Recipe(seed=1)),
    }
    assert len(others - {key}) == 4


def test_interrupted_and_resumed_equals_uninterrupted(tmp_path, monkeypatch):
    """Bit for bit, after Ctrl-C and after a crash, also when the rows come in another order."""
    images, pixels = discs(30, channels=3)
    backwards = images.select(np.arange(30)[::-1]), pixels[::-1]
    recipe = Recipe(resolution=32, channels=3, **SHORT)
    whole = train_generator(images, pixels, recipe, tmp_path / "whole", show_progress=False)
    run_program = trainer._Training._run_program

    def interrupt(training):
        if training.state.step == 6:
            signal.raise_signal(signal.SIGINT)
        if training.state.step == 14:
            raise MemoryError
        return run_program(training)

    with monkeypatch.context() as patch:
        patch.setattr(trainer._Training, "_run_program", interrupt)
        with pytest.raises(KeyboardInterrupt):
            train_generator(images, pixels, recipe, tmp_path / "parts", show_progress=False)
        patch.setattr(trainer, "CHECKPOINT_SECONDS", 0)
        with pytest.raises(MemoryError):
            train_generator(*backwards, recipe, tmp_path / "parts", show_progress=False)
    folder = tmp_path / "parts" / whole.name
    assert (folder / "checkpoint.npz").is_file()
    assert not (folder / "complete.json").exists()
    parts = train_generator(*backwards, recipe, tmp_path / "parts", show_progress=False)
    assert parts == folder
    assert_same(weights(parts), weights(whole))
    snapshots = [json.loads((f / "complete.json").read_text())["snapshot"] for f in (whole, parts)]
    assert snapshots[0] == snapshots[1]


@pytest.mark.parametrize("count", [2, 3])
def test_one_image_of_a_class_is_enough_to_train(tmp_path, count):
    images, pixels = discs(count)
    recipe = Recipe(resolution=32, r1=count - 1.0, penalty_every=4, **SHORT)
    folder = train_generator(images, pixels, recipe, tmp_path, show_progress=False)
    drawn = generate_images(folder, {"dark": 2}, show_progress=False)
    assert list(drawn.table["label"]) == ["dark", "dark"]


def test_a_training_that_breaks_down_says_what_to_try(tmp_path):
    images, pixels = discs(8)
    recipe = Recipe(resolution=32, discriminator_learning_rate=1e30, **SHORT)
    with pytest.raises(UserError, match=r"diverged at \d+ images.*lower learning rates"):
        train_generator(images, pixels, recipe, tmp_path, show_progress=False)


def test_one_image_is_refused(tmp_path):
    with pytest.raises(UserError, match="only 1 training image:"):
        train_generator(*discs(1), Recipe(resolution=32, **SHORT), tmp_path, show_progress=False)
    assert not list(tmp_path.iterdir())


def test_black_images_train_to_an_end(tmp_path):
    images, pixels = discs(12)
    recipe = Recipe(resolution=32, **SHORT)
    folder = train_generator(images, np.zeros_like(pixels), recipe, tmp_path, show_progress=False)
    assert (folder / "complete.json").is_file()


def test_a_training_goes_back_to_the_last_good_state(tmp_path, monkeypatch, capsys):
    images, pixels = discs(12)
    run_program, broken = trainer._Training._run_program, []

    def break_once(training):
        numbers = run_program(training)
        if training.state.step == 10 and not broken:
            broken.append(training.state.seconds)
            training.networks.generator.variables[0].assign(
                training.networks.generator.variables[0] * np.nan
            )
            return numbers | {"generator_loss": float("nan")}
        return numbers

    monkeypatch.setattr(trainer._Training, "_run_program", break_once)
    recipe = Recipe(resolution=32, **SHORT)
    folder = train_generator(images, pixels, recipe, tmp_path, show_progress=False)
    metadata = json.loads((folder / "complete.json").read_text())
    assert metadata["recoveries"] == 1
    assert metadata["seconds"] >= round(broken[0], 1)
    assert "restored the state at" in capsys.readouterr().out
    assert all(np.isfinite(w).all() for w in weights(folder))


def test_a_collapse_to_one_image_per_class_is_noticed():
    """The classes may differ as much as they like: diversity is measured within them."""
    images, pixels = discs(40)
    labels = np.searchsorted(images.classes, images.table["label"])
    recipe = Recipe(resolution=32)
    evaluator = trainer.SnapshotEvaluator(texture(), pixels, labels, recipe)
    first = [pixels[np.flatnonzero(labels == c)[0]] for c in (0, 1)]

    def memorised(inputs):
        return np.stack([first[c] for c in inputs[1]]) / 127.5 - 1

    network = type("Network", (), {"predict_on_batch": staticmethod(memorised)})
    assert evaluator.compare(network)["diversity"] < trainer.COLLAPSED

    def diverse(inputs):
        shown = [pixels[labels == c][i % 20] for i, c in enumerate(inputs[1])]
        return np.stack(shown) / 127.5 - 1

    network = type("Network", (), {"predict_on_batch": staticmethod(diverse)})
    assert evaluator.compare(network)["diversity"] == pytest.approx(1, abs=0.1)


def test_a_training_that_keeps_collapsing_ends_with_its_best_snapshot(
    tmp_path, monkeypatch, capsys
):
    images, pixels = discs(12)
    results = iter(
        [{"distance": 1.0, "diversity": 1.0}] + 9 * [{"distance": 0.5, "diversity": 0.0}]
    )
    monkeypatch.setattr(trainer.SnapshotEvaluator, "compare", lambda *_: next(results))
    recipe = Recipe(resolution=32, **SHORT | {"kimg": 4.0})
    folder = train_generator(images, pixels, recipe, tmp_path, show_progress=False)
    metadata = json.loads((folder / "complete.json").read_text())
    assert metadata["recoveries"] == trainer.RECOVERIES + 1
    assert (metadata["KD-texture"], metadata["snapshot_kimg"]) == (1.0, 0.024)
    assert "ending there, after 3 restarts" in capsys.readouterr().out


def test_a_distance_that_is_not_finite_is_called_that(tmp_path, monkeypatch, capsys):
    images, pixels = discs(12)
    results = iter([1.0, float("nan"), *9 * [0.5]])
    monkeypatch.setattr(
        trainer.SnapshotEvaluator,
        "compare",
        lambda *_: {"distance": next(results), "diversity": 1.0},
    )
    recipe = Recipe(resolution=32, **SHORT | {"kimg": 0.096})
    train_generator(images, pixels, recipe, tmp_path, show_progress=False)
    printed = capsys.readouterr().out
    assert "the kernel distance is not finite" in printed and "collapsed" not in printed


def test_training_stops_when_it_no_longer_improves(tmp_path, monkeypatch):
    images, pixels = discs(12)
    worse = iter(range(100))
    monkeypatch.setattr(
        trainer.SnapshotEvaluator,
        "compare",
        lambda *_: {"distance": float(next(worse)), "diversity": 1.0},
    )
    recipe = Recipe(resolution=32, patience=2, **SHORT | {"kimg": 4.0})
    folder = train_generator(images, pixels, recipe, tmp_path, show_progress=False)
    metadata = json.loads((folder / "complete.json").read_text())
    assert metadata["images_shown"] == 3 * 24
    assert metadata["snapshot_kimg"] == 0.024


def test_the_last_state_is_evaluated_also_where_losses_were_just_logged(tmp_path, monkeypatch):
    images, pixels = discs(12)
    monkeypatch.setattr(trainer, "LOG_SECONDS", -1)
    recipe = Recipe(resolution=32, **SHORT | {"evaluate_kimg": 1.0})
    folder = train_generator(images, pixels, recipe, tmp_path, show_progress=False)
    metrics = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [row["kimg"] for row in metrics if "distance" in row] == [0.08]
    assert len(metrics) == 11


def test_a_budget_of_minutes_ends_by_the_clock(tmp_path):
    images, pixels = discs(12)
    recipe = Recipe(resolution=32, minutes=0.02, **SHORT | {"kimg": 1e6, "evaluate_kimg": 1e5})
    folder = train_generator(images, pixels, recipe, tmp_path, show_progress=False)
    metadata = json.loads((folder / "complete.json").read_text())
    assert metadata["seconds"] >= 1.2


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    images, pixels = discs(12)
    recipe = Recipe(resolution=32, **SHORT)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", full)
        with pytest.raises(OSError, match="No space left"):
            train_generator(images, pixels, recipe, tmp_path, show_progress=False)
    left = [file.suffix for file in tmp_path.rglob(".*")]
    assert not list(tmp_path.rglob("*.npz")) and set(left) <= {".lock"}
    assert train_generator(images, pixels, recipe, tmp_path, show_progress=False).is_dir()
