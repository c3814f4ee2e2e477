"""Studies: their stages, no leak, resume to the same bytes, the order of rows."""

import shutil
from itertools import combinations

import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, recall_score, roc_auc_score
from small_study import ARMS, TABLES, write

from experiments import runner
from experiments.analysis import results
from experiments.analysis.finished_study import read_pilot
from experiments.declaration import record
from experiments.design import study_yaml
from experiments.design.trials import SplitKey
from experiments.planning import power
from experiments.reporting import report
from experiments.running import data_split
from experiments.running.executors import jobs
from experiments.running.executors.local import LocalExecutor
from ufgen.errors import UserError
from ufgen.images import image_set


def test_every_arm_is_reported(finished):
    root, _ = finished
    metrics = pd.read_csv(root / "runs/small/metrics.csv")
    assert metrics["arm"].value_counts().to_dict() == {
        arm: 4 if "synthetic" in arm else 2 for arm in ARMS
    }
    sizes = metrics.groupby("arm")["n_train"].first()
    assert sizes["real+duplicated@1.0"] == 2 * sizes["real"] == 2 * sizes["synthetic"]
    page = (root / "runs/small/report.html").read_text()
    assert "phantom" in page and "ufgen experiment small.yaml" in page


def test_heatmaps_are_written_of_the_first_seed_and_generator(finished):
    trials = [file.parent.name for file in finished[0].glob("runs/small/trials/*/heatmaps.npy")]
    assert len(trials) == len(ARMS)
    assert all("_seed0_" in name and "_generator1_" not in name for name in trials)


def test_the_reported_metrics_are_those_of_scikit_learn(finished):
    """From the folders' names as labels, and the test images' probabilities and thresholds."""
    root, _ = finished
    metrics = pd.read_csv(root / "runs/small/metrics.csv").fillna({"generator": ""})
    predictions = pd.read_csv(root / "runs/small/predictions.csv").fillna({"generator": ""})
    images = pd.read_csv(root / "runs/small/images.csv")
    tested = set(images["path"][images["role"] == "test"])
    keys = ["arm", "generator", "seed"]
    assert len(predictions.groupby(keys)) == len(metrics)
    for key, rows in predictions.groupby(keys):
        trial = metrics.set_index(keys).loc[key]
        labels = rows["path"].str.split("/").str[-2]
        truth, predicted = labels == "UF", rows["probability"] >= rows["threshold"]
        assert set(rows["path"]) == tested and len(rows) == len(tested)
        assert (labels == rows["label"]).all() and (truth == rows["target"]).all()
        expected = {
            "accuracy": accuracy_score(truth, predicted),
            "recall": recall_score(truth, predicted),
            "specificity": recall_score(~truth, ~predicted),
            "roc_auc": roc_auc_score(truth, rows["probability"]),
        }
        assert trial[list(expected)].to_dict() == pytest.approx(expected, abs=1e-6)


def test_roles_share_no_group_and_the_generator_saw_fit_rows_only(finished):
    root, _ = finished
    images = pd.read_csv(root / "runs/small/images.csv")
    by_role = {role: set(rows["group"]) for role, rows in images.groupby("role")}
    assert set(by_role) == {"fit", "validation", "test"}
    assert not by_role["fit"] & by_role["validation"]
    assert not (by_role["fit"] | by_role["validation"]) & by_role["test"]
    assert set(images[images["role"] == "validation"]["split"]) == {"train"}
    fit = set(images[images["role"] == "fit"]["sha256"])
    for file in root.glob("runs/small/synthetic/*/training.csv"):
        assert set(pd.read_csv(file)["sha256"]) == fit


def test_scrambled_rows_change_nothing(finished, phantoms, tmp_path, no_page):
    """The same images in a manifest in another order: the same predictions and metrics."""
    root, _ = finished
    table = pd.read_csv(phantoms / "manifest.csv").sample(frac=1, random_state=3)
    table["path"] = [str(phantoms / p) for p in table["path"]]
    table.to_csv(tmp_path / "other.csv", index=False)
    file = write(tmp_path / "small.yaml", tmp_path / "other.csv", arms=["real", "real+classical"])
    runner.run(study_yaml.read(file), tmp_path / "runs", "again")
    one = pd.read_csv(root / "runs/small/predictions.csv")
    two = pd.read_csv(tmp_path / "runs/small/predictions.csv")
    both = one.merge(two, on=["arm", "seed", "path"])
    assert len(both) == len(two)
    assert (both["probability_x"] == both["probability_y"]).all()


