"""A study file that lists several fractions of the images or resolutions: a study for each."""

import itertools

from ufgen.errors import UserError

FACTORS = ("fraction", "resolution")


def expand(content: dict) -> list[dict]:
    """Expand a study file into one study for each combination of its levels.

    `images.fraction` and `images.resolution` may be lists of levels. Where all training groups are
    in use, arms with oracle images are left out, for which none remain.

    Args:
        content: Content of the study file.

    Returns:
        The content for each combination, whose name ends in its levels; `content` itself where it
        lists none.

    Raises:
        UserError: If a list is empty, or repeats a level.
    """
    images = content.get("images") or {}
    listed = [name for name in FACTORS if isinstance(images.get(name), list)]
    for name in listed:
        levels = images[name]
        if not levels or len(set(map(str, levels))) < len(levels):
            raise UserError(f"images.{name} is {levels}: expected levels that differ, at least one")
    if not listed:
        return [content]
    studies = []
    for combination in itertools.product(*(images[name] for name in listed)):
        levels = dict(zip(listed, combination, strict=True))
        label = "-".join(f"{name}{level}" for name, level in levels.items())
        study = content | {"images": {**images, **levels}}
        study["name"] = f"{content.get('name')}-{label}"
        if levels.get("fraction") == 1 and isinstance(content.get("arms"), list):
            study["arms"] = [arm for arm in content["arms"] if "oracle@" not in str(arm)]
        studies.append(study)
    return studies
