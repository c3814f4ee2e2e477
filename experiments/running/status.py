"""How far a study is: which of its trials are finished, failed, or wait; read from its folder."""

import json
import traceback
from pathlib import Path

import pandas as pd

from experiments.design.study import Study
from experiments.design.trials import Trial
from ufgen.atomic import atomic_file, atomic_folder
from ufgen.errors import UserError

FINISHED, FAILED = "trial.json", "failed.json"


def write(folder: Path, trials: list[tuple[Trial, Path]]) -> None:
    """List all trials of a study in trials.csv, finished or not.

    Args:
        folder: The study's folder.
        trials: Each trial and its folder.
    """
    rows = [trial.columns() | {"trial": path.name} for trial, path in trials]
    with atomic_file(folder / "trials.csv") as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False)


def record(folder: Path, trial: Trial, error: Exception) -> str:
    """Write why a trial failed, with the traceback, into its folder.

    Args:
        folder: The trial's folder; it is replaced.
        trial: What was trained.
        error: What it raised.

    Returns:
        The reason, in one line of at most 300 characters.
    """
    reason = (str(error).strip().splitlines() or [""])[0][:300] or type(error).__name__
    metadata = {"trial": trial.title, "seed": trial.seed, "error": reason}
    metadata["traceback"] = "".join(traceback.format_exception(error))
    with atomic_folder(folder) as temporary:
        (temporary / FAILED).write_text(json.dumps(metadata, indent=1))
    return reason


def read(folder: Path) -> pd.DataFrame:
    """Read trials.csv and the state of each trial.

    Args:
        folder: The study's folder.

    Returns:
        The columns arm, classifier, generator, seed, repeat, fold, trial (the name of its folder)
        and state: finished, failed or waiting. All are text.

    Raises:
        UserError: The study has not been started.
    """
    file = Path(folder) / "trials.csv"
    if not file.is_file():
        raise UserError(f"{folder} holds no started study: `ufgen experiment` has not got that far")
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    return table.assign(state=[_state(Path(folder) / "trials" / name) for name in table["trial"]])


def _state(folder: Path) -> str:
    if (folder / FINISHED).is_file():
        return "finished"
    return "failed" if (folder / FAILED).is_file() else "waiting"


def describe(folder: Path) -> str:
    """Count the trials in each state, by arm and classifier, and name the errors.

    Args:
        folder: The study's folder.

    Returns:
        Lines of text.

    Raises:
        UserError: The study has not been started.
    """
    table = read(folder)
    counts = table.groupby(["arm", "classifier"], sort=False)["state"].value_counts().unstack()
    counts = counts.reindex(columns=["finished", "failed", "waiting"]).fillna(0).astype(int)
    lines = [
        f"{int((table['state'] == 'finished').sum())} of {len(table)} trials are finished",
        counts.reset_index().to_string(index=False),
    ]
    lines += [f"failed: {failure['trial']}: {failure['error']}" for failure in failures(folder)]
    return "\n".join(lines)


def failures(folder: Path) -> list[dict]:
    """Read why trials failed.

    Args:
        folder: The study's folder.

    Returns:
        What `record` wrote of each failed trial: trial, seed, error, traceback.
    """
    table = read(folder)
    failed = table[table["state"] == "failed"]["trial"]
    return [json.loads((Path(folder) / "trials" / name / FAILED).read_text()) for name in failed]


def without_failed(study: Study, folder: Path, command: str) -> tuple[Study, list[str]]:
    """Leave out the seeds of which a trial failed, in every arm: the comparison stays paired.

    Args:
        study: All of its trials have been run.
        folder: The study's folder.
        command: What the user runs to continue.

    Returns:
        The study with the other seeds, and warnings for the report.

    Raises:
        UserError: No seed is left.
    """
    failed = failures(folder)
    if not failed:
        return study, []
    lost = {failure["seed"] for failure in failed}
    complete = [seed for seed in study.seeds if seed not in lost]
    reasons = "; ".join(f"{failure['trial']}: {failure['error']}" for failure in failed[:5])
    again = f"`{command} --retry-failed` runs what failed again"
    if not complete:
        raise UserError(f"every seed has a trial that failed: {reasons}. {again}")
    seeds = ", ".join(map(str, sorted(lost)))
    warning = (
        f"{len(failed)} trials failed ({reasons}). The seeds {seeds} are "
        f"left out in every arm, so that the comparison stays paired. {again}."
    )
    return study.model_copy(update={"seeds": complete}), [warning]
