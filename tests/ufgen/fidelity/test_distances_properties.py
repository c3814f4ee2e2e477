"""Distances, coverage and filters against the slow formulas that define them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import pairwise_distances

from ufgen.environment import prepare

prepare()

from ufgen.errors import UserError  # noqa: E402
from ufgen.fidelity import distances, prdc  # noqa: E402
from ufgen.synthesis import filters  # noqa: E402


def normal(count: int, width: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, width)) + shift


@pytest.mark.parametrize(("n", "m"), [(3, 3), (7, 4), (12, 20)])
def test_the_interval_is_the_jackknife_over_both_sets(n, m):
    """The distance with each image left out in turn (Arvesen, 1969)."""
    x, y = normal(n, 3, n), normal(m, 3, m, 0.5)
    value, low, high = distances.kernel_distance_interval(x, y)
    variance = 0.0
    if min(n, m) > 2:
        without_x = [distances.kernel_distance(np.delete(x, i, 0), y) for i in range(n)]
        without_y = [distances.kernel_distance(x, np.delete(y, i, 0)) for i in range(m)]
        variance = (n - 1) * np.var(without_x) + (m - 1) * np.var(without_y)
    assert value == pytest.approx(distances.kernel_distance(x, y))
    assert (low, high) == pytest.approx(
        (value - 1.959964 * variance**0.5, value + 1.959964 * variance**0.5)
    )


@pytest.mark.parametrize(("n", "m"), [(2, 5), (5, 2)])
def test_two_images_have_a_distance_but_no_interval(n, m):
    value, low, high = distances.kernel_distance_interval(normal(n, 3, 0), normal(m, 3, 1))
    assert np.isfinite(value) and np.isnan([low, high]).all()


@pytest.mark.parametrize(("n", "m"), [(1, 5), (5, 1)])
def test_one_image_has_no_distance(n, m):
    with pytest.raises(UserError, match=rf"found {n} real and {m} synthetic images"):
        distances.kernel_distance(normal(n, 3, 0), normal(m, 3, 1))


def test_features_that_cannot_be_compared_get_a_message():
    good, flat = normal(5, 3, 0), np.zeros(5)
    for real, fake in ((good, normal(5, 4, 0)), (flat, good), (good, flat), (flat, flat)):
        shapes = rf"{real.shape} and {fake.shape}".replace("(", r"\(").replace(")", r"\)")
        with pytest.raises(UserError, match=rf"features of shape {shapes} cannot be compared"):
            distances.kernel_distance(real, fake)
    for bad in (np.nan, np.inf):
        for pair in ((good, np.full((5, 3), bad)), (np.full((5, 3), bad), good)):
            with pytest.raises(UserError, match="not finite numbers"):
                distances.frechet_distance(*pair)


def test_the_frechet_distance_of_single_features_and_of_singular_covariances():
    """One feature: (difference of means)^2 + (difference of deviations)^2; then fewer images."""
    x, y = normal(50, 1, 0), 3 * normal(40, 1, 1) + 2
    expected = (x.mean() - y.mean()) ** 2 + (x.std(ddof=1) - y.std(ddof=1)) ** 2
    assert distances.frechet_distance(x, y) == pytest.approx(expected)
    few = normal(4, 9, 2)
    assert distances.frechet_distance(few, few + 1) == pytest.approx(9)


@pytest.mark.parametrize("count", [1, 512, 513, 1100])
def test_squared_distances_are_those_of_scikit_learn_block_by_block(count):
    a, b = normal(count, 3, 0), normal(17, 3, 1)
    squared, rows = np.full((count, 17), np.nan), []
    for part, block in distances.squared_distances(a, b):
        squared[part] = block
        rows.append(len(block))
    assert squared == pytest.approx(pairwise_distances(a, b) ** 2, abs=1e-9)
    assert max(rows) <= 512 and sum(rows) == count and (squared >= 0).all()
    whole = np.arange(200, 240, dtype="uint8").reshape(10, 4)  # as pixels: no overflow
    ((_, block),) = distances.squared_distances(whole, whole[::-1])
    expected = pairwise_distances(whole.astype(float), whole[::-1].astype(float)) ** 2
    assert block == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("n", "m", "k"), [(30, 40, 1), (600, 530, 3), (530, 9, 5)])
def test_coverage_over_several_blocks_is_that_of_the_definition(n, m, k):
    real, fake = normal(n, 2, 0), normal(m, 2, 1, 1.0)
    own = [np.sort(pairwise_distances(s), axis=1)[:, k] for s in (real, fake)]
    between = pairwise_distances(real, fake)
    inside_real, inside_fake = between < own[0][:, None], between < own[1]
    assert prdc.precision_recall_density_coverage(real, fake, k) == pytest.approx(
        {
            "precision": inside_real.any(0).mean(),
            "recall": inside_fake.any(1).mean(),
            "density": inside_real.sum(0).mean() / k,
            "coverage": inside_real.any(1).mean(),
        }
    )
    assert np.sqrt(prdc.squared_knn_radii(real, k)) == pytest.approx(own[0], abs=1e-6)


def test_an_image_on_the_edge_of_a_ball_is_not_in_it():
    """The real images lie 1 apart, the fakes 1 apart; fake 2 is just 1 away from real 1."""
    real, fake = np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]])
    metrics = prdc.precision_recall_density_coverage(real, fake, k=1)
    assert metrics == {"precision": 0.0, "recall": 0.0, "density": 0.0, "coverage": 0.0}


@pytest.mark.parametrize(("n", "m"), [(5, 9), (9, 5)])
def test_coverage_needs_more_images_than_neighbours(n, m):
    names = {"precision", "recall", "density", "coverage"}
    few = prdc.precision_recall_density_coverage(normal(n, 2, 0), normal(m, 2, 1), 5)
    assert set(few) == names and np.isnan(list(few.values())).all()
    enough = prdc.precision_recall_density_coverage(normal(n + 1, 2, 0), normal(m + 1, 2, 1), 5)
    assert np.isfinite(list(enough.values())).all()


class _Copies:
    table = pd.DataFrame({"correlation": [0.2, 0.9, 0.95]})
    threshold = 0.9


def test_each_filter_keeps_what_lies_on_its_limit_and_gives_a_reason_for_the_others():
    half = filters.by_agreement(np.array([0.49, 0.5, 0.8]))
    assert half["keep"].tolist() == [False, True, True] and (half["limit"] == 0.5).all()
    copies = filters.by_copies(_Copies)
    assert copies["keep"].tolist() == [True, True, False]
    assert copies["score"].tolist() == [0.2, 0.9, 0.95] and (copies["limit"] == 0.9).all()
    reasons = {
        "a classifier of the training images takes it for another class": half,
        "it is a copy of a training image": copies,
        "the discriminator scores it among the lowest": filters.by_discriminator(
            np.arange(4.0), np.array(["a"] * 4)
        ),
        "it lies away from all training images": filters.by_manifold(
            np.array([[0.0], [99.0]]), np.arange(4.0)[:, None], k=1
        ),
    }
    for reason, table in reasons.items():
        assert list(table.columns) == ["keep", "score", "limit", "reason"]
        assert table["keep"].dtype == bool and not table["keep"].all()
        assert table["reason"].tolist() == ["" if keep else reason for keep in table["keep"]]


def test_the_discriminator_keeps_four_fifths_of_each_class():
    labels = np.array(["a", "b"] * 50)
    scores = normal(100, 1, 0)[:, 0] + 5 * (labels == "b")
    table = filters.by_discriminator(scores, labels)
    for label in "ab":
        of = labels == label
        highest = np.argsort(scores[of])[10:]
        assert set(np.flatnonzero(table["keep"][of])) == set(highest)


def test_the_score_of_the_manifold_is_one_on_the_edge_of_the_nearest_ball():
    """Real images at 0, 1 and 10, k = 1: balls of 1, 1 and 9."""
    real = np.array([[0.0], [1.0], [10.0]])
    table = filters.by_manifold(np.array([[0.5], [2.0], [19.0], [20.0], [-1.0]]), real, k=1)
    assert table["score"].tolist() == pytest.approx([0.5, 8 / 9, 1.0, 10 / 9, 1.0])
    assert table["keep"].tolist() == [True, True, True, False, True]
    twice = filters.by_manifold(np.array([[0.0], [5.0]]), np.zeros((3, 1)), k=1)
    assert twice["keep"].tolist() == [True, False]  # balls without width hold their centre
    with pytest.raises(UserError, match="needs more than 3 training images: 3"):
        filters.by_manifold(real, real, k=3)


def test_an_image_must_pass_all_filters_and_each_that_drops_it_is_recorded():
    first = filters.by_agreement(np.array([0.1, 0.9, 0.9, 0.2]))
    second = filters.by_agreement(np.array([0.1, 0.1, 0.9, 0.9]))
    keep, dropped = filters.apply({"one": first, "two": second}, np.array(["a"] * 4))
    assert keep.tolist() == [False, False, True, False]
    assert list(dropped.columns) == ["row", "filter", "score", "limit", "reason"]
    rows = dropped[["row", "filter"]].itertuples(index=False, name=None)
    assert list(rows) == [(0, "one"), (3, "one"), (0, "two"), (1, "two")]
    keep, dropped = filters.apply({}, np.array(["a", "b"]))
    assert keep.all() and list(dropped.columns) == ["row", "filter", "score", "limit", "reason"]
    with pytest.raises(
        UserError,
        match=r"^the filter one leaves no image of the class b: request more images, "
        "train the generator longer, or leave the filter out$",
    ):
        filters.apply({"one": first}, np.array(["a", "a", "a", "b"]))
