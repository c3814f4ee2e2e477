"""Recipes on a benchmark's command line: a name, and changes to its fields."""

import yaml

from ufgen.gan.recipe import Recipe, load_recipe


def recipe_of(text: str, **fields) -> Recipe:
    """The recipe for a text such as dcgan or residual:patch=2,width=12, with `fields` set."""
    name, _, changes = text.partition(":")
    pairs = (change.split("=", 1) for change in changes.split(",") if change)
    return load_recipe(name, **{key: yaml.safe_load(value) for key, value in pairs} | fields)
