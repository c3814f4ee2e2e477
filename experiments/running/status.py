"""How far a study is: which of its trials are finished, failed, or wait; read from its folder."""

import json
import traceback
from pathlib import Path

import pandas as pd

from experiments.design.study import Study, Trial
from ufgen.atomic import atomic_file, atomic_folder
from ufgen.errors import UserError

FAILED = "failed.json"


def write(folder: Path, trials: list[tuple[Trial, Path]]) -> None:
    """List all trials of the study, with their folders, in trials.csv, finished or not."""
    rows = [
        {
            "arm": trial.arm.name,
            "classifier": trial.classifier.name,
            "generator": "" if trial.generator is None else trial.generator,
            "seed": trial.seed,
            "fold": "" if trial.fold is None else trial.fold,
            "trial": place.name,
        }
        for trial, place in trials
    ]
    with atomic_file(folder / "trials.csv") as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False)


def record(place: Path, trial: Trial, error: Exception) -> str:
    """Write down why a trial failed, in its folder; returns the reason in one line."""
    reason = (str(error).strip().splitlines() or [""])[0][:300] or type(error).__name__
    metadata = {"trial": trial.title, "seed": trial.seed, "error": reason}
    metadata["traceback"] = "".join(traceback.format_exception(error))
    with atomic_folder(place) as temporary:
        (temporary / FAILED).write_text(json.dumps(metadata, indent=1))
    return reason


def read(folder: Path) -> pd.DataFrame:
    """trials.csv with a column state: finished, failed or waiting. Raises UserError."""
    file = Path(folder) / "trials.csv"
    if not file.is_file():
        raise UserError(f"{folder} holds no started study: `ufgen experiment` has not got that far")
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    places = [Path(folder) / "trials" / name for name in table["trial"]]
    return table.assign(state=[_state(place) for place in places])


def _state(place: Path) -> str:
    if (place / "trial.json").is_file():
        return "finished"
    return "failed" if (place / FAILED).is_file() else "waiting"


def describe(folder: Path) -> str:
    """The number of trials in each state, by arm and classifier, and the errors: text."""
    table = read(folder)
    counts = table.groupby(["arm", "classifier"], sort=False)["state"].value_counts().unstack()
    counts = counts.reindex(columns=["finished", "failed", "waiting"]).fillna(0).astype(int)
    lines = [
        f"{int((table['state'] == 'finished').sum())} of {len(table)} trials are finished",
        counts.reset_index().to_string(index=False),
    ]
    return "\n".join([*lines, *(f"failed: {a['trial']}: {a['error']}" for a in failures(folder))])


def failures(folder: Path) -> list[dict]:
    """What `record` wrote of each failed trial."""
    table = read(folder)
    failed = table[table["state"] == "failed"]["trial"]
    return [json.loads((Path(folder) / "trials" / name / FAILED).read_text()) for name in failed]


def without_failed(study: Study, folder: Path, command: str) -> tuple[Study, list[str]]:
    """The study without the seeds of which a trial failed, in any arm, and what to say of it.

    Raises UserError if no seed is left.
    """
    failed = failures(folder)
    if not failed:
        return study, []
    lost = {metadata["seed"] for metadata in failed}
    kept = [seed for seed in study.seeds if seed not in lost]
    what = "; ".join(f"{metadata['trial']}: {metadata['error']}" for metadata in failed[:5])
    again = f"`{command} --retry-failed` runs what failed again"
    if not kept:
        raise UserError(f"every seed has a trial that failed: {what}. {again}")
    warning = (
        f"{len(failed)} trials failed ({what}). The seeds {', '.join(map(str, sorted(lost)))} are "
        f"left out in every arm, so that the comparison stays paired. {again}."
    )
    return study.model_copy(update={"seeds": kept}), [warning]
