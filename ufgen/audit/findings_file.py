"""Findings as JSON, and back."""

import json
from dataclasses import asdict

import pandas as pd

from ufgen.audit.findings import Exhibit, Finding


def to_json(finding: Finding) -> dict:
    """Convert a finding to what JSON can hold.

    Args:
        finding: The finding.

    Returns:
        Its attributes; the table as `table_to_json` gives it.
    """
    content = asdict(finding) | {"number": float(finding.number)}
    return content | {"table": table_to_json(finding.table)}


def from_json(content: dict) -> Finding:
    """Read a finding back.

    Args:
        content: What `to_json` returned.

    Returns:
        The finding.
    """
    exhibits = [
        Exhibit(
            shown["paths"],
            shown["caption"],
            [[tuple(box) for box in boxes] for boxes in shown["boxes"]],
        )
        for shown in content["exhibits"]
    ]
    table = table_from_json(content["table"])
    return Finding(**content | {"table": table, "exhibits": exhibits})


def table_to_json(table: pd.DataFrame) -> dict:
    """Convert a table to what JSON can hold.

    Args:
        table: Columns of numbers, texts or booleans; its index is dropped.

    Returns:
        `columns` and `data`, row by row; an undefined number is None.
    """
    text = table.reset_index(drop=True).to_json(orient="split", index=False, double_precision=10)
    content = json.loads(text)
    return {"columns": content["columns"], "data": content["data"]}


def table_from_json(content: dict) -> pd.DataFrame:
    """Read a table back.

    Args:
        content: What `table_to_json` returned.

    Returns:
        The table.
    """
    return pd.DataFrame(content["data"], columns=content["columns"])
