"""Reporting checklists: every published item once; what a study cannot know stays open."""

import pandas as pd
import pytest
from fake_study import fake_study

from experiments.reporting import report, reporting_checklist


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    folder = fake_study(tmp_path_factory.mktemp("checklist") / "s", seeds=[0])
    page = report.write(folder, "ufgen experiment s.yaml").read_text()
    return page, pd.read_csv(folder / "checklist.csv", dtype=str)


def test_every_item_is_there_once(filled):
    _, table = filled
    by_guideline = {name: rows["item"].tolist() for name, rows in table.groupby("guideline")}
    assert by_guideline["CLAIM 2024"] == [str(i) for i in range(1, 45)]
    tripod = by_guideline["TRIPOD+AI"]
    assert len(tripod) == len(set(tripod)) == 52
    numbers = sorted({int(item.rstrip("abcdefg")) for item in tripod})
    assert numbers == list(range(1, 28))


def test_what_only_the_authors_know_stays_open(filled):
    page, table = filled
    answers = table.set_index(["guideline", "item"])["answer"]
    for item in ("1", "5", "7", "8", "16", "33", "44"):
        assert answers["CLAIM 2024", item] == reporting_checklist.NOT_REPORTED
    for item in ("6b", "17", "18a", "20b"):
        assert answers["TRIPOD+AI", item] == reporting_checklist.NOT_REPORTED
    answered = (answers["CLAIM 2024"] != reporting_checklist.NOT_REPORTED).sum()
    assert f"CLAIM 2024: {answered} of 44 items" in page


def test_answers_come_from_the_study(filled):
    _, table = filled
    answers = table.set_index(["guideline", "item"])["answer"]
    assert "real+synthetic@0.5" in answers["CLAIM 2024", "6"]
    assert "64 px" in answers["CLAIM 2024", "9"]
    assert "40 images of 20 groups" in answers["CLAIM 2024", "35"]
    assert "ufgen experiment s.yaml" in answers["TRIPOD+AI", "18f"]


def test_answers_claim_no_more_than_was_done(filled):
    """One seed, one generator, groups of two images, their own test split."""
    _, table = filled
    claim = table[table["guideline"] == "CLAIM 2024"].set_index("item")["answer"]
    assert "over test groups (" in claim["29"]
    assert claim["20"].startswith("The group of an image, as given. No picture is both in train")
    assert not table["answer"].str.contains("before the run").any()
