"""The items of CLAIM 2024 and TRIPOD+AI that a study can fill in; the others stay open."""

from pathlib import Path

import pandas as pd
import yaml
from jinja2 import Environment

NOT_REPORTED = "not reported"
FILE = Path(__file__).parents[1] / "templates" / "checklist.yaml"


def fill_in(templates: Environment, report_data: dict) -> pd.DataFrame:
    """Answer the items of both checklists from what a report shows.

    Args:
        templates: Has the filters of the report.
        report_data: The variables of the report's templates.

    Returns:
        One row per item: guideline, item (its number), topic, and answer, which is `NOT_REPORTED`
        where only the authors know it.
    """
    arms = report_data["study"]["arms"]
    controls = [arm for arm in arms if "duplicated" in arm or "shuffled" in arm]
    rows = []
    for guideline, items in yaml.safe_load(FILE.read_text(encoding="utf-8")).items():
        for number, item in items.items():
            template = templates.from_string(item.get("answer", ""))
            answer = " ".join(template.render(report_data, controls=controls).split())
            if answer in ("", "None"):
                answer = NOT_REPORTED
            metadata = {"guideline": guideline, "item": str(number), "topic": item["topic"]}
            rows.append(metadata | {"answer": answer})
    return pd.DataFrame(rows)
