"""Arms: which images a trial trains on."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from classifiers.training.augmentation import check_policy
from ufgen.errors import UserError
from ufgen.images.image_set import ImageSet, concatenate

ARM_SYNTAX = (
    "expected parts joined by +, each kind once: real or synthetic first, then duplicated@RATIO, "
    "oracle@RATIO, synthetic@RATIO, synthetic@RATIO:filtered or shuffled@RATIO, classical or "
    "classical:POLICY (such as real+classical+synthetic@0.5), or pretrain:synthetic@RATIO>real"
)


@dataclass(frozen=True)
class Arm:
    """The composition of one training set.

    `duplicated`, `oracle` and `synthetic` count extra images per real training image of the same
    class: copies of these, real ones that no other arm sees, and drawn ones. Of the drawn ones
    `filtered` takes those that passed the study's filters, and `shuffled` permutes their labels: a
    control that must not help; with `pretrain` the first half of the steps uses them alone, and
    the second half the real ones. `augmentation` is a classical policy applied to every training
    image on its way in.
    """

    name: str
    real: bool
    duplicated: float = 0.0
    oracle: float = 0.0
    synthetic: float = 0.0
    filtered: bool = False
    shuffled: bool = False
    pretrain: bool = False
    augmentation: str = "none"

    @property
    def tested(self) -> bool:
        """Whether the study's question is about this arm: it has synthetic images as drawn."""
        return self.synthetic > 0 and not self.shuffled

    @property
    def meaning(self) -> "Arm":
        """The arm without its name: two names of the same training set are equal here."""
        return replace(self, name="")

    @property
    def reference(self) -> "Arm":
        """The arm that this one is compared with: the same without the part that is in question.

        That is its synthetic part (with `pretrain`), or without one its duplicates, else its oracle
        images, else its augmentation. What stays is in both, so that its gain is not taken for that
        of the part. Arms without real images are compared with real ones alone.
        """
        plain = replace(
            self, real=True, synthetic=0.0, filtered=False, shuffled=False, pretrain=False
        )
        if not self.synthetic:
            nothing = {"duplicated": 0.0, "oracle": 0.0, "augmentation": "none"}
            present = [part for part, none in nothing.items() if getattr(self, part) != none]
            plain = replace(plain, **{part: nothing[part] for part in present[:1]})
        return replace(plain, name=_name(plain))


def _name(arm: Arm) -> str:
    """A name that `parse` reads as an arm of real images with the same parts."""
    policy = "" if arm.augmentation == "light" else f":{arm.augmentation}"
    classical = [] if arm.augmentation == "none" else [f"classical{policy}"]
    kinds = [k for k in ("duplicated", "oracle", "synthetic") if getattr(arm, k)]
    return "+".join(["real", *classical, *(f"{kind}@{getattr(arm, kind)}" for kind in kinds)])


def parse(name: str) -> Arm:
    """Read an arm's name, such as `real+synthetic@0.5`. Raises UserError."""
    first, *rest = name.split("+")
    if first.startswith("pretrain:") and first.endswith(">real"):
        drawn = first.removeprefix("pretrain:").removesuffix(">real")
        if _what(drawn) != "synthetic":
            raise UserError(f"arm {name!r} begins with {first!r}: {ARM_SYNTAX}")
        whole = "+".join(["real", _with_ratio(drawn), *rest])
        return replace(parse(whole), name=name, pretrain=True)
    real = first == "real"
    if not real and _what(first) != "synthetic":
        raise UserError(f"arm {name!r} begins with {first!r}: {ARM_SYNTAX}")
    values = {} if real else _values(name, _with_ratio(first))
    for part in rest:
        found = _values(name, part)
        if values.keys() & found.keys() or not (real or "augmentation" in found):
            raise UserError(f"arm {name!r} has the part {part!r}: {ARM_SYNTAX}")
        values |= found
    return Arm(name, real, **values)


def reference_in(name: str, names: Iterable[str]) -> str:
    """The one of `names`, arms of one study, that the arm `name` is compared with."""
    wanted = parse(name).reference.meaning
    return next(other for other in names if parse(other).meaning == wanted)


