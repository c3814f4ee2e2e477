"""What a power analysis says of a change that no study of the shown sizes detects."""

import pandas as pd
import pytest

from experiments.design import study
from experiments.planning import power

STUDY = study.Study(
    name="s", arms=["real", "real+synthetic@1.0"], classifiers=["hybrid"], seeds=[0, 1]
)


def _pilot(groups: float, residual: float) -> pd.DataFrame:
    row = {"arm": "real+synthetic@1.0", "classifier": "all", "metric": "roc_auc"}
    row |= {"seeds": 2, "generators": 2, "test_groups": 50, "folds": 1}
    row |= {"variance_generators": 0.0, "variance_seeds": 0.0}
    return pd.DataFrame([row | {"variance_residual": residual, "variance_groups": groups}])


@pytest.mark.parametrize(
    ("groups", "residual", "said"),
    [
        (1e-9, 1.0, "A change of 0.02 needs more seeds or generators than shown."),
        (
            2e-4,
            0.0,
            "A change of 0.02 cannot be detected with these test images: about 4.1 times as many "
            "are needed, and more seeds and generators than shown.",
        ),
        (1e-6, 0.0, "A change of 0.02 needs 5 seeds and 3 generators."),
    ],
)
def test_what_a_change_needs_is_named(groups, residual, said):
    assert power.describe(STUDY, _pilot(groups, residual), 0.02).splitlines()[-1] == said


def test_generators_of_every_fold_are_counted():
    pilot = _pilot(1e-6, 1e-4).assign(variance_generators=1e-3)
    single, folds = (power.describe(STUDY, pilot.assign(folds=k), 0.02) for k in (1, 5))
    assert "needs more seeds or generators" in single
    assert "generators in each fold." in folds and "generators of each of 5 folds" in folds
