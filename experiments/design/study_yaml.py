"""Studies as YAML files: the shipped ones, and errors that name the line."""

from itertools import product
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from classifiers.training.settings import check_trial
from experiments.design.study import Study
from experiments.design.study_sections import Images
from experiments.design.sweep import expand
from ufgen.errors import UserError
from ufgen.images import positive_class


def shipped() -> dict[str, Path]:
    """The studies that come with ufgen.

    Returns:
        Paths of their YAML files, by name.
    """
    return {path.stem: path for path in sorted(shipped_folder().glob("*.yaml"))}


def shipped_folder() -> Path:
    """The folder of the studies that come with ufgen.

    Returns:
        Its path.
    """
    return Path(__file__).parents[1] / "configs"


def read(location: str | Path, **changes: Any) -> Study:
    """Read a study file with one level.

    Args:
        location: See `read_all`.
        **changes: See `read_all`.

    Returns:
        The study.

    Raises:
        UserError: If the file is not a valid study, or lists several levels.

    Example:
        >>> read("demo").name
        'demo'
    """
    studies = read_all(location, **changes)[1]
    if len(studies) > 1:
        raise UserError(
            f"{location} lists several levels: expected one fraction, resolution and class"
        )
    return studies[0]


def read_all(
    location: str | Path, weights: str | None = None, **changes: Any
) -> tuple[str, list[Study]]:
    """Read a study file, with a study for each of the levels that it lists.

    A relative `images.path` is looked up in the folder of the study's file, and then, or for a
    shipped study, in the working folder.

    Args:
        location: A YAML file, or the name of a shipped study.
        weights: Initial weights of every classifier, instead of those in the file.
        **changes: Values that replace fields of `images`; None changes nothing.

    Returns:
        The name in the file, and the studies.

    Raises:
        UserError: If the file is not a valid study; the message names field and line.
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
    images = content.get("images") or {}
    if not isinstance(images, dict):
        line = line_of(text, ("images",))
        raise UserError(
            f"{path} line {line}: images is {images!r}: expected fields of its own, such as "
            f"`images: {{path: {images if isinstance(images, str) else 'UF_dataset'}}}`"
        )
    if isinstance(images.get("path"), str) and path.parent != shipped_folder():
        images = images | {"path": _resolved(images["path"], path.parent)}
    content["images"] = {
        **images,
        **{name: value for name, value in changes.items() if value is not None},
    }
    if content["images"].get("positive") == positive_class.EACH:
        content["images"]["positive"] = _each_class(content["images"])
    if weights is not None and isinstance(content.get("classifiers"), list):
        content["classifiers"] = [_with_weights(c, weights) for c in content["classifiers"]]
    try:
        studies = [Study.model_validate(level) for level in expand(content)]
    except ValidationError as error:
        raise UserError(f"{path} is not a valid study:\n{_problems(text, error)}") from None
    except UserError as error:
        raise UserError(f"{path} is not a valid study: {error}") from None
    _check_trainings(path, text, studies)
    return str(content.get("name")), studies


def _check_trainings(path: Path, text: str, studies: list[Study]) -> None:
    """Check the training options of every classifier, with the augmentation of every arm."""
    for study, (number, classifier) in product(studies, enumerate(studies[0].classifiers)):
        location = ("classifiers", number, "training")
        try:
            training = study.training_of(classifier)
            for arm in study.parsed_arms():
                check_trial(training, classifier.weights, arm.augmentation)
        except ValidationError as error:
            problems = _problems(text, error, location)
            raise UserError(f"{path} is not a valid study:\n{problems}") from None
        except UserError as error:
            line = line_of(text, location)
            raise UserError(f"{path} is not a valid study: line {line}: {error}") from None


def _resolved(location: str, folder: Path) -> str:
    """The path of a study's images: in its own `folder`, or else in the working folder."""
    beside = folder / Path(location).expanduser()
    return str(beside) if beside.exists() else location


def _each_class(images: dict) -> list[str]:
    """The classes of the images, to be listed in `images.positive`."""
    if images.get("negative") is not None:
        raise UserError(
            f"the positive class is {positive_class.EACH!r}, each to be told from the rest, and "
            f"the negative class {images['negative']!r}: leave one of them out"
        )
    location = images.get("path", Images.model_fields["path"].default)
    return positive_class.each(
        location, images.get("group_pattern"), bool(images.get("allow_ungrouped"))
    )


def _with_weights(classifier: Any, weights: str) -> Any:
    """A classifier of a study file, or its name, with other initial weights."""
    if isinstance(classifier, str):
        return {"name": classifier, "weights": weights}
    return classifier | {"weights": weights} if isinstance(classifier, dict) else classifier


def _problems(text: str, error: ValidationError, above: tuple = ()) -> str:
    """One line for each problem; `above` is the location of what was validated."""
    lines = []
    for problem in error.errors():
        location = (*above, *problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        name = ".".join(map(str, location)) or "study"
        lines.append(
            f"  line {line_of(text, location)}: {name}: {message} (found {problem['input']!r:.80})"
        )
    return "\n".join(lines)


def line_of(text: str, location: tuple) -> int:
    r"""Find the line of a field, or of the nearest field above it.

    Args:
        text: Valid YAML.
        location: Keys and indices of the field, from the top.

    Returns:
        The number of the line, from 1 on.

    Example:
        >>> line_of("name: s\nimages:\n  path: set\n", ("images", "path"))
        3
    """
    node, line = yaml.compose(text, Loader=yaml.SafeLoader), 1
    for step in location:
        if isinstance(node, yaml.MappingNode):
            pairs = [pair for pair in node.value if pair[0].value == str(step)]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            pairs = [(item, item) for item in node.value[step : step + 1]]
        else:
            pairs = []
        if not pairs:
            break
        key, node = pairs[0]
        line = key.start_mark.line + 1
    return line
