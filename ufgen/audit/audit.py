"""The audit: every check of an image set, its findings, and a cache of them."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from ufgen import provenance
from ufgen.atomic import write_text
from ufgen.audit import findings_file, leakage, measurements
from ufgen.audit.duplicates import near_duplicates
from ufgen.audit.findings import SEVERITIES, Finding, verdict
from ufgen.audit.measurements import Measurements
from ufgen.audit.quality import burned_in_text, composition, image_quality, label_noise, left_out
from ufgen.audit.shortcuts import shortcut_findings
from ufgen.images.image_set import ImageSet
from ufgen.images.pixel_store import cache_folder
from ufgen.progress import Progress


@dataclass(frozen=True)
class Audit:
    """What was found in an image set.

    Attributes:
        images: How many images could be read.
        findings: What was found, the gravest first.
        looked_for: The title of each check that ran, and the names of its findings.
        shortcuts: The table of `shortcut_findings.table`: how well each probe predicts the label.
    """

    images: int
    findings: list[Finding]
    looked_for: dict[str, list[str]]
    shortcuts: pd.DataFrame

    def verdict(self, accepted: Iterable[str] = ()) -> str:
        """Say whether the images are ready for a study (see `findings.verdict`).

        Args:
            accepted: Names of findings that a study accepts.

        Returns:
            "ready", "ready with warnings" or "not ready".
        """
        return verdict(self.findings, accepted)

    def errors(self, accepted: Iterable[str] = ()) -> list[Finding]:
        """List the errors.

        Args:
            accepted: Names of findings that a study accepts.

        Returns:
            The findings for which the images are not ready.
        """
        return [f for f in self.findings if f.severity == "error" and f.name not in set(accepted)]


def run(images: ImageSet) -> Audit:
    """Check an image set, or read the result from the cache.

    The cache is keyed by the files (path, size, time of change), by their labels, splits and
    groups, and by the code that checks them.

    Args:
        images: The images, as `image_set.scan` returns them.

    Returns:
        The audit.

    Raises:
        UserError: Where no image can be read.
    """
    file = cache_folder() / "audit" / f"findings-{_key(images)}.json"
    if file.is_file():
        return _from_json(json.loads(file.read_text(encoding="utf-8")))
    audit = _run(images)
    write_text(file, json.dumps(to_json(audit)))
    return audit


def _run(images: ImageSet) -> Audit:
    measured = measurements.measure(images)
    probes = shortcut_findings.table(measured)
    looked_for: dict[str, list[str]] = {}
    found: list[Finding] = []
    checks = _checks(measured, probes)
    with Progress(checks.items(), desc="checking images", leave=False) as bar:
        for title, check in bar:
            results = check()
            looked_for[title] = [finding.name for finding in results]
            found += results
    found.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return Audit(len(measured.images), found, looked_for, probes)


def _checks(measured: Measurements, probes: pd.DataFrame) -> dict[str, Callable[[], list[Finding]]]:
    """The checks by what they look for, in the order of the page."""
    return {
        "Groups and names across the split": lambda: leakage.findings(measured.images),
        "Exact and near duplicates": lambda: near_duplicates.findings(measured),
        "Shortcuts to the label": lambda: shortcut_findings.findings(measured, probes),
        "Text burned into images": lambda: burned_in_text.findings(measured),
        "Files that were left out": lambda: left_out.findings(measured.images),
        "Quality of the images": lambda: image_quality.findings(measured),
        "Labels": lambda: label_noise.findings(measured),
        "Classes, splits and groups": lambda: composition.findings(measured),
    }


def _key(images: ImageSet) -> str:
    code = provenance.versions("measuring", "ufgen.audit.audit")
    table = images.table.drop(columns="sha256").to_csv(index=False)
    left_out = images.left_out.to_csv(index=False)
    chunks = measurements.keys(images)
    parts = json.dumps([code, table, left_out, images.positive, chunks])
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def to_json(audit: Audit) -> dict:
    """Convert an audit to what JSON can hold.

    Args:
        audit: The audit.

    Returns:
        The content of `check.json`.
    """
    return {
        "verdict": audit.verdict(),
        "images": audit.images,
        "findings": [findings_file.to_json(finding) for finding in audit.findings],
        "looked_for": audit.looked_for,
        "shortcuts": findings_file.table_to_json(audit.shortcuts),
    }


def _from_json(content: dict) -> Audit:
    return Audit(
        content["images"],
        [findings_file.from_json(finding) for finding in content["findings"]],
        content["looked_for"],
        findings_file.table_from_json(content["shortcuts"]),
    )


def advise(audit: Audit, location: str, out: Path) -> Audit:
    """Put the folder and the lists of images into the commands of the advice.

    Args:
        audit: Its advice names FOLDER and LIST.
        location: Where the images are.
        out: The folder of the page, which holds the table of each finding as NAME.csv.

    Returns:
        The audit with commands that can be pasted.
    """
    findings = [
        replace(
            finding,
            advice=finding.advice.replace("FOLDER", location).replace(
                "LIST", str(out / f"{finding.name}.csv")
            ),
        )
        for finding in audit.findings
    ]
    return replace(audit, findings=findings)