def test_a_second_run_trains_nothing_and_changes_no_table(finished, monkeypatch, no_page):
    root, file = finished
    before = {name: (root / "runs/small" / name).read_bytes() for name in TABLES}

    def refuse(*_args, **_options):
        raise AssertionError("trained again")

    monkeypatch.setattr(jobs, "run_trial", refuse)
    runner.run(study_yaml.read(file), root / "runs", "again")
    assert before == {name: (root / "runs/small" / name).read_bytes() for name in TABLES}
    so_far = record.read(root / "runs/small")
    assert so_far.trusted and so_far.check().passed
    assert not so_far.changes and len(so_far.verdicts) == 1


def test_the_stages_run_once_in_order_and_each_writes_files_of_its_own(
    finished, tmp_path, monkeypatch
):
    monkeypatch.setattr(report, "FORMATS", (".png",))
    root, _ = finished
    shutil.copytree(root / "runs/generators", tmp_path / "runs/generators")
    written = {}

    def spy(name, stage):
        def spied(*arguments):
            before = _stamps(tmp_path)
            result = stage(*arguments)
            assert name not in written
            written[name] = {path for path, stamp in _stamps(tmp_path) - before}
            return result

        monkeypatch.setattr(runner, name, spied)

    stages = ("prepare", "train", "analyse", "write_report")
    for name in stages:
        spy(name, getattr(runner, name))
    file = root / "small.yaml"
    changes = {"arms": ["real", "real+synthetic@0.5"], "seeds": [0]}
    runner.run(study_yaml.read(file).model_copy(update=changes), tmp_path / "runs", "once")
    assert tuple(written) == stages and all(written.values())
    for one, other in combinations(stages, 2):
        assert not written[one] & written[other]
    prepared = {"precision.json", "trials.csv", "declared.yaml"}
    assert {path.name for path in written["prepare"]} >= prepared
    assert {path.parents[1].name for path in written["train"]} == {"trials"}
    assert {path.name for path in written["analyse"]} >= {
        *("deltas.csv", "verdict.json", "verdicts.jsonl")
    }
    assert "report.html" in {path.name for path in written["write_report"]}


def _stamps(root) -> set:
    return {(path, path.stat().st_mtime_ns) for path in root.rglob("*") if path.is_file()}


def test_interrupted_and_run_again_gives_the_same_bytes(finished, tmp_path, no_page, monkeypatch):
    """By Ctrl-C in the second trial; `benchmarks/studies/kills.py` kills at random moments."""
    root, file = finished
    for part in ("generators", "small/synthetic"):  # trials are what is interrupted
        shutil.copytree(root / "runs" / part, tmp_path / "runs" / part)
    run_trial = jobs.run_trial

    def interrupt(*arguments, **options):
        if list(tmp_path.glob("runs/small/trials/*/trial.json")):
            raise KeyboardInterrupt
        run_trial(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "run_trial", interrupt)
        with pytest.raises(KeyboardInterrupt):
            runner.run(study_yaml.read(file), tmp_path / "runs", "once")
    finished_first = {p: p.stat().st_mtime_ns for p in tmp_path.glob("runs/small/trials/*/*")}
    assert finished_first and not (tmp_path / "runs/small/metrics.csv").exists()
    runner.run(study_yaml.read(file), tmp_path / "runs", "again")
    for name in TABLES:
        one, two = (r / "runs/small" / name for r in (root, tmp_path))
        assert one.read_bytes() == two.read_bytes(), name
    for path, stamp in finished_first.items():
        assert path.stat().st_mtime_ns == stamp


@pytest.mark.parametrize("split", ["train", "test"])
def test_images_of_a_generator_are_no_images_of_a_study(finished, phantoms, tmp_path, split):
    """Synthetic images written by one study, listed among the real ones of another."""
    root, _ = finished
    manifests = [phantoms / "manifest.csv", *root.glob("runs/small/synthetic/*/manifest.csv")]
    real, synthetic = (
        pd.read_csv(file).assign(
            path=lambda t, file=file: [str(file.parent / p) for p in t["path"]]
        )
        for file in manifests[:2]
    )
    joined = pd.concat([real, synthetic.assign(split=split)])[real.columns]
    joined.to_csv(tmp_path / "joined.csv", index=False)
    study = study_yaml.read(write(tmp_path / "s.yaml", tmp_path / "joined.csv"))
    with pytest.raises(UserError, match=f"{len(synthetic)} of the {len(joined)} .* are synthetic"):
        runner.run(study, tmp_path / "runs", "ufgen experiment s.yaml")
    assert not list(tmp_path.glob("runs/small/trials/*"))


