"""The study: one validated YAML file, expanded into trials."""

import functools
from pathlib import Path
from typing import NamedTuple

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from classifiers import metrics, registry
from classifiers.settings import Training, check_trial
from experiments.arms import Arm, parse
from experiments.yaml_lines import line_of
from ufgen.errors import UserError


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
    larger); what is left is kept for `oracle` arms.
    """

    path: str = "UF_dataset"
    positive: str | None = None
    group_pattern: str | None = None
    resolution: int = Field(64, ge=32, le=512)
    channels: int = Field(1)
    fit: str = "crop"
    fraction: float = Field(1.0, gt=0, le=1)


class Generator(_Strict):
    """The recipe of the generator; `options` change single fields of it.

    One generator is trained for each of `seeds`, and each trial with synthetic images is run once
    for each generator: only then is it known what another training of it would change. Arms with
    `:filtered` take images that passed all `filters` (discriminator, manifold, copies).
    """

    recipe: str = "fast"
    options: dict = {}
    seeds: list[int] = Field([0], min_length=1)
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
    def _no_seed(cls, options: dict) -> dict:
        if "seed" in options:
            raise UserError("generator: options name a seed; expected it in generator.seeds")
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
    """All trials of one question: arms x classifiers x seeds on one train/test split."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    question: str = "Does adding GAN-made images to the training set make the classifier better?"
    images: Images = Images()
    generator: Generator = Generator()
    arms: list[str] = Field(min_length=2)
    classifiers: list[ClassifierOptions] = Field(min_length=1)
    seeds: list[int] = Field([0, 1], min_length=1)
    training: Training = Training()
    validation_fraction: float = Field(0.2, gt=0, lt=1)
    split_seed: int = 0
    primary_metric: str = "roc_auc"
    margin: float = Field(0.02, gt=0)
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
        for name in names:
            parse(name)
        if names[0] != "real":
            raise UserError("the first arm must be `real`: every other arm is compared with it")
        return names

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

    def parsed_arms(self) -> list[Arm]:
        """The arms, read."""
        return [parse(name) for name in self.arms]

    def training_of(self, classifier: ClassifierOptions) -> Training:
        """How one classifier is trained: the same in every arm."""
        fields = {**self.training.as_dict(), **classifier.training}
        return TypeAdapter(Training).validate_python(fields)

    def trials(self) -> list["Trial"]:
        """Every trial, ordered so that one compiled network serves all its arms in turn."""
        return [
            Trial(arm, classifier, generator, seed)
            for classifier in self.classifiers
            for seed in self.seeds
            for arm in self.parsed_arms()
            for generator in (self.generator.seeds if arm.synthetic else [None])
        ]


class Trial(NamedTuple):
    """One arm x classifier x seed, with the generator's seed where the arm has synthetic images."""

    arm: Arm
    classifier: ClassifierOptions
    generator: int | None
    seed: int

    @property
    def title(self) -> str:
        """For progress bars and messages."""
        generator = "" if self.generator is None else f"generator {self.generator} · "
        return f"{self.classifier.name} · {self.arm.name} · {generator}seed {self.seed}"


def _distinct(values: list) -> list:
    names = [getattr(value, "name", value) for value in values]
    repeated = sorted({str(n) for n in names if names.count(n) > 1})
    if repeated:
        raise UserError(f"{', '.join(repeated)} is listed more than once")
    return values


def shipped() -> dict[str, Path]:
    """The studies that come with ufgen, by name."""
    folder = Path(__file__).parent / "configs"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def read(location: str | Path, **changes) -> Study:
    """Read a study from a YAML file, or a shipped one by its name.

    `changes` replace fields of `images` (those that are not None). Relative image paths are
    relative to the working directory. Raises UserError naming the field that is wrong.
    """
    path = shipped().get(str(location), Path(location))
    if not path.is_file():
        raise UserError(
            f"there is no study file {location}: expected a YAML file, or one of the shipped "
            f"studies {', '.join(shipped())}"
        )
    try:
        text = path.read_text(encoding="utf-8")
        content = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no study: expected fields such as name, arms, classifiers")
    content["images"] = {
        **(content.get("images") or {}),
        **{name: value for name, value in changes.items() if value is not None},
    }
    try:
        study = Study(**content)
        for classifier in study.classifiers:
            for arm in study.parsed_arms():
                check_trial(study.training_of(classifier), classifier.weights, arm.augmentation)
    except ValidationError as error:
        problems = [
            f"  line {line_of(text, e['loc'])}: {'.'.join(map(str, e['loc'])) or 'study'}: "
            f"{e['msg'].removeprefix('Value error, ')} (found {e['input']!r:.80})"
            for e in error.errors()
        ]
        raise UserError(f"{path} is not a valid study:\n" + "\n".join(problems)) from None
    except UserError as error:
        raise UserError(f"{path} is not a valid study: {error}") from None
    return study
