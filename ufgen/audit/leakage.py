"""Leakage by groups: patients or studies on both sides of a split, named or only in file names."""

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd

from ufgen.audit.findings import Exhibit, Finding
from ufgen.audit.name_patterns import Proposal, groups_of, propose, stem
from ufgen.images.image_set import UNNAMED, ImageSet

SHOWN = 6
LAST_NUMBER = re.compile(r"(\d+)(?!.*\d)")
SEPARATED, HALF, SURE = 0.8, 0.5, 0.001
"""Neighbours are separated as by chance: at least 0.8 of what chance gives, surely above half."""
SAME_PATIENT = (
    "Images of one patient or study are alike: a classifier that has seen one of them recognises "
    "the others, and its test results are too good."
)


def findings(images: ImageSet) -> list[Finding]:
    """Find groups on both sides of the split, or none where there should be some.

    Synthetic images are left out: they are of no patient.

    Args:
        images: The images, split or not.

    Returns:
        What was found: "group-across-splits", or where no groups are given
        "proposed-group-across-splits", "groups-not-given", "groups-unknown" and
        "adjacent-numbers-across-splits".
    """
    table = images.table[images.table["source"] != "synthetic"].reset_index(drop=True)
    if table.empty:
        return []
    named = ~table["group"].str.startswith(UNNAMED) & (table["group"] != "")
    if named.any():
        across = _across(table.assign(group=table["group"].where(named, "")))
        return [_group_across_splits(across)] if len(across) else []
    names = [Path(path).name for path in table["path"]]
    proposal = propose(names)
    if proposal:
        proposed = table.assign(group=groups_of(names, proposal.pattern))
        if not _counts_each_class(proposed):
            return [_of_proposal(proposal, proposed)]
    return [_groups_unknown(table), *_adjacent_numbers(table, names)]


def _across(table: pd.DataFrame) -> pd.DataFrame:
    """The images of the groups that are in several splits."""
    split = table[(table["split"] != "") & (table["group"] != "")]
    splits = split.groupby("group")["split"].transform("nunique")
    return split[splits > 1].sort_values(["group", "split", "path"])


def _test_images(across: pd.DataFrame) -> int:
    return int((across["split"] != "train").sum())


def _group_across_splits(across: pd.DataFrame) -> Finding:
    groups = across["group"].unique()
    return Finding(
        "group-across-splits",
        "error",
        f"{_are(_test_images(across), 'test image')} of a group that also has training images "
        f"({len(groups)} such groups, the first is {groups[0]})",
        _test_images(across),
        SAME_PATIENT + " The groups are those that the manifest or --group-pattern gives.",
        "Make a split that keeps groups together: `ufgen data split FOLDER --out split.csv`",
        across[["path", "label", "split", "group"]],
        _exhibits(across),
    )


def _of_proposal(proposal: Proposal, proposed: pd.DataFrame) -> Finding:
    """What file names say of groups where none are given."""
    across = _across(proposed)
    command = f"ufgen data split FOLDER --group-pattern {shlex.quote(proposal.pattern)}"
    allowed = ""
    if proposal.unmatched:
        command += " --allow-ungrouped"
        allowed = (
            f"; the pattern misses {_count(proposal.unmatched, 'image')}, which would be groups of "
            "their own: see whether each is a patient of its own"
        )
    what = "study counter" if proposal.pattern.startswith(r"^1\.2\.") else "case number"
    group, members = proposal.examples[0]
    explanation = (
        f"{SAME_PATIENT} No groups are given, but file names show {proposal.groups} of them, the "
        f"largest of {proposal.largest} images; such as {group}: {', '.join(members)}. "
    )
    if len(across) == 0:
        return Finding(
            "groups-not-given",
            "warning",
            f"{proposal.matched} of {len(proposed)} file names share a {what} with others, and no "
            "groups are given",
            proposal.matched,
            explanation + "Folds and validation images would separate them.",
            f"If these are patients or studies: `{command} --out split.csv`{allowed}",
            proposed[["path", "label", "split", "group"]],
            _exhibits(proposed[proposed["group"] == group]),
        )
    count, total = _test_images(across), int((~proposed["split"].isin(["", "train"])).sum())
    return Finding(
        "proposed-group-across-splits",
        "error",
        f"{count} of {total} test images share a {what} with training images",
        count,
        explanation + f"{across['group'].nunique()} of them are in several splits.",
        f"If these are patients or studies: `{command} --out split.csv`{allowed}",
        across[["path", "label", "split", "group"]],
        _exhibits(across),
    )


