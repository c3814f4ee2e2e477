"""What a study reads and what its trials depend on: nothing leaks, nothing stale is reused."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.design import arms
from experiments.design.study import Study
from experiments.running import data_split, trial
from ufgen.errors import UserError
from ufgen.images import image_set
from ufgen.preparation.recipe import Preparation


def _study(location, **changes):
    content = {
        "name": "small",
        "images": {"path": str(location), "resolution": 32} | changes.pop("images", {}),
        "arms": ["real", "real+classical"],
        "classifiers": ["hybrid"],
    }
    return Study.model_validate(content | changes)


def _split(study):
    return data_split.split_by_role(study, data_split.read_images(study))


def _key(study) -> str:
    images, first = _split(study), study.trials()[0]
    training_set = arms.compose_training_set(images.fit, None, first.arm, first.seed)
    settings = trial.settings_hash(study, images, first, training_set, "float32")
    return trial.trial_folder(Path("runs"), first, settings).name


@pytest.fixture
def manifest(folder):
    """A function that writes a manifest of `folder`, groups of test images by their number."""
    files = sorted(folder.rglob("*.png"))

    def write(group_of):
        rows = [
            (str(f), f.parent.name, f.parts[-3], f"{f.parts[-3]}{f.parent.name}{group_of(f)}")
            for f in files
        ]
        table = pd.DataFrame(rows, columns=["path", "label", "split", "group"])
        table.to_csv(folder.parent / "m.csv", index=False)
        return folder.parent / "m.csv"

    return write


def test_the_same_picture_is_never_in_fit_and_validation(folder):
    for label in ("UF", "NUF"):
        for file in sorted((folder / "train" / label).glob("*.png")):
            shutil.copy(file, file.with_name(f"again_{file.name}"))
    images = _split(_study(folder))
    assert len(images.fit) + len(images.validation) == 24
    assert not set(images.fit.table["sha256"]) & set(images.validation.table["sha256"])


def test_more_oracle_images_than_there_are_is_noticed_before_any_training(folder):
    study = _study(folder, images={"fraction": 0.7}, arms=["real", "real+oracle@5"])
    with pytest.raises(UserError, match="were kept aside"):
        _split(study)


def test_a_trial_depends_on_which_test_image_is_of_which_group(manifest):
    def number(file):
        return int(file.stem[-1])

    one = _key(_study(manifest(lambda file: number(file) // 2)))
    assert one == _key(_study(manifest(lambda file: number(file) // 2)))
    swapped = {0: 0, 1: 1, 2: 0, 3: 1, 4: 2, 5: 2}
    other = manifest(
        lambda file: swapped[number(file)] if "test" in file.parts else number(file) // 2
    )
    assert one != _key(_study(other))


def test_a_trial_does_not_depend_on_where_its_images_lie(folder, tmp_path):
    before = _key(_study(folder))
    assert _key(_study(folder.rename(tmp_path / "elsewhere"))) == before


def test_tables_of_a_study_name_images_from_their_folder_on(folder):
    study = _study(folder, folds=3)
    loaded = data_split.read_images(study)
    images = {key: data_split.split_by_role(study, loaded, key) for key in study.splits()}
    table = data_split.images_table(study, loaded, images)
    assert table["path"].iloc[0] == "test/NUF/NUF_test_p0_0.png" and table["path"].is_unique
    assert set(table["fold_of_repeat_1"]) == {1, 2, 3}


def test_synthetic_images_are_never_real_ones_of_a_study(folder, tmp_path):
    images = image_set.scan(folder)
    source = ["synthetic"] * 3 + ["real"] * (len(images) - 3)
    images = replace(images, table=images.table.assign(source=source))
    image_set.write_manifest(images, tmp_path / "m.csv")
    with pytest.raises(UserError, match=r"3 of the 18 .* synthetic: .*NUF_test_p0_0\.png"):
        data_split.read_images(_study(tmp_path / "m.csv"))


def test_a_trial_depends_on_the_content_of_its_weights_file(folder, tmp_path):
    file = tmp_path / "w.weights.h5"
    study = _study(folder, classifiers=[{"name": "hybrid", "weights": str(file)}])
    keys = []
    for content in (b"one", b"three"):
        file.write_bytes(content)
        keys.append(_key(study))
    assert keys[0] != keys[1]


def test_a_group_or_class_called_na_stays_text(tmp_path):
    row = {"path": "a.png", "label": "None", "group": "NA", "sha256": "1e5", "target": 0}
    row |= {"probability": 0.5, "predicted": "None", "threshold": 0.5}
    pd.DataFrame([row])[trial.PREDICTIONS].to_csv(tmp_path / "predictions.csv", index=False)
    assert trial.read_predictions(tmp_path).iloc[0].to_dict() == row


def test_labels_that_cannot_name_a_folder_are_refused(folder, tmp_path):
    picture = next(folder.rglob("*.png"))
    (tmp_path / "odd.csv").write_text(f"path,label\n{picture},UF\n{picture}x,UF/submucosal\n")
    with pytest.raises(UserError, match="line 3: the label is 'UF/submucosal'"):
        data_split.read_images(_study(tmp_path / "odd.csv"))


PREPARED = {"resolution": 32, "prepare": ["grayscale", "mask-overlays"]}


def test_a_study_trains_on_prepared_pixels_and_knows_the_originals(folder, monkeypatch):
    monkeypatch.setattr(Preparation, "apply", lambda self, picture, path="": 255 - picture)
    plain = data_split.read_images(_study(folder))
    prepared = data_split.read_images(_study(folder, images=PREPARED))
    difference = prepared.store.take(prepared.images) + plain.store.take(plain.images).astype(int)
    assert np.abs(difference - 255).max() <= 1
    assert list(prepared.images.table["sha256"]) == list(plain.images.table["sha256"])


def test_a_preparation_makes_a_trial_another_one(folder):
    keys = {_key(_study(folder)), _key(_study(folder, images={"prepare": []}))}
    assert len(keys) == 1
    assert _key(_study(folder, images={"prepare": ["grayscale"]})) not in keys


def test_an_unknown_step_of_preparation_is_named(folder):
    with pytest.raises(ValueError, match="expected some of sector"):
        _study(folder, images={"prepare": ["crop"]})


@pytest.fixture
def with_validation(folder, picture):
    """The folder with 4 validation images per class."""
    for number in range(8):
        label = ("UF", "NUF")[number % 2]
        picture(folder / "val" / label / f"{label}_val_p{number}_{number}.png", 100 + number)
    return folder


def test_the_split_validation_validates_every_trial_whatever_fraction_is_in_use(with_validation):
    for fraction, fitted in ((1.0, 12), (0.5, 6)):
        split = _split(_study(with_validation, images={"fraction": fraction}))
        assert set(split.validation.table["split"]) == {"validation"}
        assert set(split.fit.table["split"]) | set(split.pool.table["split"]) == {"train"}
        sizes = len(split.fit), len(split.validation), len(split.test), len(split.pool)
        assert sizes == (fitted, 8, 6, 12 - fitted)
        counts = split.table()["role"].value_counts()
        assert counts["validation"] == 8 and counts["test"] == 6


def test_the_split_validation_joins_train_on_request(with_validation):
    split = _split(_study(with_validation, images={"validation": "join"}, validation_fraction=0.3))
    both = pd.concat([split.fit.table, split.validation.table])
    assert len(both) == 20 and len(split.validation) == 6 and len(split.test) == 6
    joined = both["path"].str.contains("/val/")
    assert joined.sum() == 8 and joined[: len(split.fit)].any()
    assert set(both["split"]) == {"train"}


def test_cross_validation_pools_all_splits(with_validation):
    study = _study(with_validation, folds=4)
    loaded = data_split.read_images(study)
    parts = [data_split.split_by_role(study, loaded, key) for key in study.splits()]
    tested = pd.concat([part.test.table for part in parts])
    assert len(tested) == 26 and tested["path"].is_unique
    assert {"train", "validation"} <= set(parts[0].fit.table["split"])
    for part in parts:
        assert part.table()["path"].is_unique and len(part.table()) == 26
        assert "train" in set(part.validation.table["split"])


def test_an_image_in_validation_and_in_another_split_stops_a_study(with_validation):
    copy = with_validation / "val" / "UF" / "copy.png"
    shutil.copy(next((with_validation / "train" / "UF").iterdir()), copy)
    with pytest.raises(UserError, match="same image is in train and in validation"):
        data_split.read_images(_study(with_validation))
    data_split.read_images(_study(with_validation, images={"validation": "join"}))
    shutil.copy(next((with_validation / "test" / "UF").iterdir()), copy)
    for validation in ("own", "join"):
        with pytest.raises(UserError, match=r"same image is in .* and in test"):
            data_split.read_images(_study(with_validation, images={"validation": validation}))


def test_a_study_of_two_classes_of_three(folder, picture, capsys):
    for number in range(6):
        picture(folder / ("train", "test")[number % 2] / "cyst" / f"{number}.png", 200 + number)
    loaded = data_split.read_images(_study(folder, images={"positive": "UF", "negative": "NUF"}))
    assert loaded.images.classes == ["NUF", "UF"] and len(loaded.images) == 18
    assert "left out: 6 images of cyst" in capsys.readouterr().err
    assert len(data_split.read_images(_study(folder, images={"positive": "UF"})).images) == 24
