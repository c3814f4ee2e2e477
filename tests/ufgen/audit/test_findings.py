import json

import pandas as pd
import pytest

from ufgen.audit import findings_file
from ufgen.audit.findings import Exhibit, Finding, verdict


def finding(name="x", severity="error", **more):
    return Finding(name, severity, f"2 images are {name}", 2, "Why.", **more)


@pytest.mark.parametrize(
    ("severities", "accepted", "word"),
    [
        ([], [], "ready"),
        (["note"], [], "ready"),
        (["note", "warning"], [], "ready with warnings"),
        (["warning", "error", "note"], [], "not ready"),
        (["warning", "error"], ["error"], "ready with warnings"),
        (["warning", "error"], ["error", "warning"], "ready"),
    ],
)
def test_the_gravest_finding_that_is_not_accepted_decides(severities, accepted, word):
    assert verdict([finding(s, s) for s in severities], accepted) == word


def test_a_finding_survives_json():
    shown = Exhibit(["/a.png", "/b.png"], "two", [[(0.0, 0.1, 0.5, 1.0)], []])
    table = pd.DataFrame({"path": ["/a.png"], "similarity": [0.123456789], "n": [3]})
    before = finding(advice="do", table=table, exhibits=[shown])
    after = findings_file.from_json(json.loads(json.dumps(findings_file.to_json(before))))
    assert after.table.equals(table) and after.exhibits == [shown]
    assert (after.name, after.severity, after.number, after.advice) == ("x", "error", 2, "do")
