"""Arms of a study: the composition of the training set of each."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

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

    Ratios count additional images per real training image of the same class.

    Attributes:
        name: Name in the study file, which `parse` reads.
        real: Whether the real training images are in it.
        duplicated: Ratio of copies of the real training images.
        oracle: Ratio of real images that no other arm sees.
        synthetic: Ratio of synthetic images.
        filtered: Whether these are synthetic images that passed the study's filters.
        shuffled: Whether their labels are permuted: a control that must not help.
        pretrain: Whether the first half of the steps trains on the synthetic images alone, and the
            second half on the real ones.
        augmentation: Classical augmentation policy of every training image.
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
        """Whether the study's question is about this arm: synthetic images with their labels."""
        return self.synthetic > 0 and not self.shuffled

    @property
    def composition(self) -> "Arm":
        """The arm without its name: equal for two names of the same training set."""
        return replace(self, name="")

    @property
    def reference(self) -> "Arm":
        """The arm that this one is compared with: the same without the part in question.

        The part in question is the synthetic images (with `pretrain`); in an arm without them the
        duplicates, else the oracle images, else the augmentation. All other parts are in both arms,
        so that their gain is not attributed to this part. Arms without real images are compared
        with the real images and the same augmentation.
        """
        plain = replace(
            self, real=True, synthetic=0.0, filtered=False, shuffled=False, pretrain=False
        )
        if not self.synthetic:
            absent: dict[str, Any] = {"duplicated": 0.0, "oracle": 0.0, "augmentation": "none"}
            present = [part for part, value in absent.items() if getattr(self, part) != value]
            plain = replace(plain, **{part: absent[part] for part in present[:1]})
        return replace(plain, name=_name(plain))


def _name(arm: Arm) -> str:
    """A name that `parse` reads as an arm of real images with the same parts."""
    policy = "" if arm.augmentation == "light" else f":{arm.augmentation}"
    classical = [] if arm.augmentation == "none" else [f"classical{policy}"]
    kinds = [k for k in ("duplicated", "oracle", "synthetic") if getattr(arm, k)]
    return "+".join(["real", *classical, *(f"{kind}@{getattr(arm, kind)}" for kind in kinds)])


def parse(name: str) -> Arm:
    """Parse the name of an arm.

    Args:
        name: Parts joined by +, as in a study file.

    Returns:
        The arm, with this name.

    Raises:
        UserError: If the name is not one of an arm.

    Example:
        >>> arm = parse("real+classical:mixup+synthetic@0.5")
        >>> arm.synthetic, arm.augmentation, arm.reference.name
        (0.5, 'mixup', 'real+classical:mixup')
    """
    first, *others = name.split("+")
    if first.startswith("pretrain:") and first.endswith(">real"):
        synthetic = first.removeprefix("pretrain:").removesuffix(">real")
        if _kind(synthetic) != "synthetic":
            raise UserError(f"arm {name!r} begins with {first!r}: {ARM_SYNTAX}")
        without_pretrain = "+".join(["real", _with_ratio(synthetic), *others])
        return replace(parse(without_pretrain), name=name, pretrain=True)
    real = first == "real"
    if not real and _kind(first) != "synthetic":
        raise UserError(f"arm {name!r} begins with {first!r}: {ARM_SYNTAX}")
    fields = {} if real else _fields(name, _with_ratio(first))
    for part in others:
        added = _fields(name, part)
        if fields.keys() & added.keys() or not (real or "augmentation" in added):
            raise UserError(f"arm {name!r} has the part {part!r}: {ARM_SYNTAX}")
        fields |= added
    return Arm(name, real, **fields)


def reference_in(name: str, names: Iterable[str]) -> str:
    """Find the reference of an arm among the arms of its study.

    Args:
        name: Name of the arm.
        names: Names of all arms of the study.

    Returns:
        The one of `names` that the arm is compared with.
    """
    reference = parse(name).reference.composition
    return next(other for other in names if parse(other).composition == reference)


