"""Which looks at a growing study there are, and the level that each is tested at."""

from pathlib import Path
from typing import NamedTuple

from classifiers.evaluation import metrics
from experiments.declaration import history
from experiments.declaration.record import RUNS, Record
from experiments.design.study import Study
from experiments.statistics import spending


class Look(NamedTuple):
    """One analysis of a study that has grown, or may.

    Attributes:
        number: From 1 on.
        planned: Number of declared looks; None where this one was not declared.
        seeds: Number of seeds that are analysed.
        level: Error rate that it is tested at.
        spent: Error rate of this look and all before it, over all metrics that had a chance.
    """

    number: int
    planned: int | None
    seeds: int
    level: float
    spent: float

    @property
    def confidence(self) -> float:
        """Confidence level of the look's intervals."""
        return 1 - self.level

    def describe(self, alpha: float) -> str:
        """Describe the look.

        Args:
            alpha: Error rate of the study.

        Returns:
            A sentence.

        Example:
            >>> Look(2, 3, 10, 0.0055, 0.0056).describe(0.05)
            'Look 2 of 3, at 10 seeds: tested at 0.0055; 0.0056 of 0.05 is spent by now.'
        """
        which = f"Look {self.number} of {self.planned}"
        if self.planned is None:
            which = f"Look {self.number}, which was not declared"
        spent = f"{self.spent:.3g} of {alpha:.3g} is spent by now"
        if self.spent > alpha * (1 + 1e-9):
            spent = f"{self.spent:.3g} is spent by now, more than {alpha:.3g}"
        return f"{which}, at {self.seeds} seeds: tested at {self.level:.3g}; {spent}."


def plan(study: Study, record: Record) -> list[Look]:
    """The looks of a run of a study.

    Declared looks, or the single one at all seeds, share the study's error rate. Where the primary
    metric, seeds, generators, repeats or looks were changed after a verdict had been seen, or the
    declaration is not trusted, there is one look, at a level that falls with the number of
    different metrics and sets of training runs that had a verdict. That of a metric which was not
    that of the first verdict is divided by the number of such metrics: the page shows them all, so
    that the best of them may have been chosen.

    Args:
        study: As its file says it.
        record: Its declaration, and the verdicts so far.

    Returns:
        The looks, in their order; the last is at all seeds.
    """
    alpha = 1 - study.confidence
    changed = {name for name, _, _ in record.changed_after_verdict()}
    if record.trusted and not changed & {*RUNS, "looks", "primary_metric"}:
        sizes = study.looks or [len(study.seeds)]
        levels = spending.increments(alpha, sizes)
        cumulative = [sum(levels[: number + 1]) for number in range(len(levels))]
        return [
            Look(number, len(sizes), size, level, spent)
            for number, (size, level, spent) in enumerate(
                zip(sizes, levels, cumulative, strict=True), 1
            )
        ]
    generators = tuple(study.generator.seeds)
    present = study.primary_metric, tuple(study.seeds), generators, study.repeats
    seen: dict[tuple, float] = {}
    for one in record.looks:
        runs = tuple(one["seeds"]), tuple(one["generators"]), one["repeats"]
        seen.setdefault((one["primary_metric"], *runs), one["level"])
    first = record.verdicts[0]["primary_metric"] if record.verdicts else study.primary_metric
    new = spending.undeclared_level(alpha, len(seen) + 1)
    seen.setdefault(present, new / _choices(study.primary_metric, first))
    number = list(seen).index(present) + 1
    spent = sum(level * _choices(metric, first) for (metric, *_), level in seen.items())
    return [Look(number, None, len(study.seeds), seen[present], spent)]


def log_verdict(
    folder: Path, study: Study, look: Look, record: Record, headline: str, arms: dict[str, str]
) -> None:
    """Append a verdict to verdicts.jsonl, unless a run that changed nothing repeats it.

    Args:
        folder: The study's folder.
        study: As its file says it.
        look: The look that the verdict is of.
        record: The study's declaration, changes and verdicts before this one.
        headline: The verdict in words.
        arms: The verdict of each arm.
    """
    entry = {
        "look": look.number,
        "looks": look.planned,
        "level": look.level,
        "seeds": study.seeds[: look.seeds],
        "generators": study.generator.seeds,
        "repeats": study.repeats,
        "primary_metric": study.primary_metric,
        "margin": study.margin,
        "headline": headline,
        "arms": arms,
        "declared": record.declaration.sha256,
        "changes": len(record.changes),
    }
    logged = [{name: old[name] for name in entry} for old in record.verdicts]
    interim = look.seeds < len(study.seeds)
    if entry not in (logged if interim else logged[-1:]):
        history.append(folder / history.VERDICTS, [{"time": history.now()} | entry])


def _choices(metric: str, first: str) -> int:
    """The number of metrics of which one was chosen, given that of the first verdict."""
    return 1 if metric == first else len(metrics.NAMES) - 1
