"""Bundles: equal to the trained network, refused when changed, quick, and without TensorFlow."""

import json
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from classifiers import model_folder, registry
from classifiers.deploy import conversion, export, inference, overlay, video
from classifiers.deploy.predictor import Prediction, Predictor, _in_picture
from ufgen.cli.application import app
from ufgen.errors import UserError
from ufgen.images.decoding import find_files

QUANTISED = ("dynamic", "int8")
RUN = "from ufgen.cli import main; main()"


@pytest.fixture(scope="module")
def model(trained_model):
    return trained_model


@pytest.fixture(scope="module")
def expected(model, phantoms):
    return model_folder.load(model).predict_files(find_files([phantoms / "test"]))[0]


@pytest.fixture(scope="module")
def bundles(model):
    made = {}
    for name, runtime, quantisation in (
        ("float", "litert", "none"),
        ("dynamic", "litert", "dynamic"),
        ("int8", "litert", "int8"),
        ("onnx", "onnx", "none"),
    ):
        export.export(model, model.parent / name, runtime, quantisation)
        made[name] = model.parent / name
    export.export(model, model.parent / "keras", "keras")
    return made | {"keras": model.parent / "keras"}


@pytest.fixture
def clip(tmp_path):
    """A function that writes an MJPEG clip of random 64 x 48 frames."""

    def write(name, frames=20):
        cv2 = video.opencv()
        rng = np.random.default_rng(0)
        code = cv2.VideoWriter_fourcc(*"MJPG")
        file = cv2.VideoWriter(str(tmp_path / name), code, 25, (64, 48))
        for _ in range(frames):
            file.write(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8))
        file.release()
        return tmp_path / name

    return write


def _ufgen(*arguments):
    made = subprocess.run(
        [sys.executable, "-c", RUN, *map(str, arguments)], capture_output=True, text=True
    )
    assert "Traceback" not in made.stderr
    return made


@pytest.mark.parametrize("name", ["float", "onnx", "keras"])
def test_a_bundle_answers_as_the_trained_classifier(bundles, expected, name):
    predictor = Predictor(bundles[name])
    found = [predictor.predict(file) for file in expected["path"]]
    assert np.allclose([f.probability for f in found], expected["probability"], atol=1e-4)
    threshold = predictor.about["threshold"]
    clear = abs(expected["probability"] - threshold) > 1e-4
    assert (np.array([f.label for f in found]) == expected["predicted"])[clear].all()
    assert {f.evidence.dtype for f in found} == {np.dtype("float32")}
    assert predictor.about["parity"]["max_difference"] <= 1e-4


@pytest.mark.parametrize("name", QUANTISED)
def test_quantised_it_is_much_smaller_and_states_what_it_costs(model, bundles, phantoms, name):
    """What is quantised is: an int8 network keeps its head in float32, for logit and evidence."""
    sizes = np.array([(bundles[n] / "model.tflite").stat().st_size for n in ("float", name)])
    if name == "int8":
        sizes -= 2 * 4 * model_folder.load(model).network.parts.head.count_params()
    assert sizes[1] < 0.4 * sizes[0]
    about = Predictor(bundles[name]).about
    assert about["quantisation"].startswith("int8 weights")
    parity = about["parity"]
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
        for variable in layer.trainable_variables:  # evidence everywhere
            variable.assign(abs(np.array(variable)))
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1), dtype=np.uint8)
    images = images.repeat(12, axis=1).repeat(12, axis=2)
    for _ in range(10):  # moving averages
        network.logits(images.astype("float32"), training=True)
    conversion.write(network, "litert", tmp_path / "model.tflite", name, images)
    run = Interpreter(str(tmp_path / "model.tflite")).get_signature_runner()
    logits, maps = conversion.with_logit(network).predict_on_batch(images)
    alike = []
    for image, logit, expected in zip(images, logits, maps, strict=True):
        found = run(images=image[None].astype("float32"))
        assert np.allclose(found["logit"][0], logit, atol=0.1 * abs(logits).max())
        alike.append(np.corrcoef(found["evidence"].ravel(), expected.ravel())[0, 1])
    assert np.mean(alike) > 0.8


def test_the_bundle_says_where_it_comes_from(model, bundles):
    about = json.loads((bundles["float"] / "bundle.json").read_text())
    assert about["labels"] == {"positive": "UF", "negative": "NUF"}
    assert about["provenance"]["trained"]["training"]["steps"] == 12
    assert set(about["sha256"]) == {"model.tflite", "README.md"}
    card = (bundles["float"] / "README.md").read_text()
    assert "must not be used for clinical decisions" in card and "Predictor(" in card
    assert str(model) not in card


def test_the_predictor_imports_neither_tensorflow_nor_pandas(bundles):
    code = "import sys\nfrom classifiers.deploy.predictor import Predictor\nimport numpy as np\n"
    code += f"Predictor({str(bundles['float'])!r}).predict(np.zeros((40, 50), np.uint8))\n"
    code += "heavy = ('tensorflow', 'keras', 'pandas', 'scipy', 'matplotlib', 'cv2')\n"
    code += "print([m for m in heavy if m in sys.modules])"
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert made.stdout.strip() == "[]", made.stderr


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


