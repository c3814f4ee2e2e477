"""The study: one validated YAML file, expanded into trials."""

import functools
from typing import Annotated, NamedTuple

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    field_validator,
    model_validator,
)

from classifiers import registry
from classifiers.evaluation import metrics
from classifiers.training.settings import Training
from experiments.design.arms import Arm, parse, reference_in
from ufgen.errors import UserError
from ufgen.gan.recipe import Recipe, load_recipe

OF_THE_STUDY = {
    "seed": "generator.seeds",
    "resolution": "images.resolution",
    "channels": "images.channels",
}
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _named(check):
    """A validator whose UserError pydantic takes, so that the field, and its line, are named."""

    @functools.wraps(check)
    def checked(*arguments):
        try:
            return check(*arguments)
        except UserError as error:
            raise ValueError(str(error)) from None

    return checked


class Images(_Strict):
    """Which images, and how they are read.

    Only the share `fraction` of the training groups is used (a smaller one is contained in a
    larger); what is left is kept for `oracle` arms. A study file may list several fractions and
    resolutions (see `experiments.design.sweep`).
    """

    path: str = "UF_dataset"
    positive: str | None = None
    group_pattern: str | None = None
    allow_ungrouped: bool = False
    resolution: int = Field(64, ge=32, le=512)
    channels: int = Field(1)
    fit: str = "crop"
    fraction: float = Field(1.0, gt=0, le=1)

    @field_validator("path", "positive", "group_pattern", mode="before")
    @classmethod
    @_named
    def _text(cls, value):
        """Text that YAML takes for something else: 1 is the class "1", but `no` is ambiguous."""
        if type(value) is int:
            return str(value)
        if value is not None and not isinstance(value, str):
            raise UserError(
                f"YAML reads this as {value!r} ({type(value).__name__}), expected text: put it in "
                "quotes, such as 'no' or '1.0'"
            )
        return value


class Generator(_Strict):
    """The recipe of the generator; `options` change single fields of it.

    One generator is trained for each of `seeds`, and each trial with synthetic images is run once
    for each generator: only then is it known what another training of it would change. Arms with
    `:filtered` take images that passed all `filters` (discriminator, manifold, copies).
    """

    recipe: str = "fast"
    options: dict = {}
    seeds: list[Seed] = Field([0], min_length=1)
    filters: list[str] = ["discriminator"]

    @field_validator("filters")
    @classmethod
    @_named
    def _known(cls, names: list[str]) -> list[str]:
        known = ("discriminator", "manifold", "copies")
        if not names or set(names) - set(known):
            raise UserError(f"generator: filters are {names}; expected some of {', '.join(known)}")
        return names

    @field_validator("options")
    @classmethod
    @_named
    def _not_of_the_study(cls, options: dict) -> dict:
        for name in OF_THE_STUDY.keys() & options.keys():
            raise UserError(
                f"generator: options name {name}, which is the study's own: expected it in "
                f"{OF_THE_STUDY[name]}"
            )
        return options

    @field_validator("seeds")
    @classmethod
    @_named
    def _no_repeats(cls, seeds: list[int]) -> list[int]:
        return _distinct(seeds)


class ClassifierOptions(_Strict):
    """One classifier; `training` changes single training options for it, in all arms alike."""

    name: str
    weights: str = "none"
    training: dict = {}

    @field_validator("name")
    @classmethod
    @_named
    def _known(cls, name: str) -> str:
        registry.check_name(name)
        return name


