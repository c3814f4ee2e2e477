"""What each part of a study is given, by the hash of its pixels: no part sees what it must not."""

import inspect
import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import one_convolution
import pandas as pd
import pytest
import yaml

from classifiers import other_backbone
from classifiers.evaluation import calibration
from classifiers.training.trainer import Classifier
from experiments import runner
from experiments.design import study_yaml
from experiments.running.executors import jobs
from experiments.running.trial import read_predictions
from ufgen.gan.sampling import sampler
from ufgen.gan.training import trainer
from ufgen.images.pixel_store import as_picture, hash_pixels
from ufgen.synthesis import pipeline

ARMS = ["real", "real+oracle@0.1", "real+synthetic@1.0", "real+synthetic@1.0:filtered"]
ARMS += ["pretrain:synthetic@1.0:filtered>real"]
STUDIES = {
    "split": {"arms": ARMS, "images": {"fraction": 0.6}},
    "folds": {"arms": ["real", "real+synthetic@1.0:filtered"], "folds": 2},
}


def _hashes(pixels: np.ndarray) -> list[str]:
    """As in the column sha256: at 32 px the files' pixels are used as they are."""
    return [hash_pixels(as_picture(image)) for image in pixels]


class Spies:
    """Wrap functions of the tool so that what each call is given is recorded."""

    def __init__(self, patch: pytest.MonkeyPatch):
        self.patch = patch
        self.trials = []
        self.generators = {}
        self.filters = []
        self.fit = Classifier.fit
        for owner, name in (
            (trainer, "train_generator"),
            (pipeline, "sample_filtered"),
            (Classifier, "fit"),
            (Classifier, "predict"),
            (calibration, "fit"),
            (jobs, "run_trial"),
        ):
            self._wrap(owner, name, getattr(self, f"_on_{owner.__name__.split('.')[-1]}_{name}"))

    def _wrap(self, owner, name, record):
        original = getattr(owner, name)
        signature = inspect.signature(original)

        def spied(*arguments, **options):
            given = signature.bind(*arguments, **options)
            given = SimpleNamespace(**given.arguments)
            if original is self.fit:
                self._before_fit(given)
            result = original(*arguments, **options)
            record(given, result)
            return result

        self.patch.setattr(owner, name, spied)

    def _on_trainer_train_generator(self, given, folder):
        self.generators[Path(folder).name] = _hashes(given.pixels)

    def _on_pipeline_sample_filtered(self, given, _):
        self.filters.append((Path(given.generator).name, _hashes(given.train_pixels)))

    def _before_fit(self, given):
        self.trials.append(
            SimpleNamespace(
                train=_hashes(given.train.pixels),
                validation=_hashes(given.validation.pixels),
                trained=False,
                predicted=[],
                calibrated=[],
            )
        )

    def _on_Classifier_fit(self, *_):
        self.trials[-1].trained = True

    def _on_Classifier_predict(self, given, result):
        trial = self.trials[-1]
        trial.predicted.append((_hashes(given.pixels), result, trial.trained))

    def _on_calibration_fit(self, given, _):
        trial = self.trials[-1]
        trial.calibrated.append((given.labels, given.raw, trial.trained))

    def _on_jobs_run_trial(self, given, _):
        self.trials[-1].arm, self.trials[-1].folder = given.trial.arm, given.folder


