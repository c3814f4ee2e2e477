"""Checks of a study's images and trials: what was left out, and what may leak."""

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
