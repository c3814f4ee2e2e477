"""How a classifier is trained: one validated dataclass, and the learning rate it leads to."""

import math
from dataclasses import asdict, dataclass
from typing import ClassVar

from classifiers.evaluation import metrics
from classifiers.training.augmentation import MIXING, check_policy
from ufgen.errors import UserError

CHOICES = {
    "schedule": ("cosine", "plateau", "constant"),
    "balance": ("none", "class_weights", "oversample"),
    "trained": ("all", "last_block", "head"),
    "precision": ("auto", "float32", "bfloat16"),
    "selection_metric": metrics.NAMES,
}
LEAST = dict.fromkeys(("steps", "batch", "evaluations", "views"), 1)
LEAST |= dict.fromkeys(("frozen_steps", "average", "test_views"), 0)


@dataclass(frozen=True)
class Training:
    """How a classifier is trained: the same for every arm of a comparison.

    The budget is `steps` optimiser steps of `batch` images, whatever the number of images.
    `learning_rate` is the peak of Adam's; `schedule` is "cosine" (after a warm-up of a tenth of
    the steps), "plateau" (halved when two evaluations in a row bring no better validation loss)
    or "constant". The validation images are evaluated `evaluations` times, and the weights of one
    evaluation are kept (early stopping without a shorter budget): of those within one standard
    error of the best `selection_metric`, the one with the least calibrated loss; never one that
    gives all images the same probability while another does not (`selection.best`). `balance` is
    "none", "class_weights" or "oversample" (each class equally often in the batches).

    `trained` is what learns: "all", the "last_block" of each backbone and the head, or the "head"
    alone. In the first `frozen_steps` only the head does (two-phase fine-tuning), with a schedule
    of its own; after them backbones learn at `backbone_rate` times the head's rate. While they
    are frozen, their batch normalisation keeps its moments, and their features are computed once
    an image, or once a seed for each of `views` augmented views of it.

    `label_smoothing` moves targets that share of the way to 1/2; `focal` is the exponent of the
    focal loss (Lin et al., ICCV 2017; 0: cross-entropy); `average` the half-life in steps of
    averaged weights (0: none). `precision` auto follows the rule of `ufgen.precision`. A trained
    classifier judges an image by the mean over itself and `test_views` views of it by the policy
    `light` (test-time augmentation).
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    steps: int = 300
    batch: int = 16
    learning_rate: float = 5e-4
    schedule: str = "cosine"
    evaluations: int = 10
    balance: str = "none"
    trained: str = "all"
    frozen_steps: int = 0
    backbone_rate: float = 1.0
    views: int = 8
    label_smoothing: float = 0.0
    focal: float = 0.0
    average: int = 0
    precision: str = "auto"
    test_views: int = 0
    selection_metric: str = "roc_auc"

    def __post_init__(self):
        for name, value in asdict(self).items():
            if isinstance(value, float) and not math.isfinite(value):
                self._refuse(name, "a number")
        for name, least in LEAST.items():
            if getattr(self, name) < least:
                self._refuse(name, f"{least} or more")
        if self.learning_rate <= 0:
            self._refuse("learning_rate", "above 0")
        if not 0 < self.backbone_rate <= 1:
            self._refuse("backbone_rate", "above 0, at most 1")
        if not 0 <= self.label_smoothing < 1:
            self._refuse("label_smoothing", "from 0 to below 1")
        if self.focal < 0:
            self._refuse("focal", "0 or more")
        if self.frozen_steps >= self.steps:
            self._refuse("frozen_steps", f"below steps, {self.steps}")
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                self._refuse(name, ", ".join(allowed))

    def _refuse(self, name: str, expected: str):
        raise UserError(f"training: {name} is {getattr(self, name)!r}, expected {expected}")

    def as_dict(self) -> dict:
        """The settings by name."""
        return asdict(self)

    def phases(self) -> list[tuple[str, int]]:
        """What learns, and for how many steps: one phase, or the head alone and then more."""
        if self.trained == "head" or not self.frozen_steps:
            return [(self.trained, self.steps)]
        return [("head", self.frozen_steps), (self.trained, self.steps - self.frozen_steps)]


def check_trial(training: Training, weights: str, augmentation: str) -> None:
    """Raise UserError if `training` cannot go with these initial weights or this policy."""
    check_policy(augmentation)
    if all(trained != "head" for trained, _ in training.phases()):
        return
    if weights == "none":
        raise UserError(
            "training: the head alone cannot learn on a backbone with random weights: name weights "
            "(imagenet, or a local file), or train all without frozen_steps"
        )
    if augmentation in MIXING:
        raise UserError(
            f"the augmentation {augmentation} mixes two images, which the features of a frozen "
            "backbone, computed once an image, cannot show: take another policy, or train all"
        )


def learning_rate(training: Training, step: int, steps: int) -> float:
    """Adam's learning rate at `step` (1, 2 ...) of a phase of `steps`."""
    if training.schedule != "cosine":
        return training.learning_rate
    warm_up = max(1, steps // 10)
    if step <= warm_up:
        return training.learning_rate * step / warm_up
    progress = (step - warm_up) / max(1, steps - warm_up)
    return training.learning_rate * max(0.01, (1 + math.cos(math.pi * progress)) / 2)


class Plateau:
    """A `factor` that halves after two evaluations in a row without a better loss."""

    def __init__(self):
        self.factor, self._best, self._waited = 1.0, math.inf, 0

    def update(self, loss: float) -> None:
        self._waited = 0 if loss < self._best else self._waited + 1
        self._best = min(self._best, loss)
        if self._waited == 2:
            self.factor, self._waited = self.factor / 2, 0
