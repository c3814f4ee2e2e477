"""Learning curve and generator quality: drawn where there is something to draw."""

import pandas as pd

from experiments.reporting import learning_curve


def _metrics(arms: dict[str, tuple[int, float]]) -> pd.DataFrame:
    rows = [
        {"arm": arm, "classifier": "hybrid", "seed": seed, "n_train": count, "roc_auc": auc}
        | {"generator": generator}
        for arm, (count, auc) in arms.items()
        for seed in (0, 1)
        for generator in (("0", "1") if "synthetic" in arm else ("",))
    ]
    return pd.DataFrame(rows)


def test_the_learning_curve_goes_over_real_images_alone():
    arms = {"real": (50, 0.7), "real+synthetic@1.0": (100, 0.75), "real+oracle@1.0": (100, 0.8)}
    figure = learning_curve.learning_curve(_metrics(arms), "roc_auc")
    line = figure.axes[0].lines[0]
    assert line.get_xdata().tolist() == [50, 100] and line.get_ydata().tolist() == [0.7, 0.8]
    del arms["real+oracle@1.0"]
    assert learning_curve.learning_curve(_metrics(arms), "roc_auc") is None


def test_the_learning_curve_calls_a_phantom_simulated():
    arms = {"real": (50, 0.7), "real+synthetic@1.0": (100, 0.75), "real+oracle@1.0": (100, 0.8)}
    axes = learning_curve.learning_curve(_metrics(arms), "roc_auc", "simulated").axes[0]
    assert axes.get_xlabel() == "simulated training images"
    assert axes.get_legend_handles_labels()[1][0] == "simulated images alone"


def test_quality_is_measured_against_the_arms_own_reference():
    arms = {"real": (50, 0.7), "real+classical": (50, 0.8)}
    metrics = _metrics(arms | {"real+classical+synthetic@1.0": (100, 0.83)})
    sets = pd.DataFrame({"generator": ["0", "1"], "filtered": False, "KD-texture": [3.0, 1.0]})
    _, y = learning_curve.quality(metrics, sets, "roc_auc").axes[0].lines[1].get_data()
    assert list(y.round(3)) == [0.03, 0.03]


def test_quality_is_paired_by_generator():
    metrics = _metrics({"real": (50, 0.7), "real+synthetic@1.0": (100, 0.75)})
    metrics.loc[metrics["generator"] == "1", "roc_auc"] = 0.6
    sets = pd.DataFrame({"generator": ["1", "0"], "filtered": False, "KD-texture": [3.0, 1.0]})
    figure = learning_curve.quality(metrics, sets, "roc_auc")
    x, y = figure.axes[0].lines[1].get_data()
    assert list(x) == [1.0, 3.0] and list(y.round(3)) == [0.05, -0.1]
    assert learning_curve.quality(metrics, sets[:1], "roc_auc") is None
