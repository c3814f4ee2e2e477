"""The table of fidelity, cell by cell, against the definitions of its metrics."""

import numpy as np
import pandas as pd
import pytest

from ufgen.environment import prepare

prepare()

import keras  # noqa: F401, E402 (its version is part of the cache's keys: imported once)
import matplotlib.pyplot  # noqa: F401, E402

from ufgen.fidelity import fidelity_table  # noqa: E402
from ufgen.fidelity.distances import (  # noqa: E402
    frechet_distance,
    kernel_distance,
    kernel_distance_interval,
)
from ufgen.fidelity.feature_extractors import Extractor  # noqa: E402
from ufgen.fidelity.prdc import precision_recall_density_coverage  # noqa: E402
from ufgen.fidelity.real_reference import stratified_splits  # noqa: E402

PIXELS = Extractor("pixels", "stamp", lambda images: images.reshape(len(images), -1) / 50.0)
TWICE = Extractor("twice", "other", lambda images: images.reshape(len(images), -1) / 25.0)


def images(count: int, seed: int, mean: float = 90) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.clip(rng.normal(mean, 20, (count, 2, 2, 1)), 0, 255).astype("uint8")


def features(*parts: np.ndarray) -> np.ndarray:
    return np.concatenate([PIXELS.function(part).astype("float32") for part in parts])


REAL = {"a": images(14, 0), "b": images(8, 1, 150)}
SYNTHETIC = {"a": images(14, 2), "b": images(8, 3, 150)}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return fidelity_table.measure(REAL, SYNTHETIC, [PIXELS, TWICE], seed=3)


def test_each_scope_and_extractor_has_six_metrics_in_one_order(table):
    metrics = ["KD", "FD", "precision", "recall", "density", "coverage"]
    expected = [
        (scope, f"{metric}-{name}", name, stamp)
        for name, stamp in (("pixels", "stamp"), ("twice", "other"))
        for scope in ("all", "a", "b")
        for metric in metrics
    ]
    columns = ["scope", "metric", "extractor", "stamp"]
    assert list(table[columns].itertuples(index=False, name=None)) == expected
    assert list(table.columns) == [
        *("scope", "metric", "value", "low", "high", "reference", "reference_low"),
        *("reference_high", "real", "synthetic", "extractor", "stamp", "note"),
    ]
    sizes = table.groupby("scope", sort=False)[["real", "synthetic"]].first()
    assert sizes.to_numpy().tolist() == [[22, 22], [14, 14], [8, 8]]
    assert (table["note"] == "").all()


def test_the_numbers_are_those_of_the_features_and_of_the_parts(table):
    real, synthetic = features(*REAL.values()), features(*SYNTHETIC.values())
    labels = np.repeat(["a", "b"], [14, 8])
    rows = table[(table["scope"] == "all") & (table["extractor"] == "pixels")]
    rows = rows.set_index(rows["metric"].str.removesuffix("-pixels"))
    assert tuple(rows.loc["KD", ["value", "low", "high"]]) == pytest.approx(
        kernel_distance_interval(real, synthetic)
    )
    halves = list(stratified_splits(labels, seed=3))
    names = ["reference", "reference_low", "reference_high"]
    values = [kernel_distance(real[one], real[other]) for one, other in halves]
    expected = np.mean(values), min(values), max(values)
    assert tuple(rows.loc["KD", names]) == pytest.approx(expected)
    assert rows.loc["FD", "value"] == pytest.approx(frechet_distance(real, synthetic))
    first = frechet_distance(real[halves[0][0]], real[halves[0][1]])
    assert tuple(rows.loc["FD", names]) == pytest.approx((first,) * 3)
    assert rows.loc["FD":, ["low", "high"]].isna().all(axis=None)
    overlap = precision_recall_density_coverage(real, synthetic)
    parts = [precision_recall_density_coverage(real[one], real[other]) for one, other in halves]
    for name, value in overlap.items():
        of_parts = [part[name] for part in parts]
        assert rows.loc[name, "value"] == pytest.approx(value)
        assert tuple(rows.loc[name, names]) == pytest.approx(
            (np.mean(of_parts), min(of_parts), max(of_parts))
        )


def test_the_seed_chooses_the_halves_and_is_zero_unless_given(table):
    plain, zero = (fidelity_table.measure(REAL, SYNTHETIC, [PIXELS], *seed) for seed in ((), (0,)))
    pd.testing.assert_frame_equal(plain, zero)
    other = table[table["extractor"] == "pixels"].reset_index(drop=True)
    assert plain["value"].tolist() == other["value"].tolist()
    assert plain["reference"].tolist() != other["reference"].tolist()


def test_few_images_are_noted_just_where_they_are_few():
    """Four features: more than four images for FD; more than five for precision and the like."""
    fewer = "fewer images than features: biased upward"
    undefined = "fewer than 6 images: undefined"
    for real, synthetic, fd, others in (
        (4, 9, fewer, undefined),
        (9, 4, fewer, undefined),
        (5, 9, "", undefined),
        (9, 5, "", undefined),
        (12, 6, "", ""),
    ):
        table = fidelity_table.measure(
            {"a": images(real, 4)}, {"a": images(synthetic, 5)}, [PIXELS]
        )
        notes = table[table["scope"] == "a"]["note"].tolist()
        assert notes == ["", fd, *[others] * 4]
    for real, synthetic in ((1, 9), (9, 1)):
        table = fidelity_table.measure(
            {"a": images(real, 4)}, {"a": images(synthetic, 5)}, [PIXELS]
        )
        assert table["metric"].tolist() == ["KD-pixels"] * 2 and table["value"].isna().all()
        assert (table["note"] == "fewer than 2 images: undefined").all()
    two = fidelity_table.measure({"a": images(2, 4)}, {"a": images(2, 5)}, [PIXELS])
    assert np.isfinite(two["value"][:2]).all() and two["note"][1] == fewer