class Study(_Strict):
    """All trials of one question: arms x classifiers x seeds.

    They are tested on the images' own test split, or, with `folds`, by cross-validation on all
    images: each seed is then one repeat, with folds and generators of its own.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    question: str = "Does adding GAN-made images to the training set make the classifier better?"
    images: Images = Images()
    generator: Generator = Generator()
    arms: list[str] = Field(min_length=2)
    classifiers: list[ClassifierOptions] = Field(min_length=1)
    seeds: list[Seed] = Field([0, 1], min_length=1)
    training: Training = Training()
    folds: int = Field(0, ge=0, le=50)
    validation_fraction: float = Field(0.2, gt=0, lt=1)
    split_seed: Seed = 0
    primary_metric: str = "roc_auc"
    margin: float = Field(0.02, gt=0, lt=1)
    confidence: float = Field(0.95, gt=0.5, lt=1)
    bootstrap: int = Field(2000, ge=100)

    @field_validator("classifiers", mode="before")
    @classmethod
    @_named
    def _names_alone(cls, value):
        if not isinstance(value, list):
            return value
        return [{"name": item} if isinstance(item, str) else item for item in value]

    @field_validator("arms")
    @classmethod
    @_named
    def _arms(cls, names: list[str]) -> list[str]:
        meanings: dict[Arm, str] = {}
        for name in names:
            other = meanings.setdefault(parse(name).meaning, name)
            if other != name:
                raise UserError(f"the arms {other} and {name} are the same")
        if names[0] != "real":
            raise UserError("the first arm must be `real`: the study rests on it")
        for name in names[1:]:
            reference = parse(name).reference
            if reference.meaning not in meanings:
                raise UserError(
                    f"the arm {name} is compared with {reference.name} (the same without the part "
                    f"in question), which the study lacks. Add this line to its arms:\n"
                    f"  - {reference.name}"
                )
        return names

    @field_validator("folds")
    @classmethod
    @_named
    def _two_or_more(cls, folds: int) -> int:
        if folds == 1:
            raise UserError("folds is 1: expected 2 or more, or 0 for the images' own test split")
        return folds

    @model_validator(mode="after")
    @_named
    def _recipe_is_valid(self) -> "Study":
        if any(arm.synthetic for arm in self.parsed_arms()):
            self.generator_recipe()
        return self

    @model_validator(mode="after")
    @_named
    def _oracle_needs_a_fraction(self) -> "Study":
        asked = [arm.name for arm in self.parsed_arms() if arm.oracle]
        if asked and self.images.fraction == 1:
            raise UserError(
                f"arm {asked[0]!r} adds real images that no other arm sees, but all are in use: "
                "name a share of the training groups in images.fraction, such as 0.25"
            )
        return self

    @field_validator("primary_metric")
    @classmethod
    @_named
    def _metric(cls, name: str) -> str:
        if name not in metrics.NAMES:
            raise UserError(f"primary_metric is {name!r}: expected {', '.join(metrics.NAMES)}")
        return name

    @field_validator("arms", "seeds", "classifiers")
    @classmethod
    @_named
    def _no_repeats(cls, values: list) -> list:
        return _distinct(values)

    def generator_recipe(self, **changes) -> Recipe:
        """The recipe of the generators, with `changes` to single fields. Raises UserError."""
        size = {"resolution": self.images.resolution, "channels": self.images.channels}
        return load_recipe(self.generator.recipe, **self.generator.options | size | changes)

    def parsed_arms(self) -> list[Arm]:
        """The arms, read."""
        return [parse(name) for name in self.arms]

    def reference_of(self, arm: Arm) -> Arm:
        """The study's own arm that `arm` is compared with (see `Arm.reference`)."""
        return parse(reference_in(arm.name, self.arms))

    def compared_arms(self) -> list[Arm]:
        """All arms but `real`, each of which has a reference."""
        return self.parsed_arms()[1:]

    def training_of(self, classifier: ClassifierOptions) -> Training:
        """How one classifier is trained: the same in every arm, by the study's primary metric."""
        fields = {**self.training.as_dict(), **classifier.training}
        fields["selection_metric"] = self.primary_metric
        return TypeAdapter(Training).validate_python(fields)

    def trials(self) -> list["Trial"]:
        """Every trial, ordered so that one compiled network serves all its arms in turn."""
        return [
            Trial(arm, classifier, generator, seed, fold)
            for classifier in self.classifiers
            for seed in self.seeds
            for fold in (range(self.folds) if self.folds else [None])
            for arm in self.parsed_arms()
            for generator in (self.generator.seeds if arm.synthetic else [None])
        ]


class Trial(NamedTuple):
    """One arm x classifier x seed, with the generator's seed where the arm has synthetic images."""

    arm: Arm
    classifier: ClassifierOptions
    generator: int | None
    seed: int
    fold: int | None = None

    @property
    def split(self) -> tuple[int, int] | None:
        """Which division of the images: None for their own, else the repeat and its fold."""
        return None if self.fold is None else (self.seed, self.fold)

    @property
    def title(self) -> str:
        """For progress bars and messages."""
        generator = "" if self.generator is None else f"generator {self.generator} · "
        fold = "" if self.fold is None else f" · fold {self.fold + 1}"
        return f"{self.classifier.name} · {self.arm.name} · {generator}seed {self.seed}{fold}"


def _distinct(values: list) -> list:
    names = [getattr(value, "name", value) for value in values]
    repeated = sorted({str(n) for n in names if names.count(n) > 1})
    if repeated:
        raise UserError(f"{', '.join(repeated)} is listed more than once")
    return values
