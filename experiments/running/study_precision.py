"""The precision of each network of a study: chosen once, and stored in its folder."""

import json
from pathlib import Path
from typing import Any

from experiments.design.study import Study
from ufgen import precision
from ufgen.atomic import write_text

GENERATORS = "generators"


def resolve_and_store(study: Study, folder: Path) -> tuple[Study, dict[str, str]]:
    """Choose every precision of a study that is `auto`, once for its folder.

    The choice is stored in `folder`/precision.json, so that a study that goes on on another machine
    computes as it began. A precision that the study names holds as long as it is named: back at
    `auto`, the rule of `ufgen.precision` is applied again.

    Args:
        study: Its training settings and recipe may say `auto`.
        folder: The study's folder.

    Returns:
        The study with the precision of its generators named, and the precision of each network,
        by its name.
    """
    file = Path(folder) / "precision.json"
    stored = json.loads(file.read_text()) if file.is_file() else {}
    choices = {
        name: _choose(requested, stored.get(name)) for name, requested in _requested(study).items()
    }
    write_text(file, json.dumps(choices, indent=1))
    return _apply(study, choices)


def resolve(study: Study) -> tuple[Study, dict[str, str]]:
    """Choose as `resolve_and_store` does, for a study that has not begun; nothing is written.

    Args:
        study: Its training settings and recipe may say `auto`.

    Returns:
        As `resolve_and_store`.
    """
    requests = _requested(study)
    return _apply(study, {name: _choose(requested) for name, requested in requests.items()})


def text(used: dict[str, str]) -> str:
    """Write precisions as the report does.

    Args:
        used: The precision of each network, by its name.

    Returns:
        One line.

    Example:
        >>> text({"generators": "bfloat16", "hybrid": "float32,bfloat16"})
        'generators bfloat16, hybrid float32 and bfloat16'
    """
    return ", ".join(f"{name} {value.replace(',', ' and ')}" for name, value in used.items())


def _requested(study: Study) -> dict[str, dict[str, str]]:
    """What is requested for each network, and the faster precision of its kind."""
    requests = {}
    if any(arm.synthetic for arm in study.parsed_arms()):
        recipe = study.generator_recipe()
        faster = precision.faster_generator_precision(recipe.architecture)
        requests[GENERATORS] = {"requested": recipe.precision, "faster": faster}
    for classifier in study.classifiers:
        requested = study.training_of(classifier).precision
        faster = precision.faster_classifier_precision(classifier.name)
        requests[classifier.name] = {"requested": requested, "faster": faster}
    return requests


def _choose(request: dict[str, str], stored: Any = None) -> dict[str, str]:
    """The stored choice if it was made for the same request, or a new one.

    Earlier versions stored `faster` under another name: their choices are made again.
    """
    if isinstance(stored, dict) and request.items() <= stored.items():
        return stored
    return request | {"used": precision.choose_precision(request["requested"], request["faster"])}


def _apply(study: Study, choices: dict[str, dict[str, str]]) -> tuple[Study, dict[str, str]]:
    used = {name: choice["used"] for name, choice in choices.items()}
    if GENERATORS in used:
        options = study.generator.options | {"precision": used[GENERATORS]}
        generator = study.generator.model_copy(update={"options": options})
        study = study.model_copy(update={"generator": generator})
    return study, used
