"""The fidelity gate: noise and generators that learned nothing fail, unseen real ones pass."""

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from ufgen.environment import prepare

prepare()

from ufgen import phantom  # noqa: E402
from ufgen.display.contact_sheet import LabelledImages  # noqa: E402
from ufgen.fidelity import fidelity_table, gate  # noqa: E402
from ufgen.fidelity.feature_extractors import texture  # noqa: E402
from ufgen.fidelity.memorization import find_copies  # noqa: E402
from ufgen.images.image_set import scan  # noqa: E402
from ufgen.images.pixel_store import load  # noqa: E402
from ufgen.synthesis.evaluation import FidelityReport  # noqa: E402
from ufgen.synthesis.gallery import write_gallery  # noqa: E402


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """The training and the held-out images of a phantom set, by class."""
    folder = phantom.write_set(tmp_path_factory.mktemp("gate") / "set", 100, 60, 32, 0, False)
    decoded = load(scan(folder), 32)
    parts = {}
    for name in ("train", "test"):
        images = decoded.images.split(name)
        labels = images.table["label"].to_numpy()
        pixels = decoded.store.take(images)
        parts[name] = {label: pixels[labels == label] for label in images.classes}
    return parts["train"], parts["test"]


def noise(images: np.ndarray) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, images.shape).astype("uint8")


def blurred(images: np.ndarray) -> np.ndarray:
    return gaussian_filter(images, (0, 1.5, 1.5, 0))


def averaged(images: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([images[rng.permutation(len(images))[:8]].mean(0) for _ in images]).astype(
        "uint8"
    )


def two_modes(images: np.ndarray) -> np.ndarray:
    return images[np.arange(len(images)) % 2]


def measured(originals, change) -> pd.DataFrame:
    train, held_out = originals
    synthetic = {label: change(images) for label, images in held_out.items()}
    return fidelity_table.measure(train, synthetic, [texture()])


@pytest.mark.parametrize("change", [noise, blurred, averaged, two_modes])
def test_images_of_a_generator_that_learned_next_to_nothing_fail(originals, change):
    table = measured(originals, change)
    reasons = gate.failures(table)
    assert reasons and all(text.endswith(".") for text in reasons)
    assert gate.verdict(table).startswith("NOT LIKE THE REAL IMAGES: " + reasons[0])
    assert any("coverage-texture" in text for text in reasons)
    assert any("KD-texture" in text for text in reasons) == (change is not two_modes)


def test_unseen_images_pass(originals):
    table = measured(originals, lambda images: images)
    assert gate.failures(table) == []
    assert gate.verdict(table).startswith("fidelity gate passed")
    assert gate.failures(measured(originals, lambda images: images[:8])) == []


def table_of(**rows: tuple[float, float]) -> pd.DataFrame:
    names = [name.replace("_", "-") for name in rows]
    value, reference = zip(*rows.values(), strict=True)
    return pd.DataFrame({"scope": "all", "metric": names, "value": value, "reference": reference})


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        ({"coverage_texture": (0.30, 0.90)}, 0),
        ({"coverage_texture": (0.29, 0.90)}, 1),
        ({"coverage_other": (0.29, 0.90)}, 1),
        ({"KD_texture": (5.0, 0.0)}, 0),
        ({"KD_texture": (5.1, 0.0)}, 1),
        ({"KD_texture": (5.1, 0.2)}, 0),
        ({"KD_other": (50.0, 0.0)}, 0),
        ({"precision_texture": (0.0, 1.0)}, 0),
        ({"KD_texture": (9.0, 0.0), "coverage_texture": (0.0, 1.0)}, 2),
        ({"coverage_texture": (0.0, np.nan), "KD_texture": (np.nan, np.nan)}, 0),
    ],
)
def test_the_limits(rows, count):
    assert len(gate.failures(table_of(**rows))) == count
    assert gate.failures(table_of(**rows).assign(scope="benign")) == []


def test_too_few_images_are_reported():
    table = table_of(coverage_texture=(np.nan, 0.9), KD_texture=(1.0, np.nan))
    assert "too few images" in gate.verdict(table)
    assert gate.verdict(table_of(KD_texture=(1.0, 0.0))).startswith("fidelity gate passed")


def test_a_failure_stands_first_and_hides_no_sign_of_copying(originals):
    train, held_out = originals
    pixels = np.concatenate(list(train.values()))
    copies = find_copies(noise(pixels), pixels, np.concatenate(list(held_out.values())))
    text = FidelityReport(measured(originals, noise), copies).text()
    first = text.index("NOT LIKE THE REAL IMAGES")
    assert first < text.index("synthetic images are copies")
    assert "no sign of copying" not in text and "train the generator longer" in text
    passed = FidelityReport(measured(originals, lambda images: images), copies).text()
    assert "fidelity gate passed" in passed and "no sign of copying" in passed


def test_the_gallery_shows_a_failure_above_everything_else(originals, tmp_path):
    pixels = originals[0]["UF"]
    table = pd.DataFrame({"path": [f"{i}.png" for i in range(len(pixels))], "label": "UF"})
    strip = LabelledImages(table, pixels)
    for change, failed in ((noise, True), (lambda images: images, False)):
        page = write_gallery(
            tmp_path / "g.html", "t", strip, strip, fidelity=measured(originals, change)
        ).read_text()
        assert ("Not like the real images." in page) == failed
    failed = measured(originals, noise)
    page = write_gallery(tmp_path / "g.html", "t", strip, strip, None, failed, (), ["other"])
    text = page.read_text()
    assert text.index("Not like the real") < text.index("Few images") < text.index(">other<")


def test_the_images_of_a_phantom_are_never_called_real(originals, tmp_path):
    pixels = originals[0]["UF"]
    table = pd.DataFrame({"path": [f"{i}.png" for i in range(len(pixels))], "label": "UF"})
    real = LabelledImages(table.assign(source="phantom"), pixels)
    failed = measured(originals, noise)
    page = write_gallery(
        tmp_path / "g.html", "t", real, LabelledImages(table, pixels), fidelity=failed
    ).read_text()
    assert "Not like the simulated images." in page and ">simulated</th>" in page
    copies = find_copies(noise(pixels), pixels)
    assert "NOT LIKE THE SIMULATED IMAGES" in FidelityReport(failed, copies, (), "simulated").text()
