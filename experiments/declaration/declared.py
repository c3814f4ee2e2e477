"""declared.yaml: what a study sets out to do, written once, before its first training."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from experiments.declaration import history
from experiments.design.study import Study
from ufgen import provenance
from ufgen.atomic import write_text
from ufgen.gan import recipe
from ufgen.images.image_set import ImageSet
from ufgen.progress import print_line

FILE = "declared.yaml"
FIRST = ("primary_metric", "margin", "confidence", "headline", "arms", "seeds", "looks")
HEADER = """\
# What this study set out to do: written before its first training, and never again. Changes are
# appended to changes.jsonl, and verdicts to verdicts.jsonl. Do not edit: sha256 is of the content.
"""


class Declaration(NamedTuple):
    """The content of declared.yaml.

    Attributes:
        time: When it was written.
        finished_trials: Number of trials that were finished by then.
        content: See `content_of`.
        sha256: Hash of these, as it was written.
    """

    time: str
    finished_trials: int
    content: dict[str, Any]
    sha256: str

    @property
    def edited(self) -> bool:
        """Whether the file says something else than what was written."""
        return self.sha256 != provenance.key(64, self.time, self.finished_trials, self.content)


def declare(folder: Path, study: Study, images: ImageSet) -> None:
    """Write declared.yaml or, if it exists, append what was changed since to changes.jsonl.

    Args:
        folder: The study's folder.
        study: As its file says it.
        images: All images of the study.
    """
    content = content_of(study, images)
    if not (folder / FILE).is_file():
        declaration = _new(content, len(list(folder.glob("trials/*/trial.json"))))
        names = {"time": declaration.time, "finished_trials": declaration.finished_trials}
        values = names | {"declared": content, "sha256": declaration.sha256}
        write_text(folder / FILE, HEADER + yaml.safe_dump(values, sort_keys=False))
        return
    changes = history.read(folder / history.CHANGES)
    declaration, time = read(folder), history.now()
    declared, after = flatten(declaration.content), flatten(content)
    before = values_after(declaration, changes)
    new = [
        {"time": time, "field": name, "declared": declared.get(name), "present": after.get(name)}
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    ]
    history.append(folder / history.CHANGES, new)
    for change in new:
        print_line(
            f"changed since declared.yaml was written: {change['field']}, declared as "
            f"{change['declared']}, is now {change['present']}"
        )


def read(folder: Path) -> Declaration:
    """Read declared.yaml.

    Args:
        folder: The study's folder.

    Returns:
        What the file says; where it was edited so that fields are missing, these are empty.
    """
    try:
        values = yaml.safe_load((folder / FILE).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        values = None
    values = json.loads(json.dumps(values if isinstance(values, dict) else {}, default=str))
    content = values.get("declared")
    return Declaration(
        str(values.get("time")),
        values.get("finished_trials", 0),
        content if isinstance(content, dict) else {},
        str(values.get("sha256")),
    )


def content_of(study: Study, images: ImageSet) -> dict[str, Any]:
    """All that is declared: the study without its words and places.

    Args:
        study: As its file says it.
        images: All images of the study.

    Returns:
        The fields of the study, in which a hash of the images replaces their path, hashes those of
        weight files, and the recipe has a hash of all of its fields.
    """
    content = study.model_dump(mode="json", exclude={"name", "question"})
    content["images"].pop("path")
    unset = {"prepare": [], "accept": [], "validation": "own"}
    for option, value in unset.items():  # not among the fields of earlier declarations
        if content["images"][option] == value:
            content["images"].pop(option)
    content["images"] |= {"positive": images.positive, "sha256": _hash(images)}
    if any(arm.synthetic for arm in study.parsed_arms()):
        content["generator"]["recipe_sha256"] = recipe.digest(study.generator_recipe())
    content["headline"] = [arm.name for arm in study.headline_arms()]
    content["classifiers"] = {
        classifier.name: {
            "weights": ",".join(provenance.hash_weights(classifier.weights)),
            "training": classifier.training,
        }
        for classifier in study.classifiers
    }
    return {name: content[name] for name in FIRST} | content


def flatten(content: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Name the fields of nested sections.

    Args:
        content: Sections and fields.
        above: The name of the section.

    Returns:
        Values by names such as `images.fraction`.

    Example:
        >>> flatten({"margin": 0.02, "images": {"fraction": 1.0}})
        {'margin': 0.02, 'images.fraction': 1.0}
    """
    flat: dict[str, Any] = {}
    for name, value in content.items():
        inner = flatten(value, f"{above}{name}.") if isinstance(value, dict) else None
        flat |= {f"{above}{name}": value} if inner is None else inner
    return flat


def values_after(declaration: Declaration, changes: list[dict[str, Any]]) -> dict[str, Any]:
    """The value of each field after some changes.

    Args:
        declaration: What was declared.
        changes: Entries of changes.jsonl, oldest first.

    Returns:
        Values by field.
    """
    return flatten(declaration.content) | {change["field"]: change["present"] for change in changes}


def _new(content: dict[str, Any], finished_trials: int) -> Declaration:
    time = history.now()
    sha256 = provenance.key(64, time, finished_trials, content)
    return Declaration(time, finished_trials, content, sha256)


def _hash(images: ImageSet) -> str:
    """Hash the images with their labels, sources, splits and groups; names do not count."""
    table = images.table
    columns = table[["sha256", "label", "source", "split"]].astype(str)
    columns = columns.assign(group=table.groupby("group")["sha256"].transform("min"))
    return provenance.key(64, sorted(columns.itertuples(index=False, name=None)))