def _split(study, key=SplitKey()):
    return data_split.split_by_role(study, data_split.read_images(study), key)


def test_validation_images_come_from_training_groups(phantoms, tmp_path):
    images = _split(study_yaml.read(write(tmp_path / "s.yaml", phantoms)))
    train = image_set.scan(phantoms).split("train")
    assert set(images.validation.table["path"]) <= set(train.table["path"])
    assert len(images.fit) + len(images.validation) == len(train)


def test_a_finished_run_is_the_pilot_of_a_power_analysis(finished):
    root, file = finished
    small = study_yaml.read(file)
    deltas = read_pilot(root / "runs/small", "roc_auc")
    deltas[["variance_generators", "variance_seeds", "variance_residual"]] = 4e-4
    deltas["variance_groups"] = 1e-4
    assert "A change of 0.5 needs 5 seeds and 3 generators" in power.describe(small, deltas, 0.5)
    text = power.describe(small, deltas, 0.02)
    groups = deltas["test_groups"].iloc[0] - 1
    test = pd.read_csv(root / "runs/small/images.csv").query("role == 'test'")
    assert groups + 1 == test.groupby("label")["group"].nunique().min()
    # the headline, unadjusted: the limit of many training runs
    limit = (stats.t.ppf(0.975, groups) + stats.t.ppf(0.8, groups)) * 0.01
    assert f"about {(limit / 0.02) ** 2:.1f} times as many" in text
    assert "too few seeds" in power.describe(small, deltas.assign(seeds=1), 0.1)


def test_arms_with_different_initial_weights_are_not_compared(finished):
    root, _ = finished
    trials = pd.read_csv(root / "runs/small/metrics.csv").fillna({"fold": "", "repeat": ""})
    results.check_equal_budgets(trials)
    trials.loc[3, "initial_sha256"] = "other"
    with pytest.raises(UserError, match="differ in initial_sha256"):
        results.check_equal_budgets(trials)


def test_cross_validation_tests_each_image_once_a_repeat(
    phantoms, tmp_path, monkeypatch, small_network
):
    monkeypatch.setattr(report, "FORMATS", (".png",))
    changes = {"arms": ["real", "real+classical"], "folds": 2, "repeats": 2, "generator": {}}
    small = study_yaml.read(write(tmp_path / "s.yaml", phantoms, **changes))
    for key in small.splits():
        groups = [set(part.table["group"]) for part in _split(small, key)[:3]]
        assert not (groups[0] | groups[1]) & groups[2] and not groups[0] & groups[1]
    runner.run(small, tmp_path / "runs", "ufgen experiment s.yaml")
    predictions = pd.read_csv(tmp_path / "runs/small/predictions.csv")
    images = pd.read_csv(tmp_path / "runs/small/images.csv")
    assert len(predictions) == 2 * 2 * 2 * len(images)
    runs = predictions.groupby(["arm", "seed", "repeat"])["path"]
    assert len(runs) == 8 and (runs.nunique() == len(images)).all()
    assert set(images["fold_of_repeat_1"]) == {1, 2}
    assert (images["fold_of_repeat_1"] != images["fold_of_repeat_2"]).any()
    assert len(pd.read_csv(tmp_path / "runs/small/metrics.csv")) == 8
    assert (
        "Cross-validation of 2 folds over all images (2 repeats)"
        in (tmp_path / "runs/small/report.html").read_text()
    )


def test_a_study_is_declared_before_the_first_training_and_after_what_fails_early(
    phantoms, tmp_path
):
    class Interrupted(LocalExecutor):
        def train_generators(self, *_):
            assert (tmp_path / "runs/small/declared.yaml").is_file()
            raise KeyboardInterrupt

    study = study_yaml.read(write(tmp_path / "s.yaml", phantoms))
    nowhere = study.images.model_copy(update={"path": str(tmp_path / "nowhere")})
    with pytest.raises(UserError):
        runner.run(study.model_copy(update={"images": nowhere}), tmp_path / "runs", "once")
    assert not (tmp_path / "runs/small/declared.yaml").exists()
    with pytest.raises(KeyboardInterrupt):
        runner.run(study, tmp_path / "runs", "once", executor=Interrupted())
