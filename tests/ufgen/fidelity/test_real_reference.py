"""Real-vs-real: one reference for fidelity.csv, the snapshots and the curves."""

import numpy as np
import pandas as pd
import pytest

from ufgen.environment import prepare

prepare()

from ufgen.fidelity import fidelity_table  # noqa: E402
from ufgen.fidelity.distances import kernel_distance  # noqa: E402
from ufgen.fidelity.feature_extractors import texture  # noqa: E402
from ufgen.fidelity.real_reference import (  # noqa: E402
    RealReference,
    between_halves,
    reference_over_splits,
    stratified_splits,
)
from ufgen.gan.recipe import Recipe  # noqa: E402
from ufgen.gan.training.snapshot_selection import SnapshotEvaluator  # noqa: E402
from ufgen.gan.training_curves import HALVES, write_curves  # noqa: E402


def noise(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 1)).astype("uint8")


def test_parts_share_no_image_leave_none_out_and_divide_each_class_alike():
    labels = np.array(["b"] * 30 + ["a"] * 60)
    parts = list(stratified_splits(labels))
    assert len(parts) == 10 and len({tuple(one) for one, _ in parts}) == 10
    for one, other in parts:
        assert sorted([*one, *other]) == list(range(90))
        assert [np.sum(labels[part] == "a") for part in (one, other)] == [30, 30]
    for one, other in stratified_splits(labels, ratio=0.5):
        assert [np.sum(labels[one] == c) for c in "ab"] == [40, 20] and len(other) == 30
    assert [len(list(stratified_splits(np.zeros(count)))) for count in (3, 4)] == [0, 10]
    assert not np.array_equal(next(stratified_splits(labels, seed=1))[0], parts[0][0])


def test_the_reference_is_mean_minimum_and_maximum_over_the_halves():
    features, labels = np.random.default_rng(0).standard_normal((20, 3)), np.arange(20) % 2
    each = [kernel_distance(features[a], features[b]) for a, b in stratified_splits(labels)]
    expected = np.mean(each), np.min(each), np.max(each)
    assert between_halves(kernel_distance, features, labels) == pytest.approx(expected)
    assert np.isnan(reference_over_splits([])).all()


def test_snapshots_and_fidelity_have_one_reference():
    pixels, labels = noise(30, 0), np.arange(30) % 3 // 2
    selector = SnapshotEvaluator(texture(), pixels, labels, Recipe(resolution=32, seed=5))
    by_class = {name: pixels[labels == i] for i, name in enumerate("ab")}
    table = fidelity_table.measure(by_class, by_class, [texture()]).set_index(["scope", "metric"])
    row = table.loc[("all", "KD-texture")]
    names = ["reference", "reference_low", "reference_high"]
    assert tuple(selector.reference) == tuple(row[names])
    assert row["reference_low"] < row["reference"] < row["reference_high"]


def test_the_mean_lies_inside_its_band_and_both_are_in_the_legend(tmp_path, monkeypatch):
    import matplotlib.figure

    kept = []
    monkeypatch.setattr(
        matplotlib.figure.Figure, "savefig", lambda figure, *_, **__: kept.append(figure)
    )
    monkeypatch.setattr("os.replace", lambda *_: None)
    reference = RealReference(-0.02, -0.04, 0.01)
    rows = [{"kimg": 1.0, "distance": 2.0}, {"kimg": 2.0, "distance": 1.0}]
    write_curves(tmp_path / "curves.png", rows, "texture", reference)
    axes = kept[0].axes[1]
    band = axes.patches[0].get_extents().transformed(axes.transData.inverted())
    line = next(one for one in axes.lines if one.get_label() == f"{HALVES}, mean")
    assert (band.y0, band.y1) == pytest.approx((-0.04, 0.01))
    assert band.y0 < line.get_ydata()[0] < band.y1
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert {f"{HALVES}, mean", f"{HALVES}, range"} <= set(names)


def test_the_columns_are_named_reference_and_never_floor():
    table = fidelity_table.measure({"a": noise(8, 0)}, {"a": noise(8, 1)}, [texture()])
    assert isinstance(table, pd.DataFrame)
    assert not [name for name in table.columns if "floor" in name]
    assert {"reference", "reference_low", "reference_high"} < set(table.columns)
