"""The level of each look, declared or not."""

import pytest
from declared_study import run, study
from image_tables import six
from pydantic import ValidationError

from experiments.declaration import declared, looks, record
from experiments.statistics import spending

TEN, TWENTY = list(range(10)), list(range(20))
MORE = {"seeds": TEN}
OTHERS = 12  # metrics beside the declared one


def test_a_study_without_looks_is_tested_at_its_own_confidence(tmp_path):
    _, look = run(tmp_path, study())
    assert look == (1, 1, 5, 1 - 0.95, 1 - 0.95) and look.confidence == 0.95
    assert run(tmp_path, study())[1] == look


def test_declared_looks_share_the_level(tmp_path):
    one = study(seeds=TWENTY, looks=[5, 10, 20])
    before, _ = run(tmp_path, one)
    planned = looks.plan(one, before)
    assert [look.level for look in planned] == spending.increments(1 - 0.95, [5, 10, 20])
    assert [look.seeds for look in planned] == [5, 10, 20]
    assert planned[-1].spent == pytest.approx(0.05)
    assert looks.plan(one, record.read(tmp_path)) == planned


def test_seeds_that_were_added_after_a_verdict_are_undeclared_looks(tmp_path):
    run(tmp_path, study())
    _, second = run(tmp_path, study(seeds=TEN))
    assert second[:3] == (2, None, 10)
    assert second.level == spending.undeclared_level(1 - 0.95, 2)
    assert second.spent == pytest.approx(0.05 + second.level)
    assert "more than 0.05" in second.describe(0.05)
    _, third = run(tmp_path, study(seeds=TEN, generator={"seeds": [0, 1, 2, 3]}))
    assert third.number == 3 and third.level == spending.undeclared_level(1 - 0.95, 3)
    assert run(tmp_path, study(seeds=TEN))[1].level == second.level  # seen before: no new look
    assert run(tmp_path, study())[1].level == 1 - 0.95


def test_a_metric_that_was_changed_after_a_verdict_is_the_best_of_all_others(tmp_path):
    run(tmp_path, study())
    spent = 0.05
    for number, changes in enumerate(
        [{"primary_metric": "brier"}, {"primary_metric": "f1"}, {"primary_metric": "f1"} | MORE], 2
    ):
        _, look = run(tmp_path, study(**changes))
        level = spending.undeclared_level(1 - 0.95, number)
        spent += level
        assert look[:2] == (number, None) and look.level == pytest.approx(level / OTHERS)
        assert look.spent == pytest.approx(spent)
    again = run(tmp_path, study(primary_metric="brier"))[1]
    assert again.number == 2  # seen before: no new look
    assert run(tmp_path, study())[1].level == 1 - 0.95
    _, fifth = run(tmp_path, study(**MORE))  # the first metric has no others to choose from
    assert fifth.level == spending.undeclared_level(1 - 0.95, 5)


def test_a_metric_that_was_chosen_by_declared_looks_counts_all_of_them(tmp_path):
    one = study(seeds=TEN, looks=[5, 10])
    before, _ = run(tmp_path, one)
    looks.log_verdict(tmp_path, one, looks.plan(one, before)[0], before, "It.", {"a": "helps"})
    assert run(tmp_path, study(seeds=TEN, looks=[5, 10], primary_metric="f1"))[1].number == 3


def test_a_metric_that_was_chosen_by_a_pilot_is_an_undeclared_look(tmp_path):
    run(tmp_path, study(seeds=[0, 1]), "pilot")
    _, look = run(tmp_path, study(primary_metric="f1"))
    assert look.planned is None and look.level == spending.undeclared_level(1 - 0.95, 1) / OTHERS


def test_a_metric_that_was_changed_before_all_verdicts_is_declared(tmp_path):
    declared.declare(tmp_path, study(), six())
    assert run(tmp_path, study(primary_metric="f1"))[1].level == 1 - 0.95


def test_looks_declared_after_a_verdict_are_none(tmp_path):
    run(tmp_path, study())
    one = study(seeds=TEN, looks=[5, 10])
    _, look = run(tmp_path, one)
    assert look.planned is None and look.number == 2


def test_looks_at_seeds_that_had_a_verdict_are_none(tmp_path):
    run(tmp_path, study(seeds=TEN))
    one = study(seeds=TEN, looks=[5, 10])
    before, look = run(tmp_path, one)
    assert looks.plan(one, before) == [look] and look.planned is None
    assert look.level == 1 - 0.95


def test_pilots_are_no_looks(tmp_path):
    run(tmp_path, study(seeds=[0, 1]), "pilot")
    run(tmp_path, study(seeds=[0, 1, 2]), "pilot")
    assert run(tmp_path, study())[1].level == 1 - 0.95


@pytest.mark.parametrize("bad", [[10, 5, 20], [5, 10], [5, 5, 20], [0, 20], [5, 40]])
def test_looks_must_grow_to_all_seeds(bad):
    with pytest.raises(ValidationError, match=r"expected increasing .* all 20 seeds"):
        study(seeds=TWENTY, looks=bad)