def test_boxes_are_in_shares_of_the_given_picture():
    whole = (0.0, 0.0, 1.0, 1.0)
    assert _in_picture(whole, (100, 200), "crop") == (0.25, 0.0, 0.75, 1.0)
    assert _in_picture(whole, (200, 100, 3), "crop") == (0.0, 0.25, 1.0, 0.75)
    assert _in_picture(whole, (100, 200), "pad") == whole
    assert _in_picture((0.0, 0.25, 0.5, 0.5), (100, 200), "pad") == (0.0, 0.0, 0.5, 0.5)
    assert _in_picture((0.0, 0.0, 1.0, 0.2), (100, 200), "pad") is None
    assert _in_picture(None, (100, 200), "crop") is None


def test_only_positive_calls_have_a_box(bundles, phantoms):
    predictor = Predictor(bundles["float"])
    file = find_files([phantoms / "test"])[0]
    predictor.about["threshold"] = 1.0
    assert predictor.predict(file)[1:3] == ("NUF", None)
    predictor.about["threshold"] = 0.0
    found = predictor.predict(file)
    assert found.label == "UF"
    if found.evidence.max() > 0:
        assert 0 <= found.box[0] < found.box[2] <= 1 and 0 <= found.box[1] < found.box[3] <= 1


def _change(about, path, value):
    *parts, last = path.split("/")
    for part in parts:
        about = about[part]
    about[last] = value


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("format_version", 2, "format version"),
        ("runtime", "pickle", "runtime"),
        ("runtime", ["litert"], "runtime"),
        ("input/size", 10**9, "size"),
        ("input/size", 64, "takes"),
        ("input/size", "32", "size"),
        ("input/channels", True, "channels"),
        ("input/fit", ["crop"], "fit"),
        ("labels/positive", "", "positive"),
        ("labels", [], "labels"),
        ("temperature", 0, "temperature"),
        ("threshold", float("nan"), "threshold"),
        ("sha256/model.tflite", "0" * 64, "SHA-256"),
        ("sha256/..", "0" * 64, "no such file"),
        ("sha256/..~1model~1images.csv", "0" * 64, "no such file"),
    ],
)
def test_hostile_descriptions_are_refused(bundles, tmp_path, path, value, message):
    folder = shutil.copytree(bundles["float"], tmp_path / "b")
    about = json.loads((folder / "bundle.json").read_text())
    _change(about, path, value)
    (folder / "bundle.json").write_text(json.dumps(about).replace("~1", "/"))
    with pytest.raises(UserError, match=message):
        Predictor(folder)


def test_damaged_bundles_are_refused(bundles, tmp_path):
    folder = shutil.copytree(bundles["float"], tmp_path / "b")
    content = (folder / "model.tflite").read_bytes()
    (folder / "model.tflite").write_bytes(content[:-1] + b"x")
    with pytest.raises(UserError, match="SHA-256"):
        Predictor(folder)
    (folder / "model.tflite").unlink()
    with pytest.raises(UserError, match="no such file"):
        Predictor(folder)
    for text in ("{", "[" * 100_000, "[1]", " " * 2_000_000, "\ud800"):
        (folder / "bundle.json").write_bytes(text.encode(errors="surrogatepass"))
        with pytest.raises(UserError, match=r"bundle\.json"):
            Predictor(folder)
    with pytest.raises(UserError, match="is no bundle"):
        Predictor(tmp_path)


def test_damaged_model_folders_are_refused(model, tmp_path):
    for name, content, message in (
        ("model.json", b"{", "not JSON"),
        ("model.json", b'{"size": 32}', "does not say"),
        ("model.weights.h5", b"no weights", r"model\.weights\.h5 is damaged"),
        ("images.csv", b"", r"images\.csv is damaged"),
        ("images.csv", b"a,b\n1,2\n", r"images\.csv is damaged"),
    ):
        folder = shutil.copytree(model, tmp_path / "m", dirs_exist_ok=True)
        (folder / name).write_bytes(content)
        with pytest.raises(UserError, match=message):
            model_folder.load(folder)


def test_what_cannot_be_exported_is_said(model, bundles, tmp_path):
    for runtime, quantisation, message in (
        ("pickle", "none", "expected one of"),
        ("onnx", "int8", "--int8 goes with"),
        ("keras", "dynamic", "--dynamic goes with"),
    ):
        with pytest.raises(UserError, match=message):
            export.export(model, tmp_path / "b", runtime, quantisation)
    with pytest.raises(UserError, match="did not write"):
        export.export(model, model, "litert")
    lost = shutil.copytree(model, tmp_path / "lost")
    table = (lost / "images.csv").read_text()
    (lost / "images.csv").write_text(table.replace(".png", "_lost.png"))
    with pytest.raises(UserError, match="none can be read"):
        export.export(lost, tmp_path / "b", "litert", "int8")
    assert not (tmp_path / "b").exists()