def _values(name: str, part: str) -> dict:
    """The fields of an `Arm` that one part of its name sets."""
    kind, _, option = part.partition(":")
    what = _what(part)
    if kind == "classical":
        check_policy(option or "light")
        return {"augmentation": option or "light"}
    if what == "synthetic" and option in ("", "filtered"):
        return {"synthetic": _ratio(name, kind), "filtered": option == "filtered"}
    if what == "shuffled" and not option:
        return {"synthetic": _ratio(name, kind), "shuffled": True}
    if what in ("duplicated", "oracle") and not option:
        return {what: _ratio(name, kind)}
    raise UserError(f"arm {name!r} has the part {part!r}: {ARM_SYNTAX}")


def _what(part: str) -> str:
    return part.partition(":")[0].partition("@")[0]


def _with_ratio(part: str) -> str:
    """`part` with the ratio 1.0 if it names none."""
    kind, colon, option = part.partition(":")
    return part if "@" in kind else f"{kind}@1.0{colon}{option}"


def _ratio(name: str, part: str) -> float:
    match = re.fullmatch(r"\w+@(\d+(?:\.\d+)?)", part)
    if not match or float(match.group(1)) == 0:
        raise UserError(
            f"arm {name!r} has the part {part!r}: expected a ratio above 0, such as "
            f"{part.split('@')[0]}@1.0"
        )
    return float(match.group(1))


def synthetic_counts(fit: ImageSet, arms: list[Arm], filtered: bool = False) -> dict[str, int]:
    """How many synthetic images of each class the arms need at most, filtered ones or others."""
    highest = max((arm.synthetic for arm in arms if arm.filtered == filtered), default=0.0)
    counts = fit.table["label"].value_counts()
    return {label: _extra(counts[label], highest) for label in fit.classes if highest > 0}


def mix(
    fit: ImageSet, synthetic: ImageSet | None, arm: Arm, seed: int, pool: ImageSet | None = None
) -> ImageSet:
    """The training images of one arm.

    `fit` are the real training images, `synthetic` the drawn ones in the order of their draw, and
    `pool` the real ones kept for oracle arms, in the order in which these take them: a smaller
    ratio is contained in a larger. Each class keeps its share. Duplicates are whole
    copies first, then a seeded choice. The rows come back in an order that depends on the images
    only (hash, then source), not on the order of the input.
    """
    fit = fit.select(np.argsort(fit.table["sha256"].to_numpy(), kind="stable"))
    parts, drawn = [fit] if arm.real else [], []
    for index, label in enumerate(fit.classes):
        rows = np.flatnonzero(fit.table["label"] == label)
        if arm.duplicated:
            wanted = _extra(len(rows), arm.duplicated)
            rng = np.random.default_rng([seed, index])
            whole, part = divmod(wanted, len(rows))
            chosen = np.concatenate([np.tile(rows, whole), rng.permutation(rows)[:part]])
            parts.append(fit.select(chosen.astype(int)))
        if arm.oracle:
            parts.append(_first(pool, label, _extra(len(rows), arm.oracle), arm, "kept aside"))
        if arm.synthetic:
            drawn.append(_first(synthetic, label, _extra(len(rows), arm.synthetic), arm, "drawn"))
    if arm.shuffled:
        drawn = [_shuffled(concatenate(drawn), seed)]
    mixed = concatenate(parts + drawn)
    order = mixed.table.sort_values(["sha256", "source"], kind="stable").index.to_numpy()
    return mixed.select(order)


def _first(images: ImageSet, label: str, wanted: int, arm: Arm, how: str) -> ImageSet:
    found = images.select((images.table["label"] == label).to_numpy())
    if len(found) < wanted:
        raise UserError(
            f"arm {arm.name} needs {wanted} more images of {label}; {len(found)} were {how}"
        )
    return found.select(np.arange(wanted))


def _shuffled(images: ImageSet, seed: int) -> ImageSet:
    """The same images and the same number of each label, put together at random."""
    order = np.random.default_rng([seed, 77]).permutation(len(images))
    labels = images.table["label"].to_numpy()[order]
    return replace(images, table=images.table.assign(label=labels))


def _extra(real: int, ratio: float) -> int:
    return max(1, int(real * ratio + 0.5))
