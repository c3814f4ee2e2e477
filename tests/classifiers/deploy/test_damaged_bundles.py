"""Bundles and folders that are damaged, hostile, or cannot be exported."""

import json
import shutil

import pytest

from classifiers import model_folder
from classifiers.deploy import export
from classifiers.deploy.predictor import Predictor
from ufgen.errors import UserError

QUANTISED = ("dynamic", "int8")
RUN = "from ufgen.cli import main; main()"


def _change(metadata, path, value):
    *parts, last = path.split("/")
    for part in parts:
        metadata = metadata[part]
    metadata[last] = value


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
    metadata = json.loads((folder / "bundle.json").read_text())
    _change(metadata, path, value)
    (folder / "bundle.json").write_text(json.dumps(metadata).replace("~1", "/"))
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
        ("model.json", b'{"size": 32}', "channels is missing"),
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
    metadata = export.export(
        moved, tmp_path / "b", "keras", image_folder=phantoms, allow_constant=True
    )
    assert metadata["parity"]["images"] > 0
    assert "root" not in metadata["provenance"]["trained"]
