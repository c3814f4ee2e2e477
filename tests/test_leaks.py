"""What each part of a study is given, by the hash of its pixels: no part sees what it must not."""

import inspect
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
import yaml

from classifiers import calibration, custom_resnet50
from classifiers.training import Classifier
from experiments import executors, runner, study_file
from experiments.trial import read_predictions
from ufgen import synthesis
from ufgen.gan import sampler, trainer
from ufgen.pixels import as_picture, hash_pixels

ARMS = ["real", "real+oracle@0.1", "real+synthetic@1.0", "real+synthetic@1.0:filtered"]
ARMS += ["pretrain:synthetic@1.0:filtered>real"]
STUDIES = {
    "split": {"arms": ARMS, "images": {"fraction": 0.6}},
    "folds": {"arms": ["real", "real+synthetic@1.0:filtered"], "folds": 2},
}


def _hashes(pixels: np.ndarray) -> list[str]:
    """As in the column sha256: at 32 px the files' pixels are used as they are."""
    return [hash_pixels(as_picture(image)) for image in pixels]


def _one_convolution(images, _weights: str):
    """A backbone of one layer: what the parts are given does not depend on what they learn."""
    pixels = keras.Input(images.shape[1:])
    features = keras.layers.Conv2D(4, 3, 4, activation="relu")(pixels)
    return keras.Model(pixels, features)(images)


class Spies:
    """Wrap functions of the tool so that each call is recorded before it is made."""

    def __init__(self, patch: pytest.MonkeyPatch):
        self.patch = patch
        self.trials = []
        self.generators = {}
        self.filters = []
        for owner, name in (
            (trainer, "train_generator"),
            (synthesis, "choose"),
            (Classifier, "fit"),
            (Classifier, "predict"),
            (calibration, "fit"),
            (executors, "run_trial"),
        ):
            self._wrap(owner, name, getattr(self, f"_on_{owner.__name__.split('.')[-1]}_{name}"))

    def _wrap(self, owner, name, record):
        original = getattr(owner, name)
        signature = inspect.signature(original)

        def spied(*arguments, **options):
            given = signature.bind(*arguments, **options)
            result = original(*arguments, **options)
            record(SimpleNamespace(**given.arguments), result)
            return result

        self.patch.setattr(owner, name, spied)

    def _on_trainer_train_generator(self, given, folder):
        self.generators[Path(folder).name] = _hashes(given.pixels)

    def _on_synthesis_choose(self, given, _):
        self.filters.append((Path(given.generator).name, _hashes(given.train_pixels)))

    def _on_Classifier_fit(self, given, _):
        self.trials.append(
            SimpleNamespace(
                train=_hashes(given.train.pixels),
                validation=_hashes(given.validation.pixels),
                predicted=[],
                calibrated=[],
            )
        )

    def _on_Classifier_predict(self, given, result):
        self.trials[-1].predicted.append((_hashes(given.pixels), result))

    def _on_calibration_fit(self, given, _):
        self.trials[-1].calibrated.append((np.array(given.labels), given.raw))

    def _on_executors_run_trial(self, given, _):
        self.trials[-1].arm, self.trials[-1].place = given.trial.arm, given.place


