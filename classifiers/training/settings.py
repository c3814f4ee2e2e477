"""How a classifier is trained: one validated dataclass."""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, NoReturn

from pydantic import model_validator

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
MINIMUM = dict.fromkeys(("steps", "batch", "evaluations", "views"), 1)
MINIMUM |= dict.fromkeys(("frozen_steps", "ema_half_life", "test_views"), 0)
PRETRAINED_BACKBONE_RATE = 0.2
RENAMED = {"average": "ema_half_life"}
"""Former names of settings, for study files that still have them."""


@dataclass(frozen=True)
class Training:
    """How a classifier is trained: the same for every arm of a comparison.

    The weights of one evaluation are kept (early stopping without a shorter budget): of those
    within one standard error of the best `selection_metric`, the one with the least calibrated
    loss; never one that gives all images the same probability while another does not
    (`weight_selection.best`).

    While backbones are frozen, their features are computed once per image, or once per seed for
    each of `views` augmented views of it. Pretrained ones keep their batch normalisation as it is
    also where they are trained (`backbones.set_trainable`).

    Attributes:
        steps: Budget of optimiser steps, whatever the number of images.
        batch: Images of a step.
        learning_rate: Peak of Adam's learning rate.
        schedule: "cosine" (after a warm-up of a tenth of the steps), "plateau" (halved when two
            evaluations in a row bring no lower validation loss) or "constant".
        evaluations: How often the validation images are evaluated.
        balance: "none", "class_weights" or "oversample" (each class equally often in the batches).
        trained: The layers that are trained: "all", the "last_block" of each backbone and the head,
            or the "head" alone.
        frozen_steps: First steps in which the head alone is trained (two-phase fine-tuning), with a
            schedule of its own.
        backbone_rate: Learning rate of the backbones, relative to the head's; None: 0.2 for
            pretrained ones and 1 for those from random weights (`for_weights`).
        views: Augmented views of each image where the head alone is trained.
        label_smoothing: Fraction of the way to 1/2 by which targets are moved.
        focal: Exponent of the focal loss (Lin et al., ICCV 2017); 0: cross-entropy.
        ema_half_life: Half-life, in steps, of the exponential moving average of the weights; 0: no
            average.
        precision: "float32", "bfloat16" or "auto", by the rule of `ufgen.precision`.
        test_views: Test-time augmentation: a prediction is the mean over the image and as many
            views of it by the policy `light`.
        selection_metric: One of `metrics.NAMES`.
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
    backbone_rate: float | None = None
    views: int = 8
    label_smoothing: float = 0.0
    focal: float = 0.0
    ema_half_life: int = 0
    precision: str = "auto"
    test_views: int = 0
    selection_metric: str = "roc_auc"

    @model_validator(mode="before")
    @classmethod
    def _name_renamed(cls, fields: Any) -> Any:
        for old, new in RENAMED.items():
            if isinstance(fields, dict) and old in fields:
                raise ValueError(f"{old} is called {new} now: write {new}: {fields[old]!r}")
        return fields

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if isinstance(value, float) and not math.isfinite(value):
                self._refuse(name, "a number")
        for name, least in MINIMUM.items():
            if getattr(self, name) < least:
                self._refuse(name, f"{least} or more")
        if self.learning_rate <= 0:
            self._refuse("learning_rate", "above 0")
        if self.backbone_rate is not None and not 0 < self.backbone_rate <= 1:
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

    def _refuse(self, name: str, expected: str) -> NoReturn:
        raise UserError(f"training: {name} is {getattr(self, name)!r}, expected {expected}")

    def as_dict(self) -> dict[str, Any]:
        """Convert to a dictionary.

        Returns:
            The settings by name.
        """
        return asdict(self)

    def for_weights(self, weights: str) -> "Training":
        """Fill in what depends on the initial weights.

        Args:
            weights: Initial weights of the backbone: "imagenet", "none" (random) or a local file.

        Returns:
            The settings with a `backbone_rate`.

        Example:
            >>> Training().for_weights("imagenet").backbone_rate
            0.2
        """
        if self.backbone_rate is not None:
            return self
        return replace(self, backbone_rate=1.0 if weights == "none" else PRETRAINED_BACKBONE_RATE)

    def phases(self) -> list[tuple[str, int]]:
        """Divide the budget into phases.

        Returns:
            The layers that are trained, and the number of steps, of one phase, or of that of the
            head and the one that follows.

        Example:
            >>> Training(trained="last_block", frozen_steps=100).phases()
            [('head', 100), ('last_block', 200)]
        """
        if self.trained == "head" or not self.frozen_steps:
            return [(self.trained, self.steps)]
        return [("head", self.frozen_steps), (self.trained, self.steps - self.frozen_steps)]

    def evaluation_steps(self) -> set[int]:
        """Spread the evaluations evenly over the steps.

        Returns:
            The steps, counted from 1, after which the validation images are evaluated.

        Example:
            >>> sorted(Training(steps=90, evaluations=3).evaluation_steps())
            [30, 60, 90]
        """
        every = self.steps / self.evaluations
        return {max(1, round(i * every)) for i in range(1, self.evaluations + 1)}


def check_trial(training: Training, weights: str, augmentation: str) -> None:
    """Check that settings are compatible with initial weights and an augmentation policy.

    Args:
        training: How the classifier is trained.
        weights: Initial weights of the backbone: "imagenet", "none" (random) or a local file.
        augmentation: The augmentation policy.

    Raises:
        UserError: The head would be trained on a random backbone, or on features of mixed images;
            or there is no such policy.
    """
    check_policy(augmentation)
    if all(trained != "head" for trained, _ in training.phases()):
        return
    if weights == "none":
        raise UserError(
            "training: the head alone cannot learn on a backbone with random weights: set weights "
            "to imagenet or a local file, or train all without frozen_steps"
        )
    if augmentation in MIXING:
        raise UserError(
            f"the augmentation {augmentation} mixes two images, which cannot be applied to "
            "features cached once per image: use another policy, or train all"
        )
