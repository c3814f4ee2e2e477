"""Checks of a study's images and trials: what was left out, and what may leak."""

import json
from pathlib import Path

import pandas as pd

from experiments.analysis.checks import Check
from ufgen.images.image_set import ImageSet


def check_images(images: ImageSet, quarantine: pd.DataFrame) -> list[Check]:
    """Check that all files were read, that groups are given, and that labels do not conflict.

    Args:
        images: All images of the study, with their hashes.
        quarantine: One row for each file that could not be read.

    Returns:
        Three checks.
    """
    table, unreadable = images.table, len(quarantine)
    ungrouped = table["group"].str.startswith("path:")
    conflicting = int((table.groupby("sha256")["label"].nunique() > 1).sum())
    groups = "Every image has a group; no group is on both sides of a split."
    if ungrouped.all():
        groups = (
            "No groups were given: every image counts as its own patient. If patients have several "
            "images, the split may leak and the intervals are too narrow."
        )
    elif ungrouped.any():
        groups = f"{int(ungrouped.sum())} images have no group and count as patients of their own."
    return [
        Check(
            "Every file could be read",
            not unreadable,
            f"{unreadable} files could not be read and were left out; {len(table)} images were "
            "read.",
        ),
        Check("Groups are given", not ungrouped.any(), groups),
        Check(
            "No picture has two labels",
            not conflicting,
            f"{conflicting} images appear under more than one label.",
        ),
    ]


def check_trials(failed: list[str]) -> list[Check]:
    """Check that every trial finished.

    Args:
        failed: Sentences that name the trials that failed, and the consequences.

    Returns:
        One check.
    """
    text = " ".join(failed) or "All trials of the study are in the tables."
    return [Check("Every trial finished", not failed, text)]


def check_audit(folder: Path) -> list[Check]:
    """Say what the image check found before the study (`ufgen data check`).

    Args:
        folder: The study's folder, with check/check.json where the images were checked.

    Returns:
        One check, or none where the images were not checked.
    """
    file = folder / "check" / "check.json"
    if not file.is_file():
        return []
    content = json.loads(file.read_text(encoding="utf-8"))
    accepted = [f for f in content["findings"] if f["name"] in content["accepted"]]
    grave = [f["title"] for f in accepted if f["severity"] == "error"]
    warnings = [
        f["title"]
        for f in content["findings"]
        if f["severity"] == "warning" and f["name"] not in content["accepted"]
    ]
    if grave:
        text = f"The study accepted {len(grave)} errors of the image check: {'; '.join(grave)}."
        text = text.replace(" 1 errors", " 1 error")
    elif warnings:
        text = f"The image check found no error, and warned: {'; '.join(warnings)}."
    else:
        text = "The image check found no error and no warning."
    return [Check("The images are ready", not grave, f"{text} See check/check.html.")]
