"""A study file that lists fractions of the images, resolutions or classes: a study for each."""

import itertools
import re

from ufgen.errors import UserError

FACTORS = ("fraction", "resolution", "positive")


def expand(content: dict) -> list[dict]:
    """Expand a study file into one study for each combination of its levels.

    `images.fraction`, `images.resolution` and `images.positive` may be lists of levels. Where all
    training groups are in use, arms with oracle images are left out, for which none remain.

    Args:
        content: Content of the study file.

    Returns:
        The content for each combination, whose name ends in its levels; `content` itself where it
        lists none.

    Raises:
        UserError: If a list is empty or repeats a level, or classes are listed beside looks.
    """
    images = content.get("images") or {}
    listed = [name for name in FACTORS if isinstance(images.get(name), list)]
    for name in listed:
        levels = images[name]
        if not levels or len(set(map(str, levels))) < len(levels):
            raise UserError(f"images.{name} is {levels}: expected levels that differ, at least one")
    if "positive" in listed and content.get("looks"):
        raise UserError(
            "looks stop arms for each positive class by itself, so that there is no mean over the "
            "classes: leave looks out, or name one class in images.positive"
        )
    if not listed:
        return [content]
    studies = []
    for combination in itertools.product(*(images[name] for name in listed)):
        levels = dict(zip(listed, combination, strict=True))
        label = "-".join(f"{name}{_slug(level, images[name])}" for name, level in levels.items())
        study = content | {"images": {**images, **levels}}
        study["name"] = f"{content.get('name')}-{label}"
        if levels.get("fraction") == 1 and isinstance(content.get("arms"), list):
            study["arms"] = [arm for arm in content["arms"] if "oracle@" not in str(arm)]
        studies.append(study)
    return studies


def _slug(level: object, levels: list) -> str:
    """A level as part of a folder's name; its number where the others would be called alike."""
    slugs = [re.sub(r"[^A-Za-z0-9._]+", "_", str(one)) for one in levels]
    number = levels.index(level)
    alike = sum(one.lower() == slugs[number].lower() for one in slugs)
    return slugs[number] if alike == 1 else f"{slugs[number]}{number + 1}"