@pytest.fixture(scope="module", params=list(STUDIES))
def spied(request, phantoms, tmp_path_factory):
    """A small study that ran under `Spies`, and its folder."""
    root, changes = tmp_path_factory.mktemp("leaks"), STUDIES[request.param]
    small = {"width": 4, "batch": 16, "precision": "float32", "steps_per_call": 2}
    content = {
        "name": "small",
        "images": {"path": str(phantoms), "resolution": 32} | changes.get("images", {}),
        "generator": {"options": small | {"kimg": 0.032}},
        "classifiers": ["keras:MobileNet"],
        "seeds": [0],
        "training": {"steps": 2, "batch": 8, "evaluations": 2, "precision": "float32"},
        "bootstrap": 100,
    }
    (root / "s.yaml").write_text(yaml.safe_dump(content | changes | {"images": content["images"]}))
    study = study_yaml.read(root / "s.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner.report, "write", lambda folder, _: folder)
        patch.setattr(runner.changed_predictions, "write", lambda *_: None)
        patch.setattr(other_backbone, "feature_map", one_convolution.feature_map)
        spies = Spies(patch)
        runner.run(study, root / "runs", "ufgen experiment s.yaml")
    return spies, root / "runs/small"


def _real(folder) -> pd.DataFrame:
    return pd.read_csv(folder / "images.csv").set_index("sha256")


def test_the_test_images_are_predicted_once_after_training_and_seen_by_nothing_else(spied):
    spies, folder = spied
    groups = _real(folder)["group"]
    for trial in spies.trials:
        test = read_predictions(trial.folder)["sha256"].tolist()
        assert test and len(set(test)) == len(test)
        of_test = set(groups[test])
        real = [image for image in trial.train if image in groups.index]
        assert not set(groups[real + trial.validation]) & of_test
        touched = [(g, trained) for g, _, trained in trial.predicted if set(g) & set(test)]
        assert [(sorted(g), trained) for g, trained in touched] == [(sorted(test), True)]


def test_weights_temperature_and_threshold_come_from_the_validation_images(spied):
    spies, folder = spied
    images = _real(folder)
    for trial in spies.trials:
        assert trial.validation and not set(trial.train) & set(trial.validation)
        assert not set(images["group"][trial.validation]) & set(
            images["group"].reindex(trial.train).dropna()
        )
        if "role" in images and "validation" in set(images["role"]):
            assert set(trial.validation) == set(images.index[images["role"] == "validation"])
        assert [trained for *_, trained in trial.calibrated].count(True) == 1
        for labels, raw, trained in trial.calibrated:
            of_raw = (given for given, result, _ in trial.predicted if result is raw)
            given = next(of_raw) if trained else trial.validation
            assert Counter(given) == Counter(trial.validation)
            assert labels.tolist() == (images["label"][given] == "UF").astype(int).tolist()
        (fitted,) = (calibration.fit(*given) for *given, trained in trial.calibrated if trained)
        (of_test,) = (
            raw for given, raw, _ in trial.predicted if set(given) - set(trial.validation)
        )
        metadata = json.loads((trial.folder / "trial.json").read_text())
        assert metadata["temperature"] == pytest.approx(fitted.temperature, rel=1e-9)
        table = read_predictions(trial.folder)
        assert table["threshold"].to_numpy() == pytest.approx(fitted.threshold, rel=1e-9)
        scaled = calibration.scale(of_test, fitted.temperature)
        assert table["probability"].to_numpy() == pytest.approx(scaled, rel=1e-9)


def test_generators_and_filters_see_the_training_images_alone(spied):
    spies, folder = spied
    synthetic = {
        file.parent: set(pd.read_csv(file)["sha256"])
        for file in folder.glob("synthetic/*/manifest.csv")
    }
    for trial in spies.trials:
        held_out = set(trial.validation) | set(read_predictions(trial.folder)["sha256"])
        used = [path for path, images in synthetic.items() if images & set(trial.train)]
        assert bool(used) == (trial.arm.synthetic > 0)
        for path in used:
            (seen,) = (s for name, s in spies.generators.items() if path.name.startswith(name))
            assert seen and not set(seen) & held_out
            assert set(seen) == set(pd.read_csv(path / "training.csv")["sha256"])
    assert spies.filters
    for generator, seen in spies.filters:
        assert Counter(seen) == Counter(spies.generators[generator])


def test_filtered_arms_train_on_images_that_passed_the_filter(spied):
    """The lowest fifth of each class by the discriminator's scores is left out, and recorded."""
    spies, folder = spied
    real, filtered = _real(folder).index, [trial for trial in spies.trials if trial.arm.filtered]
    assert filtered
    generated = {}
    for name in spies.generators:
        counts = dict.fromkeys(("NUF", "UF"), pipeline.MIN_GENERATED)
        generated[name] = sampler.generate_images(folder.parent / "generators" / name, counts).table
    for trial in filtered:
        trained = set(trial.train) - set(real)
        ((name, table),) = ((n, t) for n, t in generated.items() if trained <= set(t["sha256"]))
        scores = table.groupby("label")["discriminator_score"]
        out = table[table["discriminator_score"] < scores.transform("quantile", 0.2)]
        written = [pd.read_csv(f) for f in folder.glob(f"synthetic/{name}-*/dropped.csv")]
        assert len(written) == 1 and set(written[0]["latent_seed"]) == set(out["latent_seed"])
        assert trained and not trained & set(out["sha256"])
        wanted = table[table["sha256"].isin(trained)].groupby("label").size()
        first = pd.concat(of.head(wanted[label]) for label, of in table.groupby("label"))
        assert set(first["sha256"]) & set(out["sha256"])  # or the filter would have changed nothing
