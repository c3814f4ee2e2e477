"""Bundles: equal to the trained network, refused when changed, quick, and without TensorFlow."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from classifiers import model_folder, registry
from classifiers.deploy import conversion
from classifiers.deploy.predictor import Predictor, _in_picture
from ufgen.errors import UserError
from ufgen.images.decoding import find_files

QUANTISED = ("dynamic", "int8")
RUN = "from ufgen.cli import main; main()"


@pytest.mark.parametrize("name", ["float", "onnx", "keras"])
def test_a_bundle_predicts_as_the_trained_classifier(bundles, expected, name):
    predictor = Predictor(bundles[name])
    predictions = [predictor.predict(file) for file in expected["path"]]
    assert np.allclose([f.probability for f in predictions], expected["probability"], atol=1e-4)
    threshold = predictor.metadata["threshold"]
    clear = abs(expected["probability"] - threshold) > 1e-4
    assert (np.array([f.label for f in predictions]) == expected["predicted"])[clear].all()
    assert {f.heatmap.dtype for f in predictions} == {np.dtype("float32")}
    assert predictor.metadata["parity"]["max_difference"] <= 1e-4


@pytest.mark.parametrize("name", QUANTISED)
def test_quantised_it_is_much_smaller_and_states_what_it_costs(model, bundles, phantoms, name):
    """What is quantised is: an int8 network keeps its head in float32, for logit and heatmap."""
    sizes = np.array([(bundles[n] / "model.tflite").stat().st_size for n in ("float", name)])
    if name == "int8":
        sizes -= 2 * 4 * model_folder.load(model).network.parts.head.count_params()
    assert sizes[1] < 0.4 * sizes[0]
    metadata = Predictor(bundles[name]).metadata
    assert metadata["quantisation"].startswith("int8 weights")
    parity = metadata["parity"]
    assert parity["on"] == "validation" and parity["images"] >= 2
    change = parity["roc_auc_exported"] - parity["roc_auc_trained"]
    assert parity["roc_auc_change"] == pytest.approx(change)
    file = find_files([phantoms / "test"])[0]
    one, other = (Predictor(bundles[n]).predict(file).probability for n in ("float", name))
    assert one == pytest.approx(other, abs=0.1)


@pytest.mark.parametrize("name", QUANTISED)
def test_quantised_it_points_where_the_network_points(tmp_path, name):
    keras.utils.set_random_seed(0)
    network = registry.build("mobilenet_v3_small", 96, 1)
    for layer in network.head.layers:
        for variable in layer.trainable_variables:  # a heatmap above 0 everywhere
            variable.assign(abs(np.array(variable)))
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1), dtype=np.uint8)
    images = images.repeat(12, axis=1).repeat(12, axis=2)
    for _ in range(10):  # moving averages
        network.logits(images.astype("float32"), training=True)
    conversion.write(network, "litert", tmp_path / "model.tflite", name, images)
    run = Interpreter(str(tmp_path / "model.tflite")).get_signature_runner()
    logits, heatmaps = conversion.with_logit(network).predict_on_batch(images)
    alike = []
    for image, logit, expected in zip(images, logits, heatmaps, strict=True):
        outputs = run(images=image[None].astype("float32"))
        assert np.allclose(outputs["logit"][0], logit, atol=0.1 * abs(logits).max())
        alike.append(np.corrcoef(outputs["evidence"].ravel(), expected.ravel())[0, 1])
    assert np.mean(alike) > 0.8


def test_the_bundle_says_where_it_comes_from(model, bundles):
    metadata = json.loads((bundles["float"] / "bundle.json").read_text())
    assert metadata["labels"] == {"positive": "UF", "negative": "NUF"}
    assert metadata["provenance"]["trained"]["training"]["steps"] == 12
    assert set(metadata["sha256"]) == {"model.tflite", "README.md"}
    card = (bundles["float"] / "README.md").read_text()
    assert "must not be used for clinical decisions" in card and "Predictor(" in card
    assert str(model) not in card


def test_the_predictor_imports_neither_tensorflow_nor_pandas(bundles):
    code = "import sys\nfrom classifiers.deploy.predictor import Predictor\nimport numpy as np\n"
    code += f"Predictor({str(bundles['float'])!r}).predict(np.zeros((40, 50), np.uint8))\n"
    code += "heavy = ('tensorflow', 'keras', 'pandas', 'scipy', 'matplotlib', 'cv2')\n"
    code += "print([m for m in heavy if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr


def test_arrays_and_files_are_predicted_alike_and_others_refused(bundles, tmp_path):
    predictor = Predictor(bundles["float"])
    image = np.random.default_rng(0).integers(0, 256, (50, 70), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png")
    of_file = predictor.predict(tmp_path / "a.png").probability
    assert predictor.predict(image).probability == of_file
    assert predictor.predict(np.stack([image] * 3, axis=-1)).probability == of_file
    assert predictor.predict(str(tmp_path / "a.png")).probability == of_file
    for wrong in (image / 255, image[None, ..., None], image[:0], [[1]], image[..., None]):
        with pytest.raises(UserError, match="expected a path, or uint8"):
            predictor.predict(wrong)


def test_boxes_are_in_fractions_of_the_given_picture():
    whole = (0.0, 0.0, 1.0, 1.0)
    assert _in_picture(whole, (100, 200), "crop") == (0.25, 0.0, 0.75, 1.0)
    assert _in_picture(whole, (200, 100, 3), "crop") == (0.0, 0.25, 1.0, 0.75)
    assert _in_picture(whole, (100, 200), "pad") == whole
    assert _in_picture((0.0, 0.25, 0.5, 0.5), (100, 200), "pad") == (0.0, 0.0, 0.5, 0.5)
    assert _in_picture((0.0, 0.0, 1.0, 0.2), (100, 200), "pad") is None
    assert _in_picture(None, (100, 200), "crop") is None


def test_only_positive_predictions_have_a_box(bundles, phantoms):
    predictor = Predictor(bundles["float"])
    file = find_files([phantoms / "test"])[0]
    predictor.metadata["threshold"] = 1.0
    assert predictor.predict(file)[1:3] == ("NUF", None)
    predictor.metadata["threshold"] = 0.0
    prediction = predictor.predict(file)
    assert prediction.label == "UF"
    if prediction.heatmap.max() > 0:
        x0, y0, x1, y1 = prediction.box
        assert 0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1
