"""Arms: which images a trial trains on."""

import re
from dataclasses import dataclass

import numpy as np

from classifiers.augmentation import check_policy
from ufgen.errors import UserError
from ufgen.imageset import ImageSet, concatenate

HOW = (
    "expected parts joined by +: real or synthetic first, then duplicated@RATIO, "
    "synthetic@RATIO, classical or classical:POLICY (such as real+classical+synthetic@0.5)"
)


@dataclass(frozen=True)
class Arm:
    """One training diet.

    `duplicated` and `synthetic` count extra images per real training image of the same class;
    `augmentation` is a classical policy applied to every training image on its way in.
    """

    name: str
    real: bool
    duplicated: float = 0.0
    synthetic: float = 0.0
    augmentation: str = "none"


def parse(name: str) -> Arm:
    """Read an arm's name, such as `real+synthetic@0.5`. Raises UserError."""
    first, *rest = name.split("+")
    values: dict = {"real": first == "real"}
    if first.startswith("synthetic"):
        values["synthetic"] = _ratio(name, first) if "@" in first else 1.0
    elif first != "real":
        raise UserError(f"arm {name!r} begins with {first!r}: {HOW}")
    for part in rest:
        kind, _, policy = part.partition(":")
        if kind == "classical":
            values["augmentation"] = policy or "light"
            check_policy(values["augmentation"])
        elif kind.split("@")[0] in ("duplicated", "synthetic") and values["real"]:
            values[kind.split("@")[0]] = _ratio(name, part)
        else:
            raise UserError(f"arm {name!r} has the part {part!r}: {HOW}")
    return Arm(name, **values)


def _ratio(name: str, part: str) -> float:
    match = re.fullmatch(r"\w+@(\d+(?:\.\d+)?)", part)
    if not match or float(match.group(1)) == 0:
        raise UserError(
            f"arm {name!r} has the part {part!r}: expected a ratio above 0, such as "
            f"{part.split('@')[0]}@1.0"
        )
    return float(match.group(1))


def synthetic_counts(fit: ImageSet, arms: list[Arm]) -> dict[str, int]:
    """How many synthetic images of each class the arms need at most."""
    highest = max((arm.synthetic for arm in arms), default=0.0)
    counts = fit.table["label"].value_counts()
    return {label: _extra(counts[label], highest) for label in fit.classes if highest > 0}


def mix(fit: ImageSet, synthetic: ImageSet | None, arm: Arm, seed: int) -> ImageSet:
    """The training images of one arm.

    `fit` are the real training images and `synthetic` the drawn ones, in the order of their draw:
    a smaller ratio is contained in a larger. Each class keeps its share. Duplicates are whole
    copies first, then a seeded choice. The rows come back in an order that depends on the images
    only (hash, then source), not on the order of the input.
    """
    fit = fit.select(np.argsort(fit.table["sha256"].to_numpy(), kind="stable"))
    parts = [fit] if arm.real else []
    for index, label in enumerate(fit.classes):
        rows = np.flatnonzero(fit.table["label"] == label)
        if arm.duplicated:
            wanted = _extra(len(rows), arm.duplicated)
            rng = np.random.default_rng([seed, index])
            whole, part = divmod(wanted, len(rows))
            chosen = np.concatenate([np.tile(rows, whole), rng.permutation(rows)[:part]])
            parts.append(fit.select(chosen.astype(int)))
        if arm.synthetic:
            drawn = synthetic.select((synthetic.table["label"] == label).to_numpy())
            wanted = _extra(len(rows), arm.synthetic)
            if len(drawn) < wanted:
                raise UserError(
                    f"arm {arm.name} needs {wanted} synthetic images of {label}; "
                    f"{len(drawn)} were drawn"
                )
            parts.append(drawn.select(np.arange(wanted)))
    mixed = concatenate(parts)
    order = mixed.table.sort_values(["sha256", "source"], kind="stable").index.to_numpy()
    return mixed.select(order)


def _extra(real: int, ratio: float) -> int:
    return max(1, int(real * ratio + 0.5))
