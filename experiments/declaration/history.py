"""Logs of a study's folder that only grow: one JSON object a line, each appended atomically."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from ufgen.atomic import write_text
from ufgen.errors import UserError

CHANGES, VERDICTS = "changes.jsonl", "verdicts.jsonl"


def now() -> str:
    """The time as the logs hold it.

    Returns:
        ISO 8601, to the second, with the offset from UTC.
    """
    return datetime.now().astimezone().isoformat(timespec="seconds")


def read(file: Path) -> list[dict[str, Any]]:
    """Read a log.

    Args:
        file: The log, which may not exist yet.

    Returns:
        Its entries, oldest first.

    Raises:
        UserError: A line is not what ufgen wrote.
    """
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    entries = []
    for number, line in enumerate(lines, 1):
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError:
            raise UserError(
                f"{file} line {number} is {line[:40]!r}: expected JSON, as ufgen wrote it; restore "
                "the file from a copy, or run the study under another name"
            ) from None
    return entries


def append(file: Path, entries: list[dict[str, Any]]) -> None:
    """Append to a log; without entries nothing is written.

    Args:
        file: The log.
        entries: JSON-serialisable.
    """
    if entries:
        lines = [json.dumps(entry) for entry in [*read(file), *entries]]
        write_text(file, "\n".join(lines) + "\n")
