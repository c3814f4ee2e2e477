"""The record of a study: its declaration, the changes since, and every verdict so far."""

from pathlib import Path
from typing import Any, NamedTuple

from experiments.analysis.checks import Check
from experiments.declaration import declared, history
from experiments.declaration.declared import Declaration

RUNS = ("seeds", "generator.seeds", "repeats")
UNDECIDED = {"pilot", "not interpretable"}
CHECK = "Declared beforehand"


class Record(NamedTuple):
    """What a study's folder holds of its declaration and its verdicts.

    Attributes:
        declaration: declared.yaml.
        changes: Entries of changes.jsonl: time, field, declared, present.
        verdicts: Entries of verdicts.jsonl (see `looks.log_verdict`).
    """

    declaration: Declaration
    changes: list[dict[str, Any]]
    verdicts: list[dict[str, Any]]

    @property
    def looks(self) -> list[dict[str, Any]]:
        """The verdicts with a word of an arm that more training runs could change; no pilots."""
        return [one for one in self.verdicts if set(one["arms"].values()) - UNDECIDED]

    @property
    def trusted(self) -> bool:
        """Whether declared.yaml is as it was written, before all verdicts."""
        written = self.declaration.sha256
        return not self.declaration.edited and all(v["declared"] == written for v in self.verdicts)

    def changed_after_verdict(self) -> list[tuple[str, Any, Any]]:
        """The fields that are no longer what they were when a verdict was first seen.

        More seeds and generators after pilots alone are no change: a pilot decides nothing.

        Returns:
            Each field, its value then, and its present value.
        """
        present, changed = declared.values_after(self.declaration, self.changes), []
        for seen, runs in ((self.verdicts, False), (self.looks, True)):
            if seen:
                known = self.changes[: seen[0]["changes"]]
                before = declared.values_after(self.declaration, known)
                changed += [
                    (name, before.get(name), present.get(name))
                    for name in dict.fromkeys([*before, *present])
                    if (name in RUNS) == runs and before.get(name) != present.get(name)
                ]
        return changed

    def check(self) -> Check:
        """Check that nothing was changed once a verdict had been seen.

        Returns:
            The check; its text names what was changed, and is the same for the same record.
        """
        problems, finished = [], self.declaration.finished_trials
        if self.declaration.edited:
            problems.append(
                "declared.yaml was edited after it was written (it does not have its SHA-256): "
                "what it says is not trusted"
            )
        elif not self.trusted:
            problems.append("declared.yaml was written anew after a verdict")
        if finished:
            already = "1 trial was" if finished == 1 else f"{finished} trials were"
            problems.append(f"declared.yaml was written when {already} finished")
        problems += [
            f"{name} was {before} at the first verdict and is {present} now"
            for name, before, present in self.changed_after_verdict()
        ]
        if problems:
            text = "; ".join(problems)
            text += ". An effect that is found after such a change may be found by chance."
            return Check(CHECK, False, text[:1].upper() + text[1:])
        text = "What is compared, and how, was declared before the first training"
        if self.changes:
            return Check(CHECK, True, f"{text}; it was changed before the first verdict alone.")
        return Check(CHECK, True, f"{text}, and was not changed since.")


def read(folder: Path) -> Record:
    """Read the record of a study.

    Args:
        folder: The study's folder, with declared.yaml.

    Returns:
        The record.
    """
    return Record(
        declared.read(folder),
        history.read(folder / history.CHANGES),
        history.read(folder / history.VERDICTS),
    )
