"""declared.yaml: written once, noticed when edited, and every change since in a log."""

import yaml
from declared_study import run, study
from image_tables import changed, six

from experiments.declaration import declared, history, record


def _changes(folder):
    return {one["field"]: (one["declared"], one["present"]) for one in record.read(folder).changes}


def test_what_is_declared_is_written_once(tmp_path):
    one = study(margin=0.03)
    declared.declare(tmp_path, one, six())
    written = (tmp_path / "declared.yaml").read_bytes()
    content = yaml.safe_load(written)["declared"]
    assert content["primary_metric"] == "roc_auc" and content["margin"] == 0.03
    assert content["arms"] == one.arms and content["generator"]["seeds"] == [0, 1, 2]
    declared.declare(tmp_path, study(margin=0.05), six())
    assert (tmp_path / "declared.yaml").read_bytes() == written
    assert not record.read(tmp_path).declaration.edited


def test_a_rerun_that_changes_nothing_adds_no_line(tmp_path):
    for _ in range(3):
        run(tmp_path, study())
    assert not (tmp_path / "changes.jsonl").exists()
    assert len(history.read(tmp_path / "verdicts.jsonl")) == 1


def test_every_changed_field_is_logged_once_with_both_values(tmp_path):
    run(tmp_path, study())
    other = {"margin": 0.05, "generator": {"options": {"kimg": 250}}, "images": {"resolution": 128}}
    for _ in range(2):
        run(tmp_path, study(**other))
    found = _changes(tmp_path)
    assert found.pop("margin") == (0.02, 0.05)
    assert found.pop("generator.options.kimg") == (None, 250)
    assert found.pop("images.resolution") == (64, 128)
    assert set(found) == {"generator.recipe_sha256"}
    assert len(record.read(tmp_path).changes) == 4
    run(tmp_path, study())
    assert len(record.read(tmp_path).changes) == 8  # back to what was declared: a change, too
    assert _changes(tmp_path)["margin"] == (0.02, 0.02)


def test_other_images_are_a_change_and_other_places_and_names_are_none(tmp_path):
    run(tmp_path, study())
    moved = study(images={"path": "elsewhere"}, name="t", question="Does it?")
    renamed = six(path=[f"y{i}" for i in range(6)], group=list("abcdef"))
    run(tmp_path, moved, images=renamed)
    assert _changes(tmp_path) == {}
    for other in (
        changed(six(), sha256=["h9", *six().table["sha256"][1:]]),
        changed(six(), label=["UF"] * 6),
        changed(six(), split=["test"] * 6),
        changed(six(), group=["g0", "g0", *six().table["group"][2:]]),
    ):
        run(tmp_path, study())
        before = len(record.read(tmp_path).changes)
        run(tmp_path, study(), images=other)
        assert len(record.read(tmp_path).changes) == before + 1


def test_weights_are_declared_by_their_content(tmp_path):
    file = tmp_path / "hybrid.weights.h5"
    one = study(classifiers=[{"name": "hybrid", "weights": str(file)}])
    file.write_bytes(b"one")
    run(tmp_path / "s", one)
    moved = file.rename(tmp_path / "moved.weights.h5")
    run(tmp_path / "s", study(classifiers=[{"name": "hybrid", "weights": str(moved)}]))
    assert _changes(tmp_path / "s") == {}
    moved.write_bytes(b"another")
    run(tmp_path / "s", study(classifiers=[{"name": "hybrid", "weights": str(moved)}]))
    assert set(_changes(tmp_path / "s")) == {"classifiers.hybrid.weights"}
