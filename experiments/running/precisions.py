"""The precisions of a study: chosen once for each network and the generators, and kept with it."""

import json
from pathlib import Path

from experiments.design.study import Study
from ufgen import precision
from ufgen.atomic import write_text

GENERATORS = "generators"


def settle(study: Study, folder: Path) -> tuple[Study, dict[str, str]]:
    """The study with the precision of its generators named, and what is used, by network.

    The choice is kept in `folder`/precision.json, so that a study that goes on on another machine
    computes as it began. A precision that the study names holds as long as it is named: back at
    `auto`, the rule is asked again.
    """
    file = Path(folder) / "precision.json"
    kept = json.loads(file.read_text()) if file.is_file() else {}
    settled = {
        name: _again(kept.get(name), {"requested": requested, "gaining": gaining})
        for name, (requested, gaining) in _asked(study).items()
    }
    write_text(file, json.dumps(settled, indent=1))
    return _with(study, settled)


def chosen(study: Study) -> tuple[Study, dict[str, str]]:
    """As `settle` for a study that has not begun; nothing is written."""
    asked = {name: {"requested": a, "gaining": b} for name, (a, b) in _asked(study).items()}
    return _with(study, {name: _again(None, found) for name, found in asked.items()})


def _with(study: Study, settled: dict) -> tuple[Study, dict[str, str]]:
    used = {name: found["used"] for name, found in settled.items()}
    if GENERATORS in used:
        options = study.generator.options | {"precision": used[GENERATORS]}
        generator = study.generator.model_copy(update={"options": options})
        study = study.model_copy(update={"generator": generator})
    return study, used


def text(used: dict[str, str]) -> str:
    """For the report: "generators bfloat16, mobilenet_v3 float32"."""
    return ", ".join(f"{name} {found.replace(',', ' and ')}" for name, found in used.items())


def _asked(study: Study) -> dict[str, tuple[str, str]]:
    """What is requested for each network, and what its kind gains from."""
    found = {}
    if any(arm.synthetic for arm in study.parsed_arms()):
        recipe = study.generator_recipe()
        found[GENERATORS] = recipe.precision, precision.of_generator(recipe.architecture)
    for classifier in study.classifiers:
        requested = study.training_of(classifier).precision
        found[classifier.name] = requested, precision.of_classifier(classifier.name)
    return found


def _again(kept, asked: dict[str, str]) -> dict[str, str]:
    """The choice that was kept for what is asked, or a new one."""
    if isinstance(kept, dict) and asked.items() <= kept.items():
        return kept
    return asked | {"used": precision.choose(asked["requested"], asked["gaining"])}
