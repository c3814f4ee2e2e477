"""A classifier of one class against two others, from training to a bundle and its predictions."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from classifiers import label_agreement, model_folder
from classifiers.deploy import export
from classifiers.deploy.predictor import Predictor
from classifiers.training.settings import Training
from ufgen.errors import UserError
from ufgen.images import positive_class


@pytest.fixture(scope="module")
def model(sizes, tmp_path_factory):
    """The folder of a classifier of `large` against the rest."""
    out = tmp_path_factory.mktemp("sizes") / "model"
    settings = Training(steps=4, batch=8, evaluations=2, precision="float32")
    images = positive_class.scan(sizes, "large").split("train")
    model_folder.train(images, "keras:MobileNet?alpha=0.25", out, settings, size=32)
    return out


@pytest.fixture(scope="module")
def classifier(model):
    return model_folder.load(model)


def test_the_rest_is_called_not_large(model):
    metadata = json.loads((model / "model.json").read_text())
    assert metadata["positive"] == "large" and metadata["negative"] == "not large"
    trained_on = pd.read_csv(model / "images.csv")
    assert trained_on["label"].value_counts().to_dict() == dict.fromkeys(
        ("large", "none", "small"), 16
    )
    assert set(trained_on[trained_on["role"] == "validation"]["label"]) == {
        "large",
        "none",
        "small",
    }


def test_evaluation_counts_both_others_as_negative(model, sizes, tmp_path, run_here):
    result = run_here("evaluate", model, sizes, "--out", tmp_path)
    assert result.returncode == 0, result.stderr
    predictions = pd.read_csv(tmp_path / "predictions.csv")
    assert predictions["label"].value_counts().to_dict() == dict.fromkeys(
        ("large", "none", "small"), 8
    )
    assert (predictions["target"] == (predictions["label"] == "large")).all()
    above = predictions["probability_large"] >= predictions["threshold"]
    assert (predictions["predicted"] == np.where(above, "large", "not large")).all()


def test_a_class_it_was_not_trained_on_is_refused(classifier, sizes):
    images = positive_class.scan(sizes, "large").split("test")
    label = images.table["label"].replace("none", "cyst")
    with pytest.raises(UserError) as error:
        classifier.evaluate(replace(images, table=images.table.assign(label=label)))
    assert str(error.value) == (
        "the images are of the classes cyst, large, small; this model was trained on large, none, "
        "small. If others are to be left out, name the class to tell from with --negative"
    )


def test_agreement_of_a_label_that_is_not_positive_is_that_of_the_rest(classifier, monkeypatch):
    monkeypatch.setattr(model_folder, "load", lambda folder: classifier)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 1), dtype=np.uint8)
    agreement = label_agreement.of_classifier("model")
    seen = classifier.trained_on["sha256"]
    positive = classifier.predict_pixels(pixels)
    own = agreement(pixels, np.array(["large", "none", "small"]), seen)
    np.testing.assert_allclose(own, [positive[0], *(1 - positive[1:])])
    with pytest.raises(UserError, match="was not trained on the class cyst"):
        agreement(pixels, np.array(["large", "none", "cyst"]), seen)


def test_a_bundle_says_large_or_not_large(model, sizes, tmp_path):
    export.export(model, tmp_path / "bundle", "keras", allow_constant=True)
    predictor = Predictor(tmp_path / "bundle")
    assert predictor.metadata["labels"] == {"positive": "large", "negative": "not large"}
    found = predictor.predict(next(sizes.glob("test/none/*.png")))
    assert found.label == ("large" if found.probability >= found.threshold else "not large")
    assert found.text().startswith("P(large) = ")
    card = (tmp_path / "bundle" / "README.md").read_text()
    assert "large or not large" in card and "distinguishing large from none and small" in card
