"""Sections of a study file: images, generator and classifiers, validated."""

import functools
from collections.abc import Callable
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

from classifiers import registry
from ufgen.errors import UserError
from ufgen.preparation.recipe import Preparation

FIELDS_SET_BY_STUDY = {
    "seed": "generator.seeds",
    "resolution": "images.resolution",
    "channels": "images.channels",
}
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Section(BaseModel):
    """Part of a study file, in which unknown fields are errors."""

    model_config = ConfigDict(extra="forbid")


def with_value_errors(check: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Let a validator raise UserError: pydantic collects ValueErrors, with the field's name.

    Args:
        check: A validator of a pydantic model.

    Returns:
        The validator, which raises ValueError with the same message instead.
    """

    @functools.wraps(check)
    def checked(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            return check(*args, **kwargs)
        except UserError as error:
            raise ValueError(str(error)) from None

    return checked


def without_duplicates(values: list) -> list:
    """Check that no value is listed twice.

    Args:
        values: Values of a list field, or sections with a name.

    Returns:
        The same values.

    Raises:
        UserError: If one is repeated.
    """
    names = [getattr(value, "name", value) for value in values]
    repeated = sorted({str(n) for n in names if names.count(n) > 1})
    if repeated:
        raise UserError(f"{', '.join(repeated)} is listed more than once")
    return values


def check_looks(looks: list[int], seeds: int) -> None:
    """Check that looks at a study follow each other.

    Args:
        looks: Numbers of seeds at each look; none for a single look at all.
        seeds: Number of seeds of the study.

    Raises:
        UserError: If they do not increase, or do not end at all seeds.
    """
    if looks and (looks != sorted({*looks}) or looks[0] < 1 or looks[-1] != seeds):
        raise UserError(
            f"looks are {looks}: expected increasing numbers of seeds, the last of them all "
            f"{seeds} seeds of the study, such as {[*range(5, seeds, 5), seeds]}"
        )


class Images(Section):
    """The images of a study, and how they are read.

    A study file may list several fractions, resolutions and positive classes (see
    `experiments.design.sweep`).

    Attributes:
        path: Image folder, zip archive or manifest.
        positive: Name of the positive class.
        negative: Name of the only class that it is told from; by default all others.
        validation: What images of the split validation are: "own", the validation images of every
            trial, or "join", training images, of which validation images are held out.
        group_pattern: Regular expression that finds the group in a file's name.
        allow_ungrouped: Whether images without a group are accepted.
        resolution: Height and width in pixels.
        channels: 1 for grey or 3 for colour.
        fit: How images are made square: see `ufgen.images.pixel_store.load`.
        prepare: Steps that are applied to each image before it is resized: sector, mask-overlays or
            inpaint-overlays, grayscale (see `ufgen.preparation.recipe`).
        fraction: Fraction of the training groups in use, above 0 to 1; a smaller one is contained
            in a larger one. The others are held back for `oracle` arms.
        accept: Names of findings of the image check (`ufgen data check`) that the study accepts.
    """

    path: str = "UF_dataset"
    positive: str | None = None
    negative: str | None = None
    validation: Literal["own", "join"] = "own"
    group_pattern: str | None = None
    allow_ungrouped: bool = False
    resolution: int = Field(default=64, ge=32, le=512)
    channels: int = 1
    fit: str = "crop"
    prepare: list[str] = []
    fraction: float = Field(default=1.0, gt=0, le=1)
    parts: int = Field(default=1, ge=1, le=100)
    accept: list[str] = []

    @field_validator("path", "positive", "negative", "group_pattern", mode="before")
    @classmethod
    @with_value_errors
    def _text(cls, value: Any) -> str | None:
        """Text that YAML takes for something else: 1 is the class "1", but `no` is ambiguous."""
        if type(value) is int:
            return str(value)
        if value is not None and not isinstance(value, str):
            raise UserError(
                f"YAML reads this as {value!r} ({type(value).__name__}), expected text: put it in "
                "quotes, such as 'no' or '1.0'"
            )
        return value

    @field_validator("prepare")
    @classmethod
    @with_value_errors
    def _valid_steps(cls, steps: list[str]) -> list[str]:
        return list(Preparation(steps).steps)

    @property
    def preparation(self) -> Preparation | None:
        """What is done to each image; None where no step is named."""
        return Preparation(self.prepare) if self.prepare else None


class Generator(Section):
    """The generators of a study.

    Each trial with synthetic images is run once for each generator: without several of them the
    variance between generators is unknown.

    Attributes:
        recipe: Name of a shipped recipe, or path of a YAML file.
        options: Values that replace single fields of the recipe.
        seeds: One generator is trained for each.
        filters: Filters of `:filtered` arms, whose images passed all of them: discriminator,
            manifold, copies.
    """

    recipe: str = "fast"
    options: dict = {}
    seeds: list[Seed] = Field(default=[0, 1, 2], min_length=1)
    filters: list[str] = ["discriminator"]

    @field_validator("filters")
    @classmethod
    @with_value_errors
    def _valid_filters(cls, names: list[str]) -> list[str]:
        valid = ("discriminator", "manifold", "copies")
        if not names or set(names) - set(valid):
            raise UserError(f"generator: filters are {names}; expected some of {', '.join(valid)}")
        return names

    @field_validator("options")
    @classmethod
    @with_value_errors
    def _options_of_generator_alone(cls, options: dict) -> dict:
        for name in FIELDS_SET_BY_STUDY.keys() & options.keys():
            raise UserError(
                f"generator: options name {name}, which is the study's own: expected it in "
                f"{FIELDS_SET_BY_STUDY[name]}"
            )
        return options

    @field_validator("seeds")
    @classmethod
    @with_value_errors
    def _distinct_seeds(cls, seeds: list[int]) -> list[int]:
        return without_duplicates(seeds)


class ClassifierOptions(Section):
    """One classifier of a study.

    Attributes:
        name: Name in `classifiers.registry`.
        weights: Initial weights.
        training: Values that replace single training options, in all arms alike.
    """

    name: str
    weights: str = "none"
    training: dict = {}

    @field_validator("name")
    @classmethod
    @with_value_errors
    def _valid_name(cls, name: str) -> str:
        registry.check_name(name)
        return name
