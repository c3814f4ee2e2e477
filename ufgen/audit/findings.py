"""Findings of an audit: what was found, how grave it is, and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd

SEVERITIES = ("error", "warning", "note")
VERDICTS = {
    "error": "not ready",
    "warning": "ready with warnings",
    "note": "ready",
}


@dataclass(frozen=True)
class Exhibit:
    """One row of pictures that shows a finding, such as two near-duplicates side by side.

    Attributes:
        paths: Absolute paths of the images.
        caption: What is to be seen.
        boxes: Regions to draw, for each path a list of (top, left, bottom, right) in fractions of
            the height and width, 0..1; empty where there is nothing to draw.
    """

    paths: list[str]
    caption: str
    boxes: list[list[tuple[float, float, float, float]]] = field(default_factory=list)


@dataclass(frozen=True)
class Finding:
    """One thing that an audit found.

    Attributes:
        name: Its name, by which a study accepts it, such as "near-duplicates-across-splits".
        severity: "error" (a study would mislead), "warning" (look at it), or "note".
        title: One sentence with the number, such as "12 test images are near-duplicates of
            training images".
        number: That number: a count of images, or an AUC.
        explanation: Why it matters, and how it was found, in two or three sentences.
        advice: What to do: a command of ufgen where there is one, or "".
        table: The images or values concerned, one row each; paths, where there are any, are
            absolute and in columns whose names begin with "path".
        exhibits: Pictures that show it, the clearest first.
    """

    name: str
    severity: str
    title: str
    number: float
    explanation: str
    advice: str = ""
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    exhibits: list[Exhibit] = field(default_factory=list)


def verdict(findings: Iterable[Finding], accepted: Iterable[str] = ()) -> str:
    """Say whether an image set is ready for a study.

    Args:
        findings: All findings of an audit.
        accepted: Names of findings that the study accepts: they count as notes.

    Returns:
        "ready", "ready with warnings" or "not ready".

    Example:
        >>> verdict([Finding("blurred", "warning", "3 images are blurred", 3, "")])
        'ready with warnings'
    """
    found = {finding.severity for finding in findings if finding.name not in set(accepted)}
    return VERDICTS[next((level for level in SEVERITIES if level in found), "note")]