def _fields(name: str, part: str) -> dict[str, Any]:
    """The fields of an `Arm` that one part of its name sets."""
    kind_and_ratio, _, option = part.partition(":")
    kind = _kind(part)
    if kind_and_ratio == "classical":
        check_policy(option or "light")
        return {"augmentation": option or "light"}
    if kind == "synthetic" and option in ("", "filtered"):
        return {"synthetic": _ratio(name, kind_and_ratio), "filtered": option == "filtered"}
    if kind == "shuffled" and not option:
        return {"synthetic": _ratio(name, kind_and_ratio), "shuffled": True}
    if kind in ("duplicated", "oracle") and not option:
        return {kind: _ratio(name, kind_and_ratio)}
    raise UserError(f"arm {name!r} has the part {part!r}: {ARM_SYNTAX}")


def _kind(part: str) -> str:
    """The part without its ratio and option."""
    return part.partition(":")[0].partition("@")[0]


def _with_ratio(part: str) -> str:
    """The part, with the ratio 1.0 if it has none."""
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
    """Count the synthetic images that the arms need at most.

    Args:
        fit: Real training images.
        arms: All arms of the study.
        filtered: Whether to count filtered images, or the others.

    Returns:
        The number of images of each class, by label; empty if no arm needs any.
    """
    highest = max((arm.synthetic for arm in arms if arm.filtered == filtered), default=0.0)
    counts = fit.table["label"].value_counts()
    return {label: _additional(counts[label], highest) for label in fit.classes if highest > 0}


def compose_training_set(
    fit: ImageSet, synthetic: ImageSet | None, arm: Arm, seed: int, pool: ImageSet | None = None
) -> ImageSet:
    """Compose the training set of an arm.

    Images of a smaller ratio are contained in those of a larger one. The proportions of the classes
    stay as they are in `fit`. Duplicates are whole copies first, then a random choice.

    Args:
        fit: Real training images.
        synthetic: Synthetic images in the order in which they were generated, where the arm has
            any.
        arm: The arm.
        seed: Seed of the choice of duplicates, and of the permutation of labels.
        pool: Real images held back for oracle arms, in the order in which these take them.

    Returns:
        The training images, ordered by hash and then source, whatever the order of the input.

    Raises:
        UserError: If there are too few images of a class in `synthetic` or `pool`.
    """
    fit = fit.select(np.argsort(fit.table["sha256"].to_numpy(), kind="stable"))
    parts, generated = [fit] if arm.real else [], []
    for index, label in enumerate(fit.classes):
        rows = np.flatnonzero(fit.table["label"] == label)
        if arm.duplicated:
            wanted = _additional(len(rows), arm.duplicated)
            rng = np.random.default_rng([seed, index])
            copies, remainder = divmod(wanted, len(rows))
            chosen = np.concatenate([np.tile(rows, copies), rng.permutation(rows)[:remainder]])
            parts.append(fit.select(chosen.astype(int)))
        if arm.oracle:
            count = _additional(len(rows), arm.oracle)
            parts.append(_first(pool, label, count, arm, "kept aside"))
        if arm.synthetic:
            count = _additional(len(rows), arm.synthetic)
            generated.append(_first(synthetic, label, count, arm, "generated"))
    if arm.shuffled:
        generated = [_with_shuffled_labels(concatenate(generated), seed)]
    mixed = concatenate(parts + generated)
    order = mixed.table.sort_values(["sha256", "source"], kind="stable").index.to_numpy()
    return mixed.select(order)


def _first(images: ImageSet | None, label: str, count: int, arm: Arm, origin: str) -> ImageSet:
    """The first images of a class."""
    assert images is not None, f"arm {arm.name} was given no images that were {origin}"
    available = images.select((images.table["label"] == label).to_numpy())
    if len(available) < count:
        raise UserError(
            f"arm {arm.name} needs {count} more images of {label}; {len(available)} were {origin}"
        )
    return available.select(np.arange(count))


def _with_shuffled_labels(images: ImageSet, seed: int) -> ImageSet:
    """The same images with their labels permuted."""
    order = np.random.default_rng([seed, 77]).permutation(len(images))
    labels = images.table["label"].to_numpy()[order]
    return replace(images, table=images.table.assign(label=labels))


def _additional(real: int, ratio: float) -> int:
    """The number of additional images: rounded half up, at least one."""
    return max(1, int(real * ratio + 0.5))
