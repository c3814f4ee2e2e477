"""The equivalent number of real images: by hand, and for planted learning curves."""

import numpy as np
import pandas as pd
import pytest

from experiments.analysis import equivalent_real_images
from experiments.design import study

SIZES = np.array([100, 200, 400])


def test_a_value_on_the_curve_is_equivalent_to_the_images_there():
    curve = np.repeat([[0.7, 0.8, 0.9]], 5, axis=0)
    numbers = equivalent_real_images.additional_images(
        SIZES, curve, np.array([0.8, 0.75, 0.9, 0.6, 0.95])
    )
    halfway = 100 * 2**0.5 - 100  # linear in the logarithm
    assert numbers == pytest.approx([100, halfway, 300, -np.inf, np.inf])


def test_a_curve_that_falls_somewhere_is_made_monotone():
    numbers = equivalent_real_images.additional_images(
        SIZES, np.array([[0.8, 0.7, 0.9]]), np.array([0.75])
    )
    assert numbers == pytest.approx([0])
    numbers = equivalent_real_images.additional_images(
        SIZES, np.array([[0.8, 0.7, 0.95]]), np.array([0.85])
    )
    assert numbers == pytest.approx([200 * 2**0.5 - 100])  # of 0.75, 0.75, 0.95
    assert np.isnan(
        equivalent_real_images.additional_images(
            SIZES, np.array([[0.8, np.nan, 1]]), np.array([0.85])
        )
    )


class Planted:
    """Scores of a study whose learning curve and synthetic arm are known, with a little noise."""

    groups = np.inf

    def __init__(self, curve: dict[str, float], noise: float = 0.002, of_synthetic=None):
        self.curve, self.noise = curve, noise
        self.noise_of_synthetic = of_synthetic or noise

    def of(self, arm, classifiers, metric):
        rng = np.random.default_rng(len(arm.name))
        noise = self.noise_of_synthetic if arm.synthetic else self.noise
        shape = (401, 1, 2 if arm.synthetic else 1, 3)
        return self.curve[arm.name] + rng.normal(0, noise, shape)


def _study(seeds=(0, 1, 2)):
    return study.Study(
        name="s",
        images={"fraction": 0.25},
        generator={"seeds": [0, 1]},
        arms=["real", "real+oracle@1.0", "real+oracle@3.0", "real+synthetic@1.0", "synthetic"],
        classifiers=["hybrid"],
        seeds=list(seeds),
    )


TRIALS = pd.DataFrame(
    {
        "arm": ["real", "real+oracle@1.0", "real+oracle@3.0", "real+synthetic@1.0", "synthetic"],
        "n_train": [100, 200, 400, 200, 100],
    }
)


def test_the_planted_number_is_estimated_for_plain_arms_only():
    scores = Planted(dict(zip(TRIALS["arm"], [0.7, 0.8, 0.9, 0.8, 0.5], strict=True)))
    table = equivalent_real_images.table(_study(), TRIALS, scores)
    assert table["arm"].tolist() == ["real+synthetic@1.0"]
    row = table.iloc[0]
    assert row["synthetic"] == 100 and 30 < row["low"] < 100 < row["high"] < 200
    assert "100 synthetic images" in row["text"] and "learning curve from 100 to 400" in row["text"]


def test_resampled_means_have_the_variance_of_means():
    scores, rng = np.array([0.1, 0.3, 0.4, 0.9]), np.random.default_rng(0)
    deviations = equivalent_real_images.centered_bootstrap_weights(4, 100_000, rng) @ scores
    assert deviations.var() == pytest.approx(scores.var(ddof=1) / 4, rel=0.03)
    assert (equivalent_real_images.centered_bootstrap_weights(1, 5, rng) == 0).all()


class OfSeeds:
    """Scores that differ between seeds alone; the synthetic arm is equivalent to 100 images."""

    groups = np.inf

    def __init__(self, rng):
        self.rng = rng

    def of(self, arm, classifiers, metric):
        score = {0: 0.7, 1: 0.8, 3: 0.9}[arm.oracle] if not arm.synthetic else 0.8
        scores = score + self.rng.normal(0, 0.02, (1, 1, 1, 5))
        return np.repeat(scores, 201, axis=0)