def test_classes_on_one_side_are_named_and_the_notes_kept():
    table = fidelity_table.measure(
        {"all": images(4, 0), "b": images(4, 1), "z": images(9, 2)},
        {"c": images(3, 3), "b": images(4, 4), "all": images(4, 5)},
        [PIXELS],
    )
    assert table["scope"].unique().tolist() == ["all", "class all", "b"]
    assert table["real"].unique().tolist() == [8, 4]
    notes = table.set_index(["scope", "metric"])["note"]
    assert notes["all", "KD-pixels"] == "without c, z, on one side only"
    assert notes["class all", "KD-pixels"] == ""
    few = notes["b", "FD-pixels"]
    assert few == "fewer images than features: biased upward"
    one = fidelity_table.measure(
        {"a": images(4, 0)}, {"a": images(4, 1), "b": images(1, 1)}, [PIXELS]
    )
    assert one["note"][1] == f"without b, on one side only; {few}"


def test_kept_rows_have_the_class_proportions_of_the_real_images():
    real, fake = np.array([*"aaaaaabbb"]), np.array([*"abababababbbbb"])
    match = fidelity_table._match_class_proportions
    kept, ratio = match(real, fake, np.random.default_rng(0))
    assert ratio == pytest.approx(5 / 6)
    assert [np.sum(fake[kept] == label) for label in "ab"] == [5, 2]  # 2.5, rounded to even
    assert (np.diff(kept) > 0).all()
    more, ratio = match(real, np.repeat(fake, 9), np.random.default_rng(0))
    assert ratio == 1 and len(more) == 9
    choices = {tuple(match(real, fake, np.random.default_rng(s))[0]) for s in range(9)}
    assert len(choices) > 5


def test_precision_and_its_reference_use_parts_in_the_ratio_of_the_two_sides():
    """Real 12 and 8, synthetic 6 and 8: half as many of each class, 6 and 4."""
    real = {"a": images(12, 0), "b": images(8, 1, 150)}
    synthetic = {"a": images(6, 2), "b": images(8, 3, 150)}
    table = fidelity_table.measure(real, synthetic, [PIXELS], seed=5).set_index(["scope", "metric"])
    labels, fakes = np.repeat(["a", "b"], [12, 8]), np.repeat(["a", "b"], [6, 8])
    kept, ratio = fidelity_table._match_class_proportions(labels, fakes, np.random.default_rng(5))
    assert ratio == 0.5 and len(kept) == 10
    of_real, of_fake = features(*real.values()), features(*synthetic.values())
    expected = precision_recall_density_coverage(of_real, of_fake[kept])
    parts = [
        precision_recall_density_coverage(of_real[one], of_real[other])
        for one, other in stratified_splits(labels, 0.5, 5)
    ]
    for name, value in expected.items():
        row = table.loc[("all", f"{name}-pixels")]
        assert row["value"] == pytest.approx(value)
        assert row["reference"] == pytest.approx(np.mean([part[name] for part in parts]))


def test_the_table_as_text_has_three_digits_and_blanks():
    shown = pd.DataFrame(
        [["all", "KD-x", 1.23456, 0.5, np.nan, 1234.5, "why"]],
        columns=["scope", "metric", "value", "low", "high", "reference", "note"],
    ).assign(reference_low=7.0, stamp="odd")
    head, row = fidelity_table.render(shown).splitlines()
    assert head.split() == ["scope", "metric", "value", "low", "high", "reference", "note"]
    assert row.split() == ["all", "KD-x", "1.23", "0.5", "1.23e+03", "why"]
    assert shown["value"].item() == 1.23456


def test_the_table_is_written_with_its_figure(table, tmp_path):
    fidelity_table.write(table, tmp_path)
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"fidelity.csv", "fidelity.png"}
    read = pd.read_csv(tmp_path / "fidelity.csv", keep_default_na=True, na_values=[""])
    pd.testing.assert_frame_equal(read.drop(columns="note"), table.drop(columns="note"))


def test_features_are_standardised_on_all_real_images_also_of_classes_that_are_not_compared():
    families = Extractor("families", "0", PIXELS.function, (3, 1))
    real = {"a": images(20, 0), "z": images(20, 1, 200)}
    reference = features(*real.values())
    table = fidelity_table.measure(real, {"a": images(12, 2)}, [families])
    sides = [
        fidelity_table.standardised(features(part), reference, families)
        for part in (real["a"], images(12, 2))
    ]
    value = table[table["metric"] == "KD-families"]["value"].iloc[1]
    assert value == pytest.approx(kernel_distance(*sides))
    variance = reference.var(0, dtype="float64")
    expected = np.maximum(variance, [*[variance[:3].mean()] * 3, variance[3]]) ** 0.5
    by_hand = np.arcsinh((features(real["a"]) - reference.mean(0, dtype="float64")) / expected)
    assert sides[0] == pytest.approx(by_hand)
    barely = np.array([[0.0, 0, 0, 0], [4e-6, 0, 0, 1e-7]])  # deviations 2e-6 and 5e-8
    standard = fidelity_table.standardised(barely, barely, families)
    assert np.ptp(standard[:, 0]) == pytest.approx(2 * np.arcsinh(1), rel=1e-6)
    assert np.ptp(standard[:, 3]) < 1e-6
