"""Tables of a study that finished earlier, maybe with another version of ufgen."""

from pathlib import Path

import pandas as pd

from ufgen.errors import UserError

RENAMED_COLUMNS = {
    "smallest_effect": "minimum_detectable_effect",
    "standardised": "cohens_d",
    "variance_rest": "variance_residual",
}
RENAMED_FILES = {
    "companions.csv": "paired_tests.csv",
    "exchange.csv": "equivalent_real_images.csv",
}


def read_deltas(folder: Path) -> pd.DataFrame:
    """Read the deltas of a finished study.

    Args:
        folder: The study's folder.

    Returns:
        Its deltas.csv (see `analysis.results.deltas_table`).

    Raises:
        UserError: If an older version wrote the folder, under other names of columns or files.
    """
    deltas = pd.read_csv(Path(folder) / "deltas.csv")
    old = {name: new for name, new in RENAMED_COLUMNS.items() if name in deltas}
    for name, new in RENAMED_FILES.items():
        if (Path(folder) / name).is_file() and not (Path(folder) / new).is_file():
            old[name] = new
    if "folds" not in deltas:
        old["deltas.csv"] = "deltas.csv with the column folds"
    if old:
        names = ", ".join(f"{name} is now {new}" for name, new in old.items())
        raise UserError(
            f"{folder} was written by an older ufgen, whose columns and files had other names "
            f"({names}): run the study again, which rewrites its tables, and trains nothing anew "
            "where the versions agree"
        )
    return deltas


def read_pilot(folder: Path, metric: str) -> pd.DataFrame | None:
    """Read the rows of a finished study that a power analysis rests on.

    Args:
        folder: The study's folder.
        metric: Its primary metric.

    Returns:
        Its headline, or where it has none, its arms in the primary metric, mean of the classifiers;
        None where it has not been run.

    Raises:
        UserError: An older version wrote the folder.
    """
    if not (Path(folder) / "deltas.csv").is_file():
        return None
    deltas, headline = read_deltas(folder), Path(folder) / "headline.csv"
    if headline.is_file() and headline.read_text().strip():
        return pd.read_csv(headline)
    return deltas[(deltas["classifier"] == "all") & (deltas["metric"] == metric)]
