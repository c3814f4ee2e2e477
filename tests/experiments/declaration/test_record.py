"""The check on what was changed once a verdict had been seen."""

import pytest
from declared_study import run, study
from image_tables import six

from experiments.declaration import declared, history, record
from ufgen.errors import UserError

ARMS = ["real", "real+synthetic@1.0", "real+classical"]
CHANGES = {
    "margin": {"margin": 0.05},
    "primary_metric": {"primary_metric": "f1"},
    "confidence": {"confidence": 0.9},
    "arms": {"arms": ARMS},
    "looks": {"looks": [3, 5]},
    "seeds": {"seeds": [0, 1, 2, 3, 4, 5]},
    "generator.seeds": {"generator": {"seeds": [0, 1, 2, 3]}},
    "training.steps": {"training": {"steps": 900}},
}


def _check(folder, one):
    """Of a run of the study, as its page shows it."""
    return run(folder, one)[0].check()


@pytest.mark.parametrize("field", CHANGES)
def test_what_was_changed_after_a_verdict_is_named(tmp_path, field):
    assert _check(tmp_path, study()).passed
    check = _check(tmp_path, study(**CHANGES[field]))
    assert not check.passed and field in check.text.lower()
    back = _check(tmp_path, study())
    assert back.passed


@pytest.mark.parametrize("field", CHANGES)
def test_what_was_changed_before_the_first_verdict_is_listed_alone(tmp_path, field):
    declared.declare(tmp_path, study(), six())  # and then interrupted
    check = _check(tmp_path, study(**CHANGES[field]))
    assert check.passed and "changed before the first verdict alone" in check.text
    assert field in [one["field"] for one in record.read(tmp_path).changes]
    assert not _check(tmp_path, study()).passed


@pytest.mark.parametrize("word", ["pilot", "not interpretable"])
def test_pilots_may_grow_and_nothing_else_may_be_chosen_by_them(tmp_path, word):
    run(tmp_path, study(seeds=[0, 1]), word)
    assert _check(tmp_path, study()).passed
    assert not _check(tmp_path, study(margin=0.05)).passed
    assert not _check(tmp_path, study(seeds=[0, 1, 2, 3, 4, 5])).passed


def test_an_edited_declaration_is_not_trusted(tmp_path):
    run(tmp_path, study())
    file = tmp_path / "declared.yaml"
    file.write_text(file.read_text().replace("margin: 0.02", "margin: 0.05"))
    check = _check(tmp_path, study(margin=0.05))
    assert not check.passed and "was edited" in check.text


@pytest.mark.parametrize(
    "content", ["", "- 1", "{", "time: 2020-01-01", "declared: {a: 2020-01-01}"]
)
def test_a_declaration_of_any_other_content_is_edited(tmp_path, content):
    run(tmp_path, study())
    (tmp_path / "declared.yaml").write_text(content)
    assert "was edited" in _check(tmp_path, study()).text


def test_a_declaration_written_anew_after_a_verdict_is_not_trusted(tmp_path, monkeypatch):
    run(tmp_path, study())
    (tmp_path / "declared.yaml").unlink()
    monkeypatch.setattr(history, "now", lambda: "2030-01-01T00:00:00+00:00")
    check = _check(tmp_path, study())
    assert not check.passed and "anew after a verdict" in check.text


def test_a_declaration_after_the_first_training_says_so(tmp_path):
    trial = tmp_path / "trials" / "real_seed0"
    trial.mkdir(parents=True)
    (trial / "trial.json").write_text("{}")
    check = _check(tmp_path, study())
    assert not check.passed and "when 1 trial was finished" in check.text


def test_every_verdict_stays_with_what_it_was_of(tmp_path):
    run(tmp_path, study(), "inconclusive")
    run(tmp_path, study(margin=0.05), "equivalent")
    run(tmp_path, study(), "inconclusive")
    found = record.read(tmp_path).verdicts
    assert [(one["margin"], one["arms"]["real+synthetic@1.0"]) for one in found] == [
        (0.02, "inconclusive"),
        (0.05, "equivalent"),
        (0.02, "inconclusive"),
    ]
    assert found[0]["seeds"] == [0, 1, 2, 3, 4] and found[0]["headline"] == "It inconclusive."


def test_a_verdict_that_comes_back_is_written_again(tmp_path):
    for word in ("inconclusive", "helps", "helps", "inconclusive"):
        run(tmp_path, study(), word)
    words = [one["arms"]["real+synthetic@1.0"] for one in record.read(tmp_path).verdicts]
    assert words == ["inconclusive", "helps", "inconclusive"]


def test_a_damaged_log_is_named(tmp_path):
    run(tmp_path, study())
    with (tmp_path / "verdicts.jsonl").open("a") as file:
        file.write("half a li")
    with pytest.raises(UserError, match=r"verdicts\.jsonl line 2 is 'half a li': expected JSON"):
        run(tmp_path, study())
