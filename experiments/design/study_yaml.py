"""Studies as YAML files: the shipped ones, and what is wrong with one, by line."""

from itertools import product
from pathlib import Path

import yaml
from pydantic import ValidationError

from classifiers.training.settings import check_trial
from experiments.design.study import Study
from experiments.design.sweep import expand
from ufgen.errors import UserError


def shipped() -> dict[str, Path]:
    """The studies that come with ufgen, by name."""
    return {path.stem: path for path in sorted(shipped_folder().glob("*.yaml"))}


def shipped_folder() -> Path:
    """The folder of the studies that come with ufgen."""
    return Path(__file__).parents[1] / "configs"


def read(location: str | Path, **changes) -> Study:
    """Read a study of one level; see `read_all`."""
    studies = read_all(location, **changes)[1]
    if len(studies) > 1:
        raise UserError(f"{location} lists several levels: expected one fraction and resolution")
    return studies[0]


def read_all(location: str | Path, **changes) -> tuple[str, list[Study]]:
    """Read a YAML file, or a shipped one by its name: its own name, and a study for each level.

    `changes` replace fields of `images` (those that are not None). A relative images.path starts
    at the folder of the study's file, or else, where nothing lies there and for shipped studies, at
    the working folder. Raises UserError naming the field that is wrong.
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
        images = images | {"path": _place(images["path"], path.parent)}
    content["images"] = {
        **images,
        **{name: value for name, value in changes.items() if value is not None},
    }
    try:
        studies = [Study.model_validate(one) for one in expand(content)]
    except ValidationError as error:
        raise UserError(f"{path} is not a valid study:\n{_problems(text, error)}") from None
    except UserError as error:
        raise UserError(f"{path} is not a valid study: {error}") from None
    for study, (number, classifier) in product(studies, enumerate(studies[0].classifiers)):
        place = ("classifiers", number, "training")
        try:
            training = study.training_of(classifier)
            for arm in study.parsed_arms():
                check_trial(training, classifier.weights, arm.augmentation)
        except ValidationError as error:
            said = _problems(text, error, place)
            raise UserError(f"{path} is not a valid study:\n{said}") from None
        except UserError as error:
            line = line_of(text, place)
            raise UserError(f"{path} is not a valid study: line {line}: {error}") from None
    return str(content.get("name")), studies


def _place(location: str, folder: Path) -> str:
    """Where a study's images lie: from its own `folder` on, or else from the working folder."""
    own = folder / Path(location).expanduser()
    return str(own) if own.exists() else location


def _problems(text: str, error: ValidationError, above: tuple = ()) -> str:
    """One line for each thing that is wrong, `above` being where what was checked lies."""
    found = []
    for problem in error.errors():
        place = (*above, *problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        name = ".".join(map(str, place)) or "study"
        found.append(f"  line {line_of(text, place)}: {name}: {message}")
        found[-1] += f" (found {problem['input']!r:.80})"
    return "\n".join(found)


def line_of(text: str, location: tuple) -> int:
    """The line, from 1 on, of the field at `location` (keys and indices), or of the nearest above.

    `text` must be valid YAML.
    """
    node, line = yaml.compose(text, Loader=yaml.SafeLoader), 1
    for step in location:
        found = None
        if isinstance(node, yaml.MappingNode):
            found = next((pair for pair in node.value if pair[0].value == str(step)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            found = [node.value[step]] * 2 if step < len(node.value) else None
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line
