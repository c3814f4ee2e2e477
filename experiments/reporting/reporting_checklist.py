"""The items of CLAIM 2024 and TRIPOD+AI that a study can fill in; the others stay open."""

from pathlib import Path

import pandas as pd
import yaml
from jinja2 import Environment

UNKNOWN = "not reported"
FILE = Path(__file__).parents[1] / "templates" / "checklist.yaml"


def fill_in(templates: Environment, facts: dict) -> pd.DataFrame:
    """One row per item: guideline, item, topic, answer (`UNKNOWN` where only the authors know).

    `facts` are those of the report; `templates` has its filters.
    """
    arms = [arm for arm in facts["study"]["arms"] if "duplicated" in arm or "shuffled" in arm]
    rows = []
    for guideline, items in yaml.safe_load(FILE.read_text(encoding="utf-8")).items():
        for number, item in items.items():
            text = templates.from_string(item.get("answer", "")).render(facts, controls=arms)
            answer = " ".join(text.split())
            known = answer not in ("", "None")
            metadata = {"guideline": guideline, "item": str(number), "topic": item["topic"]}
            rows.append(metadata | {"answer": answer if known else UNKNOWN})
    return pd.DataFrame(rows)
