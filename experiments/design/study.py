"""The study: one validated YAML file, expanded into trials."""

from typing import Any, NamedTuple

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
    with_value_errors,
    without_duplicates,
)
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
        seeds: Seeds of the classifiers; with `folds` each is one repeat of cross-validation, with
            folds and generators of its own.
        training: Training options of all classifiers.
        folds: Number of folds of cross-validation on all images; 0 for the images' own test split.
        validation_fraction: Fraction of the training groups that selects weights and thresholds.
        split_seed: Seed of the division into training and validation images.
        primary_metric: Metric of the verdict, and of the selection of weights.
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
    training: Training = Training()
    folds: int = Field(default=0, ge=0, le=50)
    validation_fraction: float = Field(default=0.2, gt=0, lt=1)
    split_seed: Seed = 0
    primary_metric: str = "roc_auc"
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
    def _valid_recipe(self) -> "Study":
        if any(arm.synthetic for arm in self.parsed_arms()):
            self.generator_recipe()
        return self

    @model_validator(mode="after")
    @with_value_errors
    def _fraction_for_oracle_arms(self) -> "Study":
        oracle = [arm.name for arm in self.parsed_arms() if arm.oracle]
        if oracle and self.images.fraction == 1:
            raise UserError(
                f"arm {oracle[0]!r} adds real images that no other arm sees, but all are in use: "
                "set images.fraction to the fraction of the training groups to use, such as 0.25"
            )
        return self

    @field_validator("primary_metric")
    @classmethod
    @with_value_errors
    def _valid_metric(cls, name: str) -> str:
        if name not in metrics.NAMES:
            raise UserError(f"primary_metric is {name!r}: expected {', '.join(metrics.NAMES)}")
        return name

    @field_validator("arms", "seeds", "classifiers")
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

    def trials(self) -> list["Trial"]:
        """All trials, ordered so that one compiled network serves all its arms in turn.

        Returns:
            Every combination of classifier, seed, fold, arm and, for arms with synthetic images,
            generator.
        """
        return [
            Trial(arm, classifier, generator, seed, fold)
            for classifier in self.classifiers
            for seed in self.seeds
            for fold in (range(self.folds) if self.folds else [None])
            for arm in self.parsed_arms()
            for generator in (self.generator.seeds if arm.synthetic else [None])
        ]


class Trial(NamedTuple):
    """One training of a classifier in a study.

    Attributes:
        arm: The arm whose training set it is trained on.
        classifier: The classifier.
        generator: Seed of the generator, or None where the arm has no synthetic images.
        seed: Seed of the classifier.
        fold: Fold of cross-validation, from 0 on, or None without.
    """

    arm: Arm
    classifier: ClassifierOptions
    generator: int | None
    seed: int
    fold: int | None = None

    @property
    def split(self) -> tuple[int, int] | None:
        """The division of the images: repeat and fold, or None for their own split."""
        return None if self.fold is None else (self.seed, self.fold)

    @property
    def title(self) -> str:
        """A title for progress bars and messages."""
        generator = "" if self.generator is None else f"generator {self.generator} · "
        fold = "" if self.fold is None else f" · fold {self.fold + 1}"
        return f"{self.classifier.name} · {self.arm.name} · {generator}seed {self.seed}{fold}"
