"""A study file that lists several real fractions or resolutions: a study for each of them."""

import itertools

from ufgen.errors import UserError

FACTORS = ("fraction", "resolution")


def expand(content: dict) -> list[dict]:
    """The content of a study file, once for each combination of the levels that it lists.

    `images.fraction` and `images.resolution` may be lists. Each study is named after its levels.
    Where all training groups are in use, arms with oracle images, which are the others, are left
    out. Raises UserError for an empty or repeated level.
    """
    images = content.get("images") or {}
    listed = [name for name in FACTORS if isinstance(images.get(name), list)]
    for name in listed:
        levels = images[name]
        if not levels or len(set(map(str, levels))) < len(levels):
            raise UserError(f"images.{name} is {levels}: expected levels that differ, at least one")
    if not listed:
        return [content]
    found = []
    for levels in itertools.product(*(images[name] for name in listed)):
        chosen = dict(zip(listed, levels, strict=True))
        label = "-".join(f"{name}{level}" for name, level in chosen.items())
        one = content | {"images": {**images, **chosen}, "name": f"{content.get('name')}-{label}"}
        if chosen.get("fraction") == 1 and isinstance(content.get("arms"), list):
            one["arms"] = [arm for arm in content["arms"] if "oracle@" not in str(arm)]
        found.append(one)
    return found
