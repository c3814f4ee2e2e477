"""What the demonstration prepares: images without a surround, backbones of other patients."""

import numpy as np
import pytest
from typer.testing import CliRunner

from experiments import demo
from experiments.design import study_yaml
from experiments.planning import plan
from ufgen import phantom
from ufgen.cli.application import app
from ufgen.errors import UserError
from ufgen.images import image_set
from ufgen.phantom import phantom_set


def test_easy_images_show_no_surround_and_darker_fibroids():
    views = {label: phantom.simulate_patient(0, 3, label, 2, 64, True) for label in ("UF", "NUF")}
    for of_patient in views.values():
        for view in of_patient:
            edges = np.concatenate([view.pixels[0], view.pixels[-1], *view.pixels[:, [0, -1]].T])
            assert (edges > 0).mean() > 0.7
    assert any(view.lesions for view in views["UF"])
    x0, y0, x1, y1 = (int(v) for v in next(v for v in views["UF"] if v.lesions).lesions[0])
    shown = next(v for v in views["UF"] if v.lesions).pixels
    assert shown[y0:y1, x0:x1].mean() < shown.mean()


def test_the_other_patients_are_labelled_by_the_side_of_their_fibroid(monkeypatch):
    monkeypatch.setattr(demo, "PATIENTS", 12)
    shown, right = demo._other_patients(32)
    assert shown.shape[1:] == (32, 32, 1) and shown.dtype == np.uint8
    assert len(shown) == len(right) and 0 < right.mean() < 1
    halves = shown[..., :16, :].mean((1, 2, 3)) - shown[..., 16:, :].mean((1, 2, 3))
    assert halves[right == 1].mean() > halves[right == 0].mean()  # the darker half holds it


def test_what_is_there_is_not_prepared_again(tmp_path, monkeypatch):
    study = study_yaml.read("demo")
    weights = tmp_path / "mobilenet_v3.weights.h5"
    images = study.images.model_copy(update={"path": str(tmp_path / "set")})
    first = study.classifiers[0].model_copy(update={"weights": str(weights)})
    small = study.model_copy(update={"images": images, "classifiers": [first]})
    monkeypatch.setattr(demo, "IMAGES", demo.IMAGES | {"train": 12, "test": 8})
    monkeypatch.setattr(demo, "PATIENTS", 120)
    monkeypatch.setitem(demo.TRAINING, "mobilenet_v3", {"steps": 2})
    demo.write_images(small)
    demo.pretrain_backbones(small)
    assert len(image_set.scan(tmp_path / "set")) == 20 and weights.stat().st_size > 1e6
    monkeypatch.setattr(demo, "_pretrain", lambda *_: pytest.fail("pretrained again"))
    monkeypatch.setattr(phantom_set, "simulate_patient", lambda *_: pytest.fail("simulated again"))
    demo.write_images(small)
    demo.pretrain_backbones(small)


def test_images_of_an_earlier_version_are_not_taken_for_the_demonstrations(tmp_path):
    phantom.write_set(tmp_path / "set", 8, 4, 32, 0, False)
    study = study_yaml.read("demo", path=str(tmp_path / "set"))
    with pytest.raises(UserError, match="does not hold this phantom set"):
        demo.write_images(study)


def test_the_demonstration_on_other_images_pretrains_its_backbones_too(
    tmp_path, monkeypatch, phantoms
):
    monkeypatch.chdir(tmp_path)
    pretrained = []
    monkeypatch.setattr(demo, "_pretrain", lambda file, *_: pretrained.append(file.name))
    monkeypatch.setattr(demo, "_other_patients", lambda size: (None, None))
    monkeypatch.setattr(plan, "write_plan", lambda *_: "planned")
    result = CliRunner().invoke(app, ["experiment", "demo", "--data", str(phantoms), "--plan"])
    assert result.output.endswith("planned\n") and not (tmp_path / "runs" / "phantom").exists()
    assert pretrained == ["mobilenet_v3.weights.h5", "custom_resnet50.weights.h5"]