def test_the_interval_is_wide_enough_for_few_seeds():
    """Five seeds: the interval covers the true number at its nominal level, or more often."""
    rng, study_of_five_seeds, covered = np.random.default_rng(0), _study(range(5)), 0
    for _ in range(100):
        row = equivalent_real_images.table(study_of_five_seeds, TRIALS, OfSeeds(rng)).iloc[0]
        covered += row["low"] <= 100 <= row["high"]
    assert covered >= 92


def test_a_flat_curve_makes_the_number_not_identifiable():
    scores = Planted(dict(zip(TRIALS["arm"], [0.8, 0.8, 0.8, 0.8, 0.5], strict=True)), 0.02)
    table = equivalent_real_images.table(_study(), TRIALS, scores)
    assert "Not identifiable" in table["text"].iloc[0] and np.isnan(table["extra"].iloc[0])


def test_beyond_the_curve_the_number_is_a_lower_bound():
    scores = Planted(dict(zip(TRIALS["arm"], [0.7, 0.8, 0.9, 0.99, 0.5], strict=True)))
    assert "more than 300" in equivalent_real_images.table(_study(), TRIALS, scores)["text"].iloc[0]


def test_without_oracle_arms_the_table_is_empty():
    plain = _study().model_copy(update={"arms": ["real", "real+synthetic@1.0"]})
    assert equivalent_real_images.table(plain, TRIALS, Planted({})).empty


def test_oracle_arms_without_synthetic_ones_have_an_empty_table():
    chosen = _study().model_copy(update={"arms": ["real", "real+oracle@1.0"]})
    scores = Planted({"real": 0.7, "real+oracle@1.0": 0.8})
    assert equivalent_real_images.table(chosen, TRIALS, scores)["text"].tolist() == []


@pytest.mark.parametrize(
    ("score", "said"),
    [
        (0.8, "were worth 100 additional real images in ROC AUC (95 % interval "),
        (0.7, "were worth no additional real images in ROC AUC"),
        (0.6, "did worse than no additional real images at all in ROC AUC"),
        (0.6, "fewer than 0 (worse than none); learning curve from 100 to 400 real images"),
    ],
)
def test_the_sentence_names_the_number_its_interval_and_its_limits(score, said):
    noise = 1e-6 if score != 0.7 else 0.0
    scores = Planted(dict(zip(TRIALS["arm"], [0.7, 0.8, 0.9, score, 0.5], strict=True)), noise)
    text = equivalent_real_images.table(_study(), TRIALS, scores)["text"].iloc[0]
    assert text.startswith("100 synthetic images (real+synthetic@1.0) ") and said in text
    assert "is not included" not in text


def test_one_seed_has_no_number_as_it_has_no_interval():
    scores = Planted(dict(zip(TRIALS["arm"], [0.7, 0.8, 0.9, 0.8, 0.5], strict=True)), 1e-6)
    row = equivalent_real_images.table(_study([0]), TRIALS, scores).iloc[0]
    assert "Not identifiable for real+synthetic@1.0: with one seed" in row["text"]
    assert np.isnan([row["extra"], row["low"], row["high"]]).all()


def test_an_interval_from_none_to_more_than_the_curve_is_not_informative():
    """It goes to the notes, not to the top of the page."""
    curve = dict(zip(TRIALS["arm"], [0.7, 0.75, 0.8, 0.75, 0.5], strict=True))
    wide, narrow = (
        equivalent_real_images.table(_study(), TRIALS, Planted(curve, 1e-6, noise)).iloc[0]
        for noise in (0.2, 1e-6)
    )
    assert narrow["informative"] and "excludes nothing" not in narrow["text"]
    assert wide["low"] <= 0 and wide["high"] == np.inf
    assert not wide["informative"] and wide["text"].endswith("This interval excludes nothing.")


def test_a_plan_says_which_numbers_can_be_identified():
    assert "between 0 and 300 additional ones (learning curve from 100 to 400)" in (
        equivalent_real_images.identifiable(_study(), 100)
    )
    plain = _study().model_copy(update={"arms": ["real", "real+synthetic@1.0"]})
    assert "it needs an arm such as real+oracle@1.0" in (
        equivalent_real_images.identifiable(plain, 100)
    )
    without = _study().model_copy(update={"arms": ["real", "real+classical"]})
    assert equivalent_real_images.identifiable(without, 100) == ""