@pytest.fixture(scope="module", params=list(STUDIES))
def spied(request, phantoms, tmp_path_factory):
    """A small study that ran under `Spies`, and its folder."""
    root, changes = tmp_path_factory.mktemp("leaks"), STUDIES[request.param]
    small = {"width": 4, "batch": 16, "precision": "float32", "steps_per_call": 2}
    content = {
        "name": "small",
        "images": {"path": str(phantoms), "resolution": 32} | changes.get("images", {}),
        "generator": {"options": small | {"kimg": 0.032}},
        "classifiers": ["custom_resnet50"],
        "seeds": [0],
        "training": {"steps": 2, "batch": 8, "evaluations": 2, "precision": "float32"},
        "bootstrap": 100,
    }
    (root / "s.yaml").write_text(yaml.safe_dump(content | changes | {"images": content["images"]}))
    study = study_file.read(root / "s.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(custom_resnet50, "resnet50_map", _one_convolution)
        spies = Spies(patch)
        runner.run(study, root / "runs", "ufgen experiment s.yaml")
    return spies, root / "runs/small"


def _real(folder) -> pd.DataFrame:
    return pd.read_csv(folder / "images.csv").set_index("sha256")


def test_the_test_images_are_predicted_once_after_training_and_seen_by_nothing_else(spied):
    spies, folder = spied
    groups = _real(folder)["group"]
    for made in spies.trials:
        test = read_predictions(made.place)["sha256"].tolist()
        assert test and len(set(test)) == len(test)
        of_test = set(groups[test])
        real = [image for image in made.train if image in groups.index]
        assert not set(groups[real + made.validation]) & of_test
        touched = [given for given, _ in made.predicted if set(given) & set(test)]
        assert len(touched) == 1 and Counter(touched[0]) == Counter(test)


def test_weights_temperature_and_threshold_come_from_the_validation_images(spied):
    spies, folder = spied
    images = _real(folder)
    for made in spies.trials:
        assert made.validation and not set(made.train) & set(made.validation)
        assert not set(images["group"][made.validation]) & set(
            images["group"].reindex(made.train).dropna()
        )
        if "role" in images and "validation" in set(images["role"]):
            assert set(made.validation) == set(images.index[images["role"] == "validation"])
        assert len(made.calibrated) == 1
        labels, raw = made.calibrated[0]
        given = next(given for given, result in made.predicted if np.array_equal(result, raw))
        assert Counter(given) == Counter(made.validation)
        assert labels.tolist() == (images["label"][given] == "UF").astype(int).tolist()


def test_generators_and_filters_see_the_training_images_alone(spied):
    spies, folder = spied
    drawn = {
        file.parent: set(pd.read_csv(file)["sha256"])
        for file in folder.glob("synthetic/*/manifest.csv")
    }
    for made in spies.trials:
        held_out = set(made.validation) | set(read_predictions(made.place)["sha256"])
        places = [place for place, images in drawn.items() if images & set(made.train)]
        assert bool(places) == (made.arm.synthetic > 0)
        for place in places:
            (seen,) = (s for name, s in spies.generators.items() if place.name.startswith(name))
            assert seen and not set(seen) & held_out
            assert set(seen) == set(pd.read_csv(place / "training.csv")["sha256"])
    assert spies.filters
    for generator, seen in spies.filters:
        assert Counter(seen) == Counter(spies.generators[generator])


def test_filtered_arms_train_on_images_that_passed_the_filter(spied):
    """The lowest fifth of each class by the discriminator's scores is left out, and recorded."""
    spies, folder = spied
    real, filtered = _real(folder).index, [made for made in spies.trials if made.arm.filtered]
    assert filtered
    drawn = {}
    for name in spies.generators:
        counts = dict.fromkeys(("NUF", "UF"), synthesis.FEWEST_DRAWN)
        drawn[name] = sampler.draw(folder.parent / "generators" / name, counts).table
    for made in filtered:
        trained = set(made.train) - set(real)
        ((name, table),) = ((n, t) for n, t in drawn.items() if trained <= set(t["sha256"]))
        scores = table.groupby("label")["discriminator_score"]
        out = table[table["discriminator_score"] < scores.transform("quantile", 0.2)]
        written = [pd.read_csv(f) for f in folder.glob(f"synthetic/{name}-*/dropped.csv")]
        assert len(written) == 1 and set(written[0]["latent_seed"]) == set(out["latent_seed"])
        assert trained and not trained & set(out["sha256"])
        wanted = table[table["sha256"].isin(trained)].groupby("label").size()
        first = pd.concat(of.head(wanted[label]) for label, of in table.groupby("label"))
        assert set(first["sha256"]) & set(out["sha256"])  # or the filter would have changed nothing
