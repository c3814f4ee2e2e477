"""The mean over positive classes, by hand from the scores of each."""

import numpy as np
import pandas as pd
import pytest
import yaml

from experiments.analysis.scores import evaluate_trials, mean_scores
from experiments.design.study import Study
from experiments.reporting import macro
from ufgen.errors import UserError

CLASSES = {"a": 30, "b": 20, "c": 8}


def _study(positive, seeds=5):
    return Study(
        name=positive,
        images={"positive": positive},
        arms=["real", "real+synthetic@1.0"],
        generator={"seeds": [0, 1, 2]},
        classifiers=["hybrid"],
        seeds=list(range(seeds)),
        bootstrap=100,
    )


def _predictions(study, signal):
    """Scores of each run, whose positive images score higher by the arm's signal."""
    rng = np.random.default_rng(ord(study.images.positive))
    labels = np.repeat(list(CLASSES), list(CLASSES.values()))
    target = (labels == study.images.positive).astype(int)
    names = [f"{i:03d}" for i in range(len(labels))]
    rows = []
    for arm, by in signal.items():
        for generator in [0, 1, 2] if "synthetic" in arm else [""]:
            for seed in study.seeds:
                scores = rng.normal(by * target, 1)
                run = {"arm": arm, "classifier": "hybrid", "generator": generator, "seed": seed}
                images = {"path": names, "label": labels, "group": names, "target": target}
                table = pd.DataFrame(images).assign(**run, repeat="", fold="", threshold=0.5)
                rows.append(table.assign(probability=1 / (1 + np.exp(-scores))))
    return pd.concat(rows, ignore_index=True)


def _write(folder, study, signal, unlike=""):
    folder.mkdir()
    (folder / "study.yaml").write_text(yaml.safe_dump(study.model_dump()))
    _predictions(study, signal).to_csv(folder / "predictions.csv", index=False)
    pd.DataFrame({"unlike_real": [unlike]}).to_csv(folder / "synthetic.csv")
    pd.DataFrame({"source": ["phantom"]}).to_csv(folder / "images.csv")
    return folder


SIGNAL = {"real": 1.0, "real+synthetic@1.0": 2.5}


def test_scores_are_averaged_run_by_run_and_groups_are_the_fewest():
    studies = [_study(positive, seeds) for positive, seeds in (("a", 6), ("b", 6), ("c", 5))]
    scores = [evaluate_trials(one, _predictions(one, SIGNAL)) for one in studies]
    mean = mean_scores(scores)
    assert [one.groups for one in scores] == [28, 20, 8] and mean.groups == 8
    for arm in studies[0].parsed_arms():
        each = [one.within(studies[2]).of(arm, ["hybrid"], "roc_auc") for one in scores]
        assert mean.within(studies[2]).of(arm, ["hybrid"], "roc_auc") == pytest.approx(
            np.mean(each, axis=0)
        )
    with pytest.raises(KeyError):  # the sixth seed is not of all
        mean.within(studies[1]).of(arm, ["hybrid"], "roc_auc")


def test_finished_studies_have_one_verdict_on_the_mean(tmp_path):
    studies = [_study(positive) for positive in CLASSES]
    folders = [_write(tmp_path / one.name, one, SIGNAL) for one in studies]
    found = macro.conclude(folders)
    assert found.positives == ["a", "b", "c"]
    (row,) = found.headline.to_dict("records")
    assert row["verdict"] == "helps" == found.conclusion["verdict"]
    scores = [evaluate_trials(one, _predictions(one, SIGNAL)) for one in studies]
    areas = [
        np.mean([one.of(arm, ["hybrid"], "roc_auc")[0].mean() for one in scores])
        for arm in studies[0].parsed_arms()
    ]
    assert [row["baseline"], row["value"]] == pytest.approx(areas)
    assert row["seeds"] == 5 and row["generators"] == 3 and row["test_groups"] == 8
    assert found.conclusion["sentence"]


def test_the_mean_is_interpretable_where_half_of_the_sets_are_like_real_ones(tmp_path):
    words = []
    for number, unlike in enumerate((0, 1, 2)):
        folders = [
            _write(tmp_path / f"{number}{name}", _study(name), SIGNAL, "flat" * (index < unlike))
            for index, name in enumerate(CLASSES)
        ]
        words.append(macro.conclude(folders).conclusion["verdict"])
    assert words == ["helps", "helps", "not interpretable"]
    assert "not like simulated ones" in macro.conclude(folders).conclusion["headline"]


def test_studies_with_other_generators_have_no_mean(tmp_path):
    folders = [_write(tmp_path / name, _study(name), SIGNAL) for name in "ab"]
    other = _study("c")
    generator = other.generator.model_copy(update={"seeds": [0, 1, 3]})
    (tmp_path / "c").mkdir()
    for file in (tmp_path / "a").iterdir():
        (tmp_path / "c" / file.name).write_bytes(file.read_bytes())
    content = other.model_copy(update={"generator": generator}).model_dump()
    (tmp_path / "c" / "study.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match="or other generators: expected"):
        macro.conclude([*folders, tmp_path / "c"])


def test_studies_without_a_seed_in_common_have_no_mean(tmp_path):
    folders = [_write(tmp_path / name, _study(name), SIGNAL) for name in "ab"]
    lonely = _study("c").model_copy(update={"seeds": [7]})
    folders.append(_write(tmp_path / "c", lonely, SIGNAL))
    with pytest.raises(UserError, match="a, b, c have no seed in common"):
        macro.conclude(folders)
