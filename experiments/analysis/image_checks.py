"""Checks of a study's own images and trials: what was left out, and what may leak."""

import pandas as pd

from experiments.analysis.checks import Check
from ufgen.images.image_set import ImageSet


def check_images(images: ImageSet, quarantine: pd.DataFrame) -> list[Check]:
    """That every file could be read, that groups were given, and that no picture has two labels."""
    table, lost = images.table, len(quarantine)
    nameless = table["group"].str.startswith("path:")
    conflicting = int((table.groupby("sha256")["label"].nunique() > 1).sum())
    groups = "Every image has a group; no group is on both sides of a split."
    if nameless.all():
        groups = (
            "No groups were given: every image counts as its own patient. If patients have several "
            "images, the split may leak and the intervals are too narrow."
        )
    elif nameless.any():
        groups = f"{int(nameless.sum())} images have no group and count as patients of their own."
    return [
        Check(
            "Every file could be read",
            not lost,
            f"{lost} files could not be read and were left out; {len(table)} images were read.",
        ),
        Check("Groups are given", not nameless.any(), groups),
        Check(
            "No picture has two labels",
            not conflicting,
            f"{conflicting} pictures appear under more than one label.",
        ),
    ]


def check_trials(failed: list[str]) -> list[Check]:
    """That every trial finished; `failed` says which did not, and what follows."""
    text = " ".join(failed) or "All trials of the study are in the tables."
    return [Check("Every trial finished", not failed, text)]
