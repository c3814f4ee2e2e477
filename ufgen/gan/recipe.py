"""The recipe: everything that fixes a generator's training, in one validated dataclass."""

import math
from dataclasses import asdict, dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from ufgen import provenance
from ufgen.errors import UserError

RESOLUTIONS = (32, 64, 128, 256)
AUGMENTATIONS = ("translation", "brightness", "contrast", "cutout")
LOSSES = ("non_saturating", "hinge", "relativistic")
CHOICES = {
    "architecture": ("dcgan", "residual", "projected"),
    "resolution": RESOLUTIONS,
    "channels": (1, 3),
    "patch": (1, 2, 4),
    "loss": LOSSES,
    "updates": ("together", "alternate"),
    "penalty": ("exact", "difference"),
    "precision": ("auto", "float32", "bfloat16"),
}
WHOLE = {
    **{"latent_dim": 1, "embedding_dim": 1, "width": 1, "depth": 1, "batch": 2},
    **{"penalty_every": 1, "steps_per_call": 1, "patience": 0, "seed": 0},
}
RATES = ("generator_learning_rate", "discriminator_learning_rate")
ABOVE_ZERO = (*RATES, "kimg", "ema_kimg", "evaluate_kimg")
FRACTIONS = ("beta1", "beta2", "learning_rate_end", "penalty_end", "ada_target")
RENAMED = {"average_kimg": "ema_kimg", "minibatch_deviation": "minibatch_stddev"}  # in 0.2.0


