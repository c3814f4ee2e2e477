"""A probability is shown with its class; a network that learned nothing is reported everywhere."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from classifiers import model_folder
from classifiers.deploy import export, overlay
from classifiers.deploy.predictor import Prediction, Predictor
from ufgen.cli.application import app
from ufgen.errors import UserError
from ufgen.images.decoding import find_files


def test_the_probability_drawn_names_its_class_and_fits_the_picture(monkeypatch):
    from PIL import ImageDraw

    texts = []
    write = ImageDraw.ImageDraw.multiline_text
    monkeypatch.setattr(
        ImageDraw.ImageDraw,
        "multiline_text",
        lambda pen, *a, **k: texts.append(a) or write(pen, *a, **k),
    )
    prediction = Prediction(0.14, "benign", None, np.zeros((2, 2)), "malignant", 0.39)
    assert prediction.text() == "P(malignant) = 0.14 → benign (threshold 0.39)"
    for width in (200, 1200):
        overlaid = overlay.draw(np.full((200, width), 128, np.uint8), prediction, "25.0 frames/s")
        assert (overlaid[:, -1] == 128).all()  # nothing is cut off at the right
    assert texts[0][1] == "P(malignant) = 0.14\n-> benign (threshold 0.39) 25.0 frames/s"
    assert texts[1][1] == "P(malignant) = 0.14 -> benign (threshold 0.39) 25.0 frames/s"


@pytest.fixture
def nothing_learned(trained_model, tmp_path):
    """The trained model with a head whose last layer is all zeros."""
    folder = shutil.copytree(trained_model, tmp_path / "constant")
    classifier = model_folder.load(folder)
    for variable in classifier.network.parts.head.layers[-1].variables:
        variable.assign(np.zeros(variable.shape))
    classifier.network.model.save_weights(folder / "model.weights.h5")
    return folder


def test_a_network_that_learned_nothing_is_reported_by_evaluate_and_refused_by_export(
    nothing_learned, phantoms, tmp_path
):
    from typer.testing import CliRunner

    import ufgen.cli  # noqa: F401, adds the commands

    with pytest.raises(UserError, match=r"validation images the same probability, 0\.500"):
        export.export(nothing_learned, tmp_path / "b", "litert", image_folder=phantoms)
    assert not (tmp_path / "b").exists()
    run = CliRunner().invoke
    out = ["--out", str(tmp_path / "b"), "--allow-constant", "--images", str(phantoms)]
    result = run(app, ["export", str(nothing_learned), *out])
    assert "nothing was learned" in result.stdout and "ROC AUC" not in result.stdout
    assert "nothing was learned" in (tmp_path / "b" / "README.md").read_text()
    predictor = Predictor(tmp_path / "b")
    predictor.metadata["threshold"] = 0.2
    prediction = predictor.predict(find_files([phantoms / "test"])[0])
    assert predictor.constant and prediction.label == "UF"
    assert prediction.box is None and not prediction.heatmap.any()
    result = run(app, ["predict", str(tmp_path / "b"), str(phantoms / "test")])
    assert "same probability" in result.stderr
    out = ["--out", str(tmp_path / "e")]
    result = run(app, ["evaluate", str(nothing_learned), str(phantoms), *out])
    assert result.stdout.startswith("Warning: all images get the same probability: nothing")
    header = (tmp_path / "e" / "predictions.csv").read_text().splitlines()[0].split(",")
    assert {"probability_UF", "threshold", "predicted"} <= set(header)
    assert "probability" not in header
    boxes = (tmp_path / "e" / "explanations.csv").read_text().splitlines()[1:]
    assert boxes and all(line.endswith(",,,") for line in boxes)


def test_export_counts_the_decisions_that_differ(trained_model, tmp_path, monkeypatch):
    export.export(trained_model, tmp_path / "b", "litert")
    assert Predictor(tmp_path / "b").metadata["parity"]["decisions_that_differ"] == 0
    card = (tmp_path / "b" / "README.md").read_text()
    assert "decisions that differ: 0" in card
    classifier, predictor = model_folder.load(trained_model), Predictor(tmp_path / "b")
    pixels, targets, _ = export._images(classifier, ("validation",), 8, Path(classifier.root))
    raw_outputs = predictor.raw_outputs
    monkeypatch.setattr(predictor, "raw_outputs", lambda image: (-raw_outputs(image)[0] - 9, None))
    trained = classifier.probabilities(pixels) >= classifier.metadata["threshold"]
    parity = export._compare(classifier, predictor, pixels, targets)
    exported = [predictor.calibrated(-raw_outputs(i)[0] - 9) for i in pixels]
    expected = (trained != (np.array(exported) >= classifier.metadata["threshold"])).sum()
    assert parity["decisions_that_differ"] == expected > 0