def _counts_each_class(proposed: pd.DataFrame) -> bool:
    """Whether no proposed group has two images of one class and split: each class is counted."""
    grouped = proposed[proposed["group"] != ""]
    together = grouped.groupby(["group", "label", "split"]).size()
    return grouped["label"].nunique() > 1 and bool((together == 1).all())


def _groups_unknown(table: pd.DataFrame) -> Finding:
    return Finding(
        "groups-unknown",
        "note",
        f"It is not known which of the {len(table)} images are of one patient",
        len(table),
        "No groups are given, and file names show none: each image counts as a patient of its own. "
        "If some patients have several images, results are too good and intervals too narrow.",
        "Add a column `group` to a manifest if patients are known",
    )


def _adjacent_numbers(table: pd.DataFrame, names: list[str]) -> list[Finding]:
    """Whether the split separates neighbours as often as chance would.

    Images of a patient usually have consecutive numbers. A split by patients leaves most of them
    on one side: with blocks of m images, it separates 1 / m as many neighbours as chance does.
    """
    from scipy.stats import binom

    pairs = _neighbours(table, names)
    if pairs.empty:
        return []
    separated = pairs[pairs["split"] != pairs["next_split"]]
    chance = pairs["chance"].sum()
    by_half = binom.sf(len(separated) - 1, len(pairs), HALF * chance / len(pairs))
    if len(separated) < SEPARATED * chance or by_half > SURE:
        return []
    both = np.concatenate([separated["path"], separated["next_path"]])
    affected = table[table["path"].isin(both) & (table["split"] != "train")]
    total = int((~table["split"].isin(["", "train"])).sum())
    first = separated.sort_values(["path"]).head(SHOWN)
    return [
        Finding(
            "adjacent-numbers-across-splits",
            "warning",
            f"{len(affected)} of {total} test images have the number next to that of a training "
            "image",
            len(affected),
            "Scanners and clinics number images one after another, so that neighbours are often of "
            f"one patient. The split separates {len(separated)} of {len(pairs)} neighbours of one "
            f"class, where a split at random would separate {chance:.0f} and one by patients far "
            "fewer: it was made image by image. Where each image is of another patient, this is no "
            "fault.",
            "Find out which images are of one patient, name them in the manifest's column `group`, "
            "and split anew with `ufgen data split`",
            separated[["path", "next_path", "label", "split", "next_split"]].rename(
                columns={"next_path": "path_next"}
            ),
            [
                Exhibit([row["path"], row["next_path"]], f"{row['split']} and {row['next_split']}")
                for _, row in first.iterrows()
            ],
        )
    ]


def _neighbours(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Pairs of images of one class with consecutive numbers in otherwise equal names.

    `chance` is the probability that a split at random, of the same size in each class and series,
    separates them.
    """
    numbers = [LAST_NUMBER.search(stem(name)) for name in names]
    numbered = table.assign(
        number=[int(found[1]) if found else -1 for found in numbers],
        series=[LAST_NUMBER.sub("#", stem(name)) for name in names],
    )
    numbered = numbered[(numbered["number"] >= 0) & (numbered["split"] != "")]
    series = ["series", "label"]
    numbered = numbered.sort_values([*series, "number"])
    in_series = numbered.groupby(series)
    for column in ("number", "split", "path"):
        numbered[f"next_{column}"] = in_series[column].shift(-1)
    count = in_series["split"].transform("size")
    train = (numbered["split"] == "train").groupby([numbered[c] for c in series]).transform("sum")
    chance = 2 * train * (count - train) / (count * (count - 1)).clip(lower=1)
    return numbered.assign(chance=chance)[numbered["next_number"] == numbered["number"] + 1]


def _exhibits(rows: pd.DataFrame) -> list[Exhibit]:
    """A few groups, with at most two images of each split."""
    shown = []
    for group, members in list(rows[rows["group"] != ""].groupby("group", sort=False))[:SHOWN]:
        few = members.groupby("split").head(2)
        where = ", ".join(split or "not split" for split in few["split"])
        shown.append(Exhibit(few["path"].tolist(), f"{group}: {where}"))
    return shown


def _count(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _are(count: int, what: str) -> str:
    return f"{_count(count, what)} {'is' if count == 1 else 'are'}"
