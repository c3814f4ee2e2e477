"""Keys hold what a result depends on: contents, libraries and code, but no path on a disk."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from experiments.design import arms
from experiments.design.study import Study
from experiments.running import data_split, study_trials, trial
from experiments.running.executors.jobs import Job
from ufgen import provenance
from ufgen.fidelity.feature_extractors import Extractor, extract, texture
from ufgen.gan import generator_folder
from ufgen.gan.recipe import Recipe, digest
from ufgen.images.image_set import ImageSet

CODE = '"""What it does."""\n\n\ndef double(x):\n    """Twice x."""\n    return 2 * x  # why\n'


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A small ufgen of two files, of which `a` imports `b`, and its code's version as `.now()`."""
    (tmp_path / "ufgen").mkdir()
    (tmp_path / "ufgen" / "a.py").write_text("def f():\n    from ufgen.b import double\n")
    (tmp_path / "ufgen" / "b.py").write_text(CODE)
    (tmp_path / "ufgen" / "c.py").write_text("x = 1\n")
    monkeypatch.setattr(provenance, "ROOT", tmp_path)

    def now(*names):
        for cached in (provenance.code_version, provenance._tree, provenance._code):
            cached.cache_clear()
        return provenance.code_version(*(names or ["ufgen.a"]))

    yield tmp_path / "ufgen", now
    now()
    monkeypatch.undo()
    for cached in (provenance.code_version, provenance._tree, provenance._code):
        cached.cache_clear()


@pytest.mark.parametrize(
    ("file", "text", "same"),
    [
        ("b.py", CODE.replace("2 * x", "3 * x"), False),
        ("b.py", CODE.replace("def double(x)", "def double(x=1)"), False),
        ("b.py", CODE.replace("  # why", "").replace("Twice x", "The double"), True),
        ("b.py", CODE.replace("\n\n\n", "\n"), True),
        ("c.py", "x = 2\n", True),
    ],
)
def test_the_code_that_computes_counts_and_no_comment(source, file, text, same):
    folder, now = source
    before = now()
    (folder / file).write_text(text)
    assert (now() == before) == same


def test_modules_that_display_are_excluded_and_those_that_train_are_not():
    for name in provenance.EXCLUDED:
        assert provenance._files(name)[0].is_file(), name

    def reached(*modules):
        todo, seen = [f for name in modules for f in provenance._files(name)], set()
        while todo:
            file = todo.pop()
            seen.add(file)
            todo += [f for f in provenance._imported(file) if f not in seen]
        return {file.relative_to(provenance.ROOT).as_posix() for file in seen}

    of_trial = reached("experiments.running.trial", "ufgen.images.pixel_store")
    assert {"classifiers/hybrid.py", "ufgen/kernels.py", "ufgen/images/decoding.py"} <= of_trial
    assert (
        not {
            "experiments/reporting/report.py",
            "ufgen/synthesis/gallery.py",
            "ufgen/gan/training/adversarial_step.py",
        }
        & of_trial
    )
    of_generator = reached("ufgen.gan")
    assert {
        "ufgen/gan/networks/projected.py",
        "ufgen/gan/networks/residual.py",
        "ufgen/backend.py",
    } <= of_generator
    assert (
        not {
            "ufgen/display/image_grid.py",
            "ufgen/gan/training_curves.py",
            "experiments/running/trial.py",
        }
        & of_generator
    )


def test_the_libraries_and_the_backend_are_named():
    import keras

    versions = provenance.versions("training", "ufgen.gan")
    assert versions["keras"] == keras.__version__
    assert versions["backend"] == keras.backend.backend() and versions[versions["backend"]]
    assert "keras" not in provenance.versions("decoding", "ufgen.images.decoding")


def test_weights_count_by_their_content_wherever_they_lie(tmp_path):
    one, other = tmp_path / "w.weights.h5", tmp_path / "elsewhere.weights.h5"
    fields = {"architecture": "projected", "updates": "alternate", "features": "keras:MobileNetV2"}
    one.write_bytes(b"first")
    recipe = Recipe(**fields, features_weights=str(one))
    first = digest(recipe)
    shutil.copy(one, other)
    assert digest(replace(recipe, features_weights=str(other))) == first
    one.write_bytes(b"other")
    assert digest(recipe) != first
    assert provenance.hash_weights("imagenet") == ["imagenet"]


def _requested(folder, **changes) -> tuple[str, str]:
    """The settings of a study's first trial, and its folder's name."""
    content = {
        "name": "small",
        "images": {"path": str(folder), "resolution": 32, "group_pattern": r"N?UF_[a-z]+_p\d"},
        "arms": ["real", "real+classical"],
        "classifiers": ["custom_resnet50"],
    }
    study = Study.model_validate(content | changes)
    prepared = data_split.split_by_role(study, data_split.read_images(study))
    first = study.trials()[0]
    training_set = arms.compose_training_set(prepared.fit, None, first.arm, first.seed)
    settings = trial.settings_hash(study, prepared, first, training_set, "float32")
    return settings, trial.trial_folder(folder, first, settings).name


def test_a_trial_is_the_same_wherever_the_images_lie(folder, tmp_path):
    moved = tmp_path / "moved" / folder.name
    shutil.copytree(folder, moved)
    assert _requested(folder) == _requested(moved)
    assert _requested(folder, training={"steps": 7})[0] != _requested(folder)[0]


def _other_version(monkeypatch):
    monkeypatch.setattr(provenance, "code_version", lambda *_: "another")


def test_another_version_changes_every_key(folder, tmp_path, monkeypatch):
    rows = [("a.png", "x", "0"), ("b.png", "y", "1")]
    table = pd.DataFrame(rows, columns=["path", "label", "sha256"])
    pixels = np.zeros((2, 32, 32, 1), "uint8")
    requested = ImageSet(table), pixels, Recipe(precision="float32"), texture()
    calls = []

    def count(images):
        calls.append(len(images))
        return np.zeros((len(images), 2), "float32")

    extractor = Extractor("counted", "0" * 12, count)
    extract(extractor, pixels)
    extract(extractor, pixels)
    assert len(calls) == 1
    before, of_generator = _requested(folder), generator_folder.generator_key(*requested)
    _other_version(monkeypatch)
    after = _requested(folder)
    assert after[0] == before[0] and after[1] != before[1]
    assert generator_folder.generator_key(*requested) != of_generator
    extract(extractor, pixels)
    assert len(calls) == 2


def test_unused_results_of_another_version_are_mentioned(tmp_path, monkeypatch, capsys):
    def finish(name, settings, by):
        (tmp_path / name).mkdir(parents=True)
        metadata = json.dumps({"settings": settings, "made_by": by})
        for file in ("complete.json", "trial.json"):
            (tmp_path / name / file).write_text(metadata)

    finish("same", "s", generator_folder.versions())
    finish("older", "s", generator_folder.versions() | {"code": "older"})
    finish("elsewhere", "t", {"code": "older"})
    generator_folder.report_outdated_generators(tmp_path, {"s"})
    assert "1 finished generators of the same images" in capsys.readouterr().out
    generator_folder.report_outdated_generators(tmp_path, {"u"})
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(study_trials, "versions", generator_folder.versions)
    study_trials.mention_other_versions([Job(None, None, tmp_path / "new", "s")])
    assert "1 finished trials of these settings" in capsys.readouterr().out
