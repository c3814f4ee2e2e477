"""Distances over all images count classes as the real set does."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from ufgen.fidelity import fidelity_table
from ufgen.fidelity.distances import (
    class_weights,
    frechet_distance,
    kernel_distance,
    kernel_distance_interval,
)
from ufgen.fidelity.feature_extractors import Extractor

MEANS = {"a": 0.0, "b": 3.0}


def features(counts: dict[str, int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Normal features (N, 4) of each class, and the labels."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(list(counts), list(counts.values()))
    return rng.normal([[MEANS[label]] * 4 for label in labels], 1.0), labels


def as_images(counts: dict[str, int], seed: int) -> dict[str, np.ndarray]:
    """Images (N, 2, 2, 1) whose pixels `pixels()` gives back as features."""
    values, labels = features(counts, seed)
    images = np.clip(values * 20 + 90, 0, 255).astype("uint8").reshape(-1, 2, 2, 1)
    return {label: images[labels == label] for label in counts}


def pixels() -> Extractor:
    return Extractor("pixels", "0", lambda images: images.reshape(len(images), -1) / 50.0 - 2)


def of_all(real: dict, synthetic: dict) -> pd.DataFrame:
    table = fidelity_table.measure(real, synthetic, [pixels()])
    return table[table["scope"] == "all"].set_index("metric")


def test_a_perfect_generator_is_as_near_with_other_class_proportions_as_with_the_same():
    """Real 70:30, synthetic 50:50. With fixed proportions KD is a little below 0, as if equal."""
    distances = {"weighted": [], "plain": [], "same proportions": []}
    for seed in range(60):
        real, real_labels = features({"a": 70, "b": 30}, 3 * seed)
        fake, labels = features({"a": 50, "b": 50}, 3 * seed + 1)
        weights = class_weights(real_labels, labels)
        distances["weighted"].append(kernel_distance(real, fake, weights))
        distances["plain"].append(kernel_distance(real, fake))
        same = features({"a": 70, "b": 30}, 3 * seed + 2)[0]
        distances["same proportions"].append(kernel_distance(real, same))
    mean = {name: np.mean(values) for name, values in distances.items()}
    assert abs(mean["weighted"]) < abs(mean["same proportions"]) < 0.15 * mean["plain"]


def test_weights_are_class_proportions_and_sum_to_one():
    real, fake = np.array(["a"] * 7 + ["b"] * 3), np.array(["b", "a", "b", "a", "b"])
    weights = class_weights(real, fake)
    assert weights == pytest.approx([0.1, 0.35, 0.1, 0.35, 0.1])


def test_weighted_kd_is_its_definition():
    (real, _), (fake, labels) = features({"a": 9, "b": 3}, 0), features({"a": 4, "b": 6}, 1)
    w = np.where(labels == "a", 0.75 / 4, 0.25 / 6)

    def kernel(x, y):
        return (x @ y.T / 4 + 1) ** 3

    xx, yy, xy = kernel(real, real), kernel(fake, fake), kernel(real, fake)
    expected = (xx.sum() - np.trace(xx)) / (12 * 11) - 2 * (xy @ w).mean()
    expected += (w @ yy @ w - w**2 @ np.diag(yy)) / (1 - w @ w)
    assert kernel_distance(real, fake, w) == pytest.approx(expected, rel=1e-9)


def test_the_interval_is_the_jackknife_of_leaving_each_image_out():
    (real, _), (fake, labels) = features({"a": 9, "b": 4}, 0), features({"a": 5, "b": 6}, 1)
    w = np.where(labels == "a", 0.7 / 5, 0.3 / 6)
    value, low, high = kernel_distance_interval(real, fake, w)
    assert value == pytest.approx(kernel_distance(real, fake, w))
    without_real = [kernel_distance(np.delete(real, i, 0), fake, w) for i in range(13)]
    without_fake = []
    for i in range(11):
        others = np.delete(w, i)
        without_fake.append(kernel_distance(real, np.delete(fake, i, 0), others / others.sum()))
    variance = 12 * np.var(without_real) + 10 * np.var(without_fake)
    assert (high - low) / 2 == pytest.approx(1.959964 * np.sqrt(variance))
    assert (high + low) / 2 == pytest.approx(value)
    assert np.isnan(kernel_distance_interval(real, fake[:2])[1:]).all()
    assert np.isfinite(kernel_distance_interval(real[:3], fake[:3])).all()


def test_weighted_fd_is_that_of_images_repeated():
    """Weights 2 : 1 are what repeating the first images once does, for many images."""
    (real, _), (fake, _) = features({"a": 300}, 0), features({"a": 200, "b": 200}, 1)
    repeated = np.concatenate([fake[:200], fake])
    weights = np.repeat([2 / 600, 1 / 600], 200)
    assert frechet_distance(real, fake, weights) == pytest.approx(
        frechet_distance(real, repeated), rel=5e-3
    )


@pytest.mark.parametrize(
    "synthetic", [{"a": 90, "b": 90}, {"a": 140, "b": 60}, {"a": 20, "b": 60}, {"a": 30, "b": 8}]
)
def test_every_metric_of_a_perfect_generator_is_at_its_reference(synthetic):
    table = of_all(as_images({"a": 140, "b": 60}, 0), as_images(synthetic, 1))
    row = table.loc["KD-pixels"]
    assert row["low"] - 0.05 < 0 < row["high"] + 0.05
    for name in ("precision", "recall", "coverage"):
        row = table.loc[f"{name}-pixels"]
        assert row["value"] == pytest.approx(row["reference"], abs=0.15), name


def test_counts_scopes_and_a_class_called_all():
    real = as_images({"a": 20, "b": 12}, 0)
    real = {"all": real["a"], "b": real["b"]}
    synthetic = as_images({"a": 9, "b": 7}, 1)
    table = fidelity_table.measure(real, {"all": synthetic["a"], "b": synthetic["b"]}, [pixels()])
    sizes = table.groupby("scope")[["real", "synthetic"]].first()
    assert sizes.loc["all"].tolist() == [32, 16]
    assert sizes.loc["class all"].tolist() == [20, 9] and sizes.loc["b"].tolist() == [12, 7]
    assert len(table) == 18
    assert set(table["extractor"]) == {"pixels"} and set(table["stamp"]) == {"0"}


def test_classes_on_one_side_are_left_out_and_named():
    real = as_images({"a": 30, "b": 30}, 0)
    lone = of_all(real, {"a": as_images({"a": 30}, 1)["a"]})
    assert lone["real"].iloc[0] == 30
    assert lone["note"].str.startswith("without b, on one side only").all()
    assert of_all({"a": real["a"]}, {"a": real["b"]})["note"].tolist() == [""] * 6


def test_undefined_metrics_have_a_note():
    real, few = as_images({"a": 30}, 0), as_images({"a": 5}, 1)
    table = of_all(real, few)
    assert table.loc["coverage-pixels", "note"] == "fewer than 6 images: undefined"
    assert np.isnan(table.loc["coverage-pixels", "value"])
    assert table.loc["FD-pixels", "note"] == ""
    assert of_all(real, as_images({"a": 4}, 1)).loc["FD-pixels", "note"].startswith("fewer images")
    alone = of_all(real, {"a": few["a"][:1]})
    assert alone["note"].tolist() == ["fewer than 2 images: undefined"]
    assert np.isfinite(of_all(real, as_images({"a": 6}, 1)).loc["coverage-pixels", "value"])


def test_the_reference_of_the_table_is_between_parts_of_the_real_images():
    from ufgen.fidelity.prdc import precision_recall_density_coverage
    from ufgen.fidelity.real_reference import stratified_splits

    real = as_images({"a": 40}, 0)
    values = pixels().function(real["a"])
    table = of_all(real, as_images({"a": 20}, 1))
    each = [kernel_distance(values[a], values[b]) for a, b in stratified_splits(np.zeros(40))]
    row = table.loc["KD-pixels"]
    names = ["reference", "reference_low", "reference_high"]
    assert row[names].tolist() == pytest.approx([np.mean(each), min(each), max(each)], rel=1e-4)
    one, other = next(stratified_splits(np.zeros(40)))
    row = table.loc["FD-pixels"]
    assert row[names].tolist() == pytest.approx([frechet_distance(values[one], values[other])] * 3)
    each = [
        precision_recall_density_coverage(values[a], values[b])["coverage"]
        for a, b in stratified_splits(np.zeros(40), 0.5)
    ]
    assert table.loc["coverage-pixels", "reference"] == pytest.approx(np.mean(each))


SUBSET = """
import os
import subprocess
import sys

import numpy as np
from ufgen.fidelity.fidelity_table import _match_class_proportions
real, fake = np.repeat(["NUF", "UF"], [30, 10]), np.repeat(["NUF", "UF"], [20, 20])
print(_match_class_proportions(real, fake, np.random.default_rng(0))[0].tolist())
"""


def test_the_images_compared_do_not_depend_on_how_python_hashes_text():
    def rows(seed: str) -> str:
        environment = os.environ | {"PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", SUBSET]
        return subprocess.run(command, env=environment, capture_output=True, check=True).stdout

    assert len({rows(seed) for seed in "0123"}) == 1
