"""The recipe: everything that fixes a generator's training, in one validated dataclass."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, fields
from importlib import resources
from pathlib import Path

import yaml

from ufgen.errors import UserError

RESOLUTIONS = (32, 64, 128, 256)
AUGMENTATIONS = ("translation", "brightness", "contrast", "cutout")


@dataclass(frozen=True)
class Recipe:
    """How a generator is built and trained.

    Sizes: `resolution` (pixels) and `channels` of the images, `latent_dim` random numbers and
    `embedding_dim` numbers for the class go in, `width` is the number of feature maps at full
    resolution (it doubles at each halving, up to eight times). Budget: `kimg` thousand real
    images are shown, `batch` at a time. `average_kimg` is the half-life of the averaged generator
    weights, `grid_kimg` the distance between sample grids. `diffaugment` names the changes made to
    real and generated images alike before the discriminator sees them (Zhao et al., NeurIPS 2020);
    `flip` shows half of the real images mirrored. `r1` is the weight of the gradient penalty on
    real images (Mescheder et al., ICML 2018), applied every `r1_every` steps; 0 leaves it out.
    """

    name: str = "dcgan"
    resolution: int = 64
    channels: int = 1
    latent_dim: int = 64
    embedding_dim: int = 32
    width: int = 16
    batch: int = 32
    generator_learning_rate: float = 2e-4
    discriminator_learning_rate: float = 4e-4
    beta1: float = 0.5
    kimg: float = 250.0
    average_kimg: float = 2.0
    grid_kimg: float = 10.0
    diffaugment: tuple[str, ...] = ("translation", "brightness", "contrast")
    flip: bool = True
    r1: float = 0.0
    r1_every: int = 16
    seed: int = 0

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type is float and _number(value):
                object.__setattr__(self, field.name, float(value))
        if isinstance(self.diffaugment, list):
            object.__setattr__(self, "diffaugment", tuple(self.diffaugment))
        for name, allowed in (("resolution", RESOLUTIONS), ("channels", (1, 3))):
            _expect(self, name, getattr(self, name) in allowed, f"one of {allowed}")
        for name in ("latent_dim", "embedding_dim", "width", "r1_every"):
            _expect(self, name, _whole(getattr(self, name), 1), "a whole number above 0")
        _expect(self, "batch", _whole(self.batch, 2), "a whole number above 1")
        seed = _whole(self.seed, 0) and self.seed < 2**32
        _expect(self, "seed", seed, "a whole number, 0 or more and below 2**32")
        for name in (
            "generator_learning_rate",
            "discriminator_learning_rate",
            "kimg",
            "average_kimg",
            "grid_kimg",
        ):
            above = _number(getattr(self, name)) and getattr(self, name) > 0
            _expect(self, name, above, "a number above 0")
        _expect(self, "beta1", _number(self.beta1) and 0 <= self.beta1 < 1, "from 0 to below 1")
        _expect(self, "r1", _number(self.r1) and self.r1 >= 0, "0 or more")
        _expect(self, "flip", isinstance(self.flip, bool), "true or false")
        listed = isinstance(self.diffaugment, tuple)
        known = listed and all(name in AUGMENTATIONS for name in self.diffaugment)
        _expect(self, "diffaugment", known, f"a list of some of {AUGMENTATIONS}, or []")

    def steps(self) -> int:
        """The budget in optimiser steps."""
        return max(1, round(self.kimg * 1000 / self.batch))


def _whole(value, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _number(value) -> bool:
    """A finite number. Floats are kept as such, so that 250 and 250.0 make the same recipe."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _expect(recipe: Recipe, name: str, holds: bool, expected: str) -> None:
    if not holds:
        raise UserError(
            f"recipe {recipe.name}: {name} is {getattr(recipe, name)!r}, expected {expected}"
        )


def digest(recipe: Recipe) -> str:
    """12 hexadecimal digits that change whenever any field does."""
    text = json.dumps(asdict(recipe), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def to_yaml(recipe: Recipe) -> str:
    """The recipe as a YAML file that `load_recipe` reads back."""
    return yaml.safe_dump(
        asdict(recipe) | {"diffaugment": list(recipe.diffaugment)}, sort_keys=False
    )


def load_recipe(name_or_path: str | Path, **changes) -> Recipe:
    """A shipped recipe by name, or one from a YAML file, with `changes` to single fields.

    Raises UserError for an unknown recipe, field or value.
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
        raise UserError(
            f"recipe {name_or_path} has no field {', '.join(sorted(unknown))}: expected "
            f"{', '.join(field.name for field in fields(Recipe))}"
        )
    return Recipe(**content)