def test_images_that_lie_elsewhere_now_can_be_named(model, phantoms, tmp_path):
    moved = shutil.copytree(model, tmp_path / "far" / "away" / "moved")
    with pytest.raises(UserError, match="--images FOLDER"):
        export.export(moved, tmp_path / "b", "keras")
    about = export.export(moved, tmp_path / "b", "keras", images_at=phantoms, allow_constant=True)
    assert about["parity"]["images"] > 0
    assert "root" not in about["provenance"]["trained"]


def test_frames_of_a_video_come_in_order_and_broken_ones_are_counted(clip, tmp_path):
    shown = video.Video(clip("a.avi"))
    frames = list(shown)
    assert [f.index for f in frames] == list(range(20)) and shown.broken == 0
    assert frames[10].seconds == pytest.approx(0.4) and frames[0].pixels.shape == (48, 64, 3)
    content = (tmp_path / "a.avi").read_bytes()
    (tmp_path / "short.avi").write_bytes(content[: len(content) // 2])
    shown = video.Video(tmp_path / "short.avi")
    assert len(list(shown)) + shown.broken == 20 and shown.broken > 5
    assert shown.where.endswith("18, 19")


def test_videos_that_show_nothing_are_refused(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(UserError, match="cannot be read as a video"):
        video.Video(tmp_path / "a.mp4")
    with pytest.raises(UserError, match="there is no camera 63"):
        video.Video(63)


def test_opencv_missing_is_said(monkeypatch, clip):
    file = clip("a.avi", 2)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(UserError, match=r"ufgen\[video\]"):
        video.Video(file)


def test_leaving_a_video_early_stops_its_thread(clip):
    import threading

    before = threading.active_count()
    for _ in video.Video(clip("a.avi", 60)):
        break
    assert threading.active_count() <= before + 1


def test_overlays_show_the_box():
    picture = np.zeros((100, 200), np.uint8)
    evidence = np.zeros((2, 2), "float32")
    found = Prediction(0.9, "UF", (0.5, 0.5, 1.0, 1.0), evidence, "UF", 0.4)
    drawn = overlay.draw(picture, found)
    assert drawn.shape == (100, 200, 3) and tuple(drawn[50, 150]) == overlay.COLOUR
    assert drawn[75, 150].max() == 0 and drawn[:10, :60].max() > 200


def test_predict_on_the_command_line(bundles, clip, phantoms, tmp_path):
    file = clip("a.avi")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    pattern = f"{phantoms}/test/UF/*.png"
    rest = ["--out", tmp_path / "a.csv", "--overlay", tmp_path / "drawn"]
    made = _ufgen("predict", bundles["int8"], file, pattern, broken, *rest)
    assert made.returncode == 0, made.stderr
    assert f"left out: {broken}" in made.stderr
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[0] == "path,frame,seconds,probability_UF,threshold,predicted"
    images = len(find_files([pattern]))
    assert len(lines) == 1 + 20 + images
    assert len(list((tmp_path / "drawn").glob("*.png"))) == images
    assert len(list(video.Video(tmp_path / "drawn" / "a.mp4"))) == 20
    made = _ufgen("predict", bundles["float"], pattern, "--out", tmp_path / "a.json")
    rows = json.loads((tmp_path / "a.json").read_text())
    assert len(rows) == images
    for row in rows:
        assert (row["probability_UF"] >= row["threshold"]) == (row["predicted"] == "UF")


def test_mistakes_on_the_command_line(model, bundles, clip, tmp_path):
    empty = tmp_path / "empty.mp4"
    empty.write_bytes(b"")
    for arguments, message in (
        (("predict", bundles["float"]), "name images"),
        (("predict", bundles["float"], "--camera", 63), "no camera 63"),
        (("predict", bundles["float"], empty), "none of the 1 files"),
        (("predict", bundles["float"], tmp_path / "*.gif"), "nothing at"),
        (("predict", bundles["float"], tmp_path, "--camera", 0), "or else --camera"),
    ):
        made = _ufgen(*arguments)
        assert made.returncode == 1 and message in made.stderr, made.stderr
        assert made.stderr.count("ufgen:") == 1


def test_a_model_folder_still_predicts_and_asks_for_a_bundle_for_videos(model, clip, phantoms):
    from typer.testing import CliRunner

    import ufgen.cli  # noqa: F401, adds the commands

    made = CliRunner().invoke(app, ["predict", str(model), str(phantoms / "test" / "UF")])
    assert made.exit_code == 0 and made.stdout.startswith("path,probability_UF,threshold,predicted")
    made = CliRunner().invoke(app, ["predict", str(model), str(clip("a.avi", 2))])
    assert "ufgen export" in str(made.exception)


def test_interrupted_predictions_keep_what_is_finished(bundles, clip, monkeypatch, tmp_path):
    from typer.testing import CliRunner

    rows = inference.of_files

    def interrupted(*arguments):
        for number, row in enumerate(rows(*arguments)):
            if number == 7:
                raise KeyboardInterrupt
            yield row

    monkeypatch.setattr(inference, "of_files", interrupted)
    arguments = ["predict", str(bundles["float"]), str(clip("a.avi")), "--out"]
    made = CliRunner().invoke(app, [*arguments, str(tmp_path / "a.csv")])
    assert made.exit_code == 130
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 1 + 7
