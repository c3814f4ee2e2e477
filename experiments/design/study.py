"""The study: one validated YAML file, expanded into trials."""

from typing import Any

from pydantic import Field, TypeAdapter, field_validator, model_validator

from classifiers.evaluation import metrics
from classifiers.training.settings import Training
from experiments.design.arms import Arm, parse, reference_in
from experiments.design.study_sections import (
    ClassifierOptions,
    Generator,
    Images,
    Section,
    Seed,
    check_looks,
    with_value_errors,
    without_duplicates,
)
from experiments.design.trials import SplitKey, Trial
from ufgen.errors import UserError
from ufgen.gan.recipe import Recipe, load_recipe


class Study(Section):
    """All trials of one question: arms x classifiers x seeds.

    Attributes:
        name: Name of its folder.
        question: The question that it answers, for its report.
        images: The images.
        generator: The generators of the synthetic images.
        arms: Names of the arms (see `experiments.design.arms.parse`), `real` first.
        classifiers: The classifiers, or their names.
        seeds: Seeds of the classifiers, each used in every fold and with every generator.
        looks: Numbers of seeds at which arms may be stopped; by default all seeds are trained.
        training: Training options of all classifiers.
        folds: Number of folds of cross-validation on all images; 0 for the images' own test split.
            Each fold has generators of its own.
        repeats: Number of repeats of cross-validation, each of which divides the images anew.
        validation_fraction: Fraction of the training groups that selects weights and thresholds.
        split_seed: Seed of the division into training and validation images.
        primary_metric: Metric of the verdict, and of the selection of weights.
        headline: Names of the arms whose mean change is the one headline comparison; by default
            those that add synthetic images to real ones and do nothing else.
        margin: Largest difference in the primary metric that does not matter.
        confidence: Confidence level of the intervals.
        bootstrap: Number of bootstrap samples of the test groups.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    question: str = (
        "Does adding GAN-generated images to the training set make the classifier better?"
    )
    images: Images = Images()
    generator: Generator = Generator()
    arms: list[str] = Field(min_length=2)
    classifiers: list[ClassifierOptions] = Field(min_length=1)
    seeds: list[Seed] = Field(default=[0, 1, 2, 3, 4], min_length=1)
    looks: list[int] = Field(default=[])
    training: Training = Training()
    folds: int = Field(default=0, ge=0, le=50)
    repeats: int = Field(default=1, ge=1, le=50)
    validation_fraction: float = Field(default=0.2, gt=0, lt=1)
    split_seed: Seed = 0
    primary_metric: str = "roc_auc"
    headline: list[str] = Field(default_factory=list)
    margin: float = Field(default=0.02, gt=0, lt=1)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    bootstrap: int = Field(default=2000, ge=100)

    @field_validator("classifiers", mode="before")
    @classmethod
    @with_value_errors
    def _sections_from_names(cls, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return [{"name": item} if isinstance(item, str) else item for item in value]

    @field_validator("arms")
    @classmethod
    @with_value_errors
    def _arms_with_references(cls, names: list[str]) -> list[str]:
        compositions: dict[Arm, str] = {}
        for name in names:
            other = compositions.setdefault(parse(name).composition, name)
            if other != name:
                raise UserError(f"the arms {other} and {name} are the same")
        if names[0] != "real":
            raise UserError("the first arm must be `real`: the study rests on it")
        for name in names[1:]:
            reference = parse(name).reference
            if reference.composition not in compositions:
                raise UserError(
                    f"the arm {name} is compared with {reference.name} (the same without the part "
                    f"in question), which the study lacks. Add this line to its arms:\n"
                    f"  - {reference.name}"
                )
        return names

    @field_validator("folds")
    @classmethod
    @with_value_errors
    def _two_folds_or_more(cls, folds: int) -> int:
        if folds == 1:
            raise UserError("folds is 1: expected 2 or more, or 0 for the images' own test split")
        return folds

    @model_validator(mode="after")
    @with_value_errors
    def _repeats_of_folds_and_looks_at_seeds(self) -> "Study":
        check_looks(self.looks, len(self.seeds))
        if self.repeats > 1 and not self.folds:
            raise UserError(
                f"repeats is {self.repeats} without cross-validation: expected folds of 2 or more, "
                "or 1 repeat"
            )
        return self

    @model_validator(mode="after")
    @with_value_errors
    def _one_part_for_each_seed(self) -> "Study":
        parts, fraction = self.images.parts, self.images.fraction
        if parts > 1 and parts != len(self.seeds):
            raise UserError(
                f"images.parts is {parts} with {len(self.seeds)} seeds: each seed trains on a part "
                "of its own, expected as many parts as seeds, or 1"
            )
        if parts * fraction > 1 + 1e-9:
            raise UserError(
                f"{parts} parts with the fraction {fraction:g} of the training groups each are "
                f"more than there are: expected images.fraction of {1 / parts:.4g} at most"
            )
        return self

    @model_validator(mode="after")
    @with_value_errors
    def _valid_recipe(self) -> "Study":
        if any(arm.synthetic for arm in self.parsed_arms()):
            self.generator_recipe()
        return self

    @model_validator(mode="after")
    @with_value_errors
    def _fraction_for_oracle_arms(self) -> "Study":
        oracle = [arm.name for arm in self.parsed_arms() if arm.oracle]
        if oracle and self.images.parts * self.images.fraction > 1 - 1e-9:
            raise UserError(
                f"arm {oracle[0]!r} adds real images that no other arm sees, but all are in use: "
                "set images.fraction to the fraction of the training groups to use, such as 0.25"
            )
        return self

    @model_validator(mode="after")
    @with_value_errors
    def _headline_of_tested_arms(self) -> "Study":
        tested = [arm.name for arm in self.compared_arms() if arm.tested]
        unknown = [name for name in self.headline if name not in tested]
        if unknown:
            raise UserError(
                f"headline names {unknown[0]!r}: expected arms of this study with synthetic images "
                f"({', '.join(tested) or 'it has none'})"
            )
        return self

    @field_validator("primary_metric")
    @classmethod
    @with_value_errors
    def _valid_metric(cls, name: str) -> str:
        if name not in metrics.NAMES:
            raise UserError(f"primary_metric is {name!r}: expected {', '.join(metrics.NAMES)}")
        return name

    @field_validator("arms", "seeds", "classifiers", "headline")
    @classmethod
    @with_value_errors
    def _distinct_values(cls, values: list) -> list:
        return without_duplicates(values)

    def generator_recipe(self, **changes: Any) -> Recipe:
        """The recipe of the generators.

        Args:
            **changes: Values that replace single fields of it.

        Returns:
            The recipe, with the options of the study and the size of its images.

        Raises:
            UserError: If the recipe, or a value, is not valid.
        """
        size = {"resolution": self.images.resolution, "channels": self.images.channels}
        return load_recipe(self.generator.recipe, **self.generator.options | size | changes)

    def parsed_arms(self) -> list[Arm]:
        """The arms, parsed.

        Returns:
            One for each name in `arms`.
        """
        return [parse(name) for name in self.arms]

    def reference_of(self, arm: Arm) -> Arm:
        """The arm of this study that an arm is compared with (see `Arm.reference`).

        Args:
            arm: One of the compared arms.

        Returns:
            Its reference, under the name that it has in this study.
        """
        return parse(reference_in(arm.name, self.arms))

    def compared_arms(self) -> list[Arm]:
        """The arms that have a reference.

        Returns:
            All arms but `real`.
        """
        return self.parsed_arms()[1:]

    def headline_arms(self) -> list[Arm]:
        """The arms whose mean change is the headline comparison.

        Returns:
            Those named by `headline`; by default those that only add unfiltered synthetic images to
            the real ones, or where there are none all that add synthetic images to real ones.
        """
        tested = [arm for arm in self.compared_arms() if arm.tested and arm.real]
        plain = [arm for arm in tested if arm == Arm(arm.name, True, synthetic=arm.synthetic)]
        named = [arm for arm in self.compared_arms() if arm.name in self.headline]
        return named or plain or tested

    def training_of(self, classifier: ClassifierOptions) -> Training:
        """The training options of one classifier, the same in every arm.

        Args:
            classifier: One of the study's classifiers.

        Returns:
            The study's options with those of the classifier, which select weights by the primary
            metric.
        """
        fields = {**self.training.as_dict(), **classifier.training}
        fields["selection_metric"] = self.primary_metric
        return TypeAdapter(Training).validate_python(fields)

    def splits(self) -> list[SplitKey]:
        """Every division of the images.

        Returns:
            One for each repeat, fold and part.
        """
        folds = list(range(self.folds)) if self.folds else [None]
        return [
            SplitKey(repeat, fold, part)
            for repeat in range(self.repeats)
            for fold in folds
            for part in range(self.images.parts)
        ]

    def split_word(self) -> str:
        """What its splits are called.

        Returns:
            "folds", "parts" (of the training groups), or both.
        """
        return " and ".join(["folds"] * bool(self.folds) + ["parts"] * (self.images.parts > 1))

    def generator_seed(self, seed: int, split: SplitKey) -> int:
        """The seed that a generator of one split is trained with, different in every split.

        Args:
            seed: One of the generators' seeds.
            split: One of `splits`.

        Returns:
            The seed, plus 1000 for each split before this one.
        """
        return (seed + 1000 * self.splits().index(split)) % 2**32

    def trials(self) -> list[Trial]:
        """All trials, ordered so that one compiled network serves all its arms in turn.

        Returns:
            Every combination of classifier, repeat, fold, seed, arm and, for arms with synthetic
            images, generator; where there are parts, each seed has a part of its own.
        """
        return [
            Trial(arm, classifier, generator, seed, split)
            for classifier in self.classifiers
            for split in self.splits()
            for number, seed in enumerate(self.seeds)
            if self.images.parts == 1 or split.part == number
            for arm in self.parsed_arms()
            for generator in (self.generator.seeds if arm.synthetic else [None])
        ]
