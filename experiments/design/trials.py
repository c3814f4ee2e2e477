"""Trials: the single trainings that a study consists of."""

from typing import NamedTuple

from experiments.design.arms import Arm
from experiments.design.study_sections import ClassifierOptions


class SplitKey(NamedTuple):
    """One division of a study's images into roles.

    Attributes:
        repeat: Which repeat of cross-validation, from 0 on; each divides the images anew.
        fold: Which fold is the test split, from 0 on; None for the images' own test split.
        part: Which disjoint part of the training groups is in use, from 0 on.
    """

    repeat: int = 0
    fold: int | None = None
    part: int = 0

    def title(self, repeats: int = 1, parts: int = 1) -> str:
        """Name it, counting from 1.

        Args:
            repeats: How many repeats there are; a single one is not mentioned.
            parts: How many parts there are; a single one is not mentioned.

        Returns:
            Words joined by commas; "" where there is nothing to tell.

        Example:
            >>> SplitKey(1, 2).title(repeats=2)
            'repeat 2, fold 3'
        """
        words = [f"repeat {self.repeat + 1}"] if repeats > 1 else []
        words += [] if self.fold is None else [f"fold {self.fold + 1}"]
        words += [f"part {self.part + 1}"] if parts > 1 else []
        return ", ".join(words)


class Trial(NamedTuple):
    """One training of a classifier in a study.

    Attributes:
        arm: The arm whose training set it is trained on.
        classifier: The classifier.
        generator: Seed of the generator, or None where the arm has no synthetic images. Each split
            has generators of its own (see `Study.generator_seed`).
        seed: Seed of the classifier.
        split: The division of the images.
    """

    arm: Arm
    classifier: ClassifierOptions
    generator: int | None
    seed: int
    split: SplitKey = SplitKey()

    @property
    def title(self) -> str:
        """A title for progress bars and messages."""
        generator = "" if self.generator is None else f"generator {self.generator} · "
        split = self.split.title(repeats=self.split.repeat + 1)
        split = f" · {split}" if split else ""
        return f"{self.classifier.name} · {self.arm.name} · {generator}seed {self.seed}{split}"

    def columns(self) -> dict[str, str | int]:
        """The columns that identify it in the tables of a study.

        Returns:
            arm, classifier, generator, seed, repeat and fold; "" where there is none.
        """
        return {
            "arm": self.arm.name,
            "classifier": self.classifier.name,
            "generator": "" if self.generator is None else self.generator,
            "seed": self.seed,
            "repeat": "" if self.split.fold is None else self.split.repeat,
            "fold": "" if self.split.fold is None else self.split.fold,
        }