@dataclass(frozen=True)
class Recipe:
    """How a generator is built and trained.

    Attributes:
        name: Name of the recipe.
        architecture: `dcgan`, `residual` or `projected`.
        resolution: Height and width of the images in pixels.
        channels: 1 or 3.
        latent_dim: Size of the latent code.
        embedding_dim: Size of the generator's embedding of the class.
        width: Filters at full resolution, doubled at each halving up to eight times.
        depth: Blocks per resolution of residual networks.
        patch: Residual networks see an image as pixels of `patch` x `patch`.
        noise: Whether the generator adds random numbers with a learned strength at each size.
        minibatch_stddev: Whether the discriminator gets a minibatch-stddev channel.
        features: The frozen network of `projected`, such as keras:MobileNetV2?alpha=0.35.
        features_weights: Its weights: `imagenet`, `none`, or a local file.
        loss: `non_saturating`, `hinge` or `relativistic`.
        updates: `together` (one discriminator pass for both updates) or `alternate`.
        r1: Weight of the gradient penalty on real images.
        r2: Weight of the gradient penalty on generated images.
        penalty: `exact` or finite `difference`.
        penalty_every: Apply the penalty every this many steps, scaled by as much (lazy
            regularisation).
        penalty_end: The weights fall linearly to this fraction of their start.
        batch: Real images per step.
        generator_learning_rate: Adam's learning rate for the generator.
        discriminator_learning_rate: Adam's learning rate for the discriminator.
        learning_rate_end: The learning rates fall along a cosine to this fraction.
        beta1: Adam's beta1.
        beta2: Adam's beta2.
        diffaugment: Augmentations of real and generated images alike, some of `AUGMENTATIONS`.
        ada_target: Above 0, their probability adapts so that r_t, the mean sign of the real logits,
            stays there (Karras et al., NeurIPS 2020).
        flip: Whether half of the real images are mirrored.
        kimg: Budget: thousands of real images shown.
        minutes: Time budget in place of `kimg`; 0 for none.
        ema_kimg: Half-life of the EMA of the generator's weights.
        evaluate_kimg: From one comparison of the EMA generator with the training images to the
            next.
        patience: Evaluations without a better one after which the training ends; 0 for never.
        precision: `float32`, `bfloat16`, or `auto`, by the rule of `ufgen.precision`.
        steps_per_call: Optimiser steps of one compiled program.
        seed: Random seed.
    """

    name: str = "dcgan"
    architecture: str = "dcgan"
    resolution: int = 64
    channels: int = 1
    latent_dim: int = 64
    embedding_dim: int = 32
    width: int = 16
    depth: int = 1
    patch: int = 1
    noise: bool = True
    minibatch_stddev: bool = False
    features: str = ""
    features_weights: str = "imagenet"
    loss: str = "non_saturating"
    updates: str = "together"
    r1: float = 0.0
    r2: float = 0.0
    penalty: str = "exact"
    penalty_every: int = 16
    penalty_end: float = 1.0
    batch: int = 32
    generator_learning_rate: float = 2e-4
    discriminator_learning_rate: float = 4e-4
    learning_rate_end: float = 1.0
    beta1: float = 0.5
    beta2: float = 0.999
    diffaugment: tuple[str, ...] = ("translation", "brightness", "contrast")
    ada_target: float = 0.0
    flip: bool = True
    kimg: float = 250.0
    minutes: float = 0.0
    ema_kimg: float = 2.0
    evaluate_kimg: float = 10.0
    patience: int = 0
    precision: str = "auto"
    steps_per_call: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type is float and _number(value):  # 250 and 250.0 make the same recipe
                object.__setattr__(self, field.name, float(value))
            if field.type is bool:
                _expect(self, field.name, isinstance(value, bool), "true or false")
            if field.type is str:
                _expect(self, field.name, isinstance(value, str), "a string")
        if isinstance(self.diffaugment, list):
            object.__setattr__(self, "diffaugment", tuple(self.diffaugment))
        for name, allowed in CHOICES.items():
            _expect(self, name, getattr(self, name) in allowed, f"one of {allowed}")
        for name, least in WHOLE.items():
            value = getattr(self, name)
            _expect(self, name, _whole(value, least), f"an integer, {least} or more")
        _expect(self, "seed", self.seed < 2**32, "an integer below 2**32")
        for name in ABOVE_ZERO:
            above = _number(getattr(self, name)) and getattr(self, name) > 0
            _expect(self, name, above, "a number above 0")
        for name in ("r1", "r2", "minutes"):
            _expect(
                self, name, _number(getattr(self, name)) and getattr(self, name) >= 0, "0 or more"
            )
        for name in FRACTIONS:
            value = getattr(self, name)
            _expect(self, name, _number(value) and 0 <= value <= 1, "from 0 to 1")
        for name in ("beta1", "beta2"):
            _expect(self, name, getattr(self, name) < 1, "below 1")
        is_list = isinstance(self.diffaugment, tuple)
        valid = is_list and all(name in AUGMENTATIONS for name in self.diffaugment)
        _expect(self, "diffaugment", valid, f"a list of some of {AUGMENTATIONS}, or []")
        self._check_together()

    def _check_together(self) -> None:
        """Raise UserError for fields that exclude each other."""
        together = self.updates == "together"
        one_logit = self.architecture != "projected" and not self.minibatch_stddev
        _expect(
            self,
            "updates",
            not together or (self.loss != "hinge" and one_logit),
            "alternate: hinge, minibatch_stddev and projected exclude updates together",
        )
        _expect(
            self,
            "features",
            bool(self.features) == (self.architecture == "projected"),
            "a network such as keras:MobileNetV2?alpha=0.35 where architecture is projected, "
            "and nothing elsewhere",
        )
        grouped = not self.minibatch_stddev or self.batch % 4 == 0
        _expect(self, "batch", grouped, "a multiple of 4 with minibatch_stddev")

    def steps(self) -> int:
        """The budget of `kimg` in optimiser steps.

        Returns:
            The number of steps, a positive multiple of `steps_per_call`.

        Example:
            >>> Recipe(kimg=1.0, batch=32, steps_per_call=8).steps()
            32
        """
        shown = self.batch * self.steps_per_call
        return max(1, round(self.kimg * 1000 / shown)) * self.steps_per_call


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _number(value: Any) -> bool:
    """Whether it is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _expect(recipe: Recipe, name: str, holds: bool, expected: str) -> None:
    if not holds:
        raise UserError(
            f"recipe {recipe.name}: {name} is {getattr(recipe, name)!r}, expected {expected}"
        )


def digest(recipe: Recipe) -> str:
    """Hash a recipe.

    Args:
        recipe: All fields count, and of a local weights file the content.

    Returns:
        12 hexadecimal digits.
    """
    content = provenance.hash_weights(recipe.features_weights)
    return provenance.key(12, asdict(recipe) | {"features_weights": content})


def to_yaml(recipe: Recipe) -> str:
    """Write a recipe as YAML.

    Args:
        recipe: Any recipe.

    Returns:
        The text of a file that `load_recipe` reads back.
    """
    return yaml.safe_dump(
        asdict(recipe) | {"diffaugment": list(recipe.diffaugment)}, sort_keys=False
    )


def load_recipe(name_or_path: str | Path, **changes: Any) -> Recipe:
    """Load a shipped recipe by name, or one from a YAML file.

    Args:
        name_or_path: fast, dcgan, residual or projected, or the path of a YAML file.
        **changes: Fields to replace.

    Returns:
        The recipe.

    Raises:
        UserError: There is no such recipe or field, or a value is not valid.

    Example:
        >>> load_recipe("fast", resolution=32).batch
        8
    """
    shipped = resources.files("ufgen.gan") / "recipes"
    names = sorted(p.name.removesuffix(".yaml") for p in shipped.iterdir())
    source = shipped / f"{name_or_path}.yaml" if name_or_path in names else Path(name_or_path)
    if not source.is_file():
        raise UserError(
            f"there is no recipe {name_or_path}: expected one of {', '.join(names)}, or the path "
            "of a YAML file"
        )
    try:
        content = yaml.safe_load(source.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{name_or_path} is not valid YAML: {error}") from None
    if not isinstance(content, dict):
        raise UserError(f"{name_or_path} holds no recipe: expected fields such as kimg: 100")
    content = content | changes
    unknown = set(content) - {field.name for field in fields(Recipe)}
    if unknown:
        hints = [
            f"{old} is called {new} since 0.2.0" for old, new in RENAMED.items() if old in unknown
        ]
        if unknown - RENAMED.keys():
            hints.append(f"expected {', '.join(field.name for field in fields(Recipe))}")
        raise UserError(
            f"recipe {name_or_path} has no field {', '.join(sorted(unknown))}: {'; '.join(hints)}"
        )
    return Recipe(**content)
