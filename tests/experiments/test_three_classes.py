"""A study of one class against two others: targets are of two, everything else is of three."""

import json

import numpy as np
import one_convolution
import pandas as pd
import pytest
import small_study
from sklearn.metrics import roc_auc_score

from classifiers import other_backbone
from experiments import runner
from experiments.design import study_yaml
from experiments.reporting import overview
from experiments.running.executors.local import LocalExecutor
from ufgen.errors import UserError


def _study(folder, sizes, other_arm="real+synthetic@0.5", **images):
    """A study of two arms and one training run each."""
    return small_study.write(
        folder / "sizes.yaml",
        sizes,
        images={"path": str(sizes), "resolution": 32, **images},
        arms=["real", other_arm],
        seeds=[0],
        generator={"seeds": [0], "options": {"kimg": 0.064, "width": 4, "steps_per_call": 2}},
    )


@pytest.fixture(scope="module")
def runs(sizes, tmp_path_factory):
    """Each of the classes against the rest; two of these studies are enough to run."""
    root = tmp_path_factory.mktemp("sizes")
    name, studies = study_yaml.read_all(_study(root, sizes), positive="each")
    assert [one.images.positive for one in studies] == ["large", "none", "small"]
    studies = [studies[0], studies[2]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(other_backbone, "feature_map", one_convolution.feature_map)
        for one in studies:
            runner.run(one, root / "runs", "ufgen experiment sizes.yaml --positive each")
    return overview.write_overview(name, studies, root / "runs").parents[1]


@pytest.fixture(scope="module")
def study(runs):
    return runs / "small-positivesmall"


def test_the_overview_has_the_mean_over_the_classes(runs):
    table = pd.read_csv(runs / "small" / "sweep.csv", keep_default_na=False)
    assert list(table["positive"]) == ["large", "small", "mean of the classes"]
    areas = []
    for positive in ("large", "small"):
        file = runs / f"small-positive{positive}" / "predictions.csv"
        predictions = pd.read_csv(file, keep_default_na=False)
        rows = predictions[predictions["arm"] == "real"]
        areas.append(roc_auc_score(rows["label"] == positive, rows["probability"]))
    assert float(table["baseline"].iloc[-1]) == pytest.approx(np.mean(areas))
    means = pd.read_csv(runs / "small" / "macro.csv")
    differences = means["value"] - means["baseline"]
    assert means["delta"].to_numpy() == pytest.approx(differences, nan_ok=True)
    page = (runs / "small" / "report.html").read_text()
    assert "Each of large, small is told from the rest" in page
    assert "mean of the classes:</strong>" in page and "../small-positivelarge/" in page
    generators = list((runs / "generators").glob("*/complete.json"))
    assert len(generators) == 1  # which saw no positive class, and serves all


def test_predictions_keep_the_three_classes_and_score_two(study):
    predictions = pd.read_csv(study / "predictions.csv", keep_default_na=False)
    assert set(predictions["label"]) == {"small", "large", "none"}
    assert (predictions["target"] == (predictions["label"] == "small")).all()
    above = predictions["probability"] >= predictions["threshold"]
    assert (predictions["predicted"] == np.where(above, "small", "not small")).all()
    metrics = pd.read_csv(study / "metrics.csv").set_index("arm")
    for arm, rows in predictions.groupby("arm"):
        area = roc_auc_score(rows["label"] == "small", rows["probability"])
        assert metrics.loc[arm, "roc_auc"] == pytest.approx(area)
        assert metrics.loc[arm, ["tn", "fp", "fn", "tp"]].sum() == 24
        right = above[rows.index] == (rows["label"] == "small")
        assert metrics.loc[arm, "accuracy"] == pytest.approx(right.mean())


def test_synthetic_images_are_of_each_class(study):
    images = pd.read_csv(study / "images.csv")
    fit = images[images["role"] == "fit"]["label"].value_counts()
    folder = next((study / "synthetic").iterdir())
    generated = pd.read_csv(folder / "manifest.csv")["label"].value_counts()
    assert generated.to_dict() == {label: int(n / 2 + 0.5) for label, n in fit.items()}
    assert set(pd.read_csv(folder / "fidelity.csv")["scope"]) == {"all", *fit.index}


def test_the_report_says_what_is_told_from_what(study):
    for file in ("report.md", "report.html"):
        assert (
            "Classifiers tell small from the rest (large, none), which metrics, thresholds and "
            "figures call not small;"
        ) in (study / file).read_text()
    checklist = pd.read_csv(study / "checklist.csv").set_index(["guideline", "item"])["answer"]
    assert "Class small against large and none" in checklist["TRIPOD+AI", "8a"]
    assert json.loads((study / "verdict.json").read_text())["sentence"]


def test_another_positive_class_is_another_training(study, sizes, tmp_path):
    folders = []
    for positive in ("small", "large"):
        file = _study(tmp_path, sizes, "real+duplicated@1.0", positive=positive)
        prepared = runner.prepare(study_yaml.read(file), tmp_path, tmp_path, LocalExecutor())
        folders.append(prepared.jobs[0].folder.name)
    done = {path.name for path in (study / "trials").iterdir()}
    assert [name in done for name in folders] == [True, False]


def test_a_study_without_a_positive_class_is_refused(sizes, tmp_path):
    with pytest.raises(UserError, match=r"large \(24 images\).*images: positive"):
        runner.run(study_yaml.read(_study(tmp_path, sizes)), tmp_path, "")
