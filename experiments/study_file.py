"""Studies as YAML files: the shipped ones, and what is wrong with one, by line."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from classifiers.settings import check_trial
from experiments.factors import expand
from experiments.study import Study
from ufgen.errors import UserError


def shipped() -> dict[str, Path]:
    """The studies that come with ufgen, by name."""
    folder = Path(__file__).parent / "configs"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def read(location: str | Path, **changes) -> Study:
    """Read a study of one level; see `read_all`."""
    studies = read_all(location, **changes)[1]
    if len(studies) > 1:
        raise UserError(f"{location} lists several levels: expected one fraction and resolution")
    return studies[0]


def read_all(location: str | Path, **changes) -> tuple[str, list[Study]]:
    """Read a YAML file, or a shipped one by its name: its own name, and a study for each level.

    `changes` replace fields of `images` (those that are not None). Relative image paths are
    relative to the working directory. Raises UserError naming the field that is wrong.
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
    content["images"] = {
        **(content.get("images") or {}),
        **{name: value for name, value in changes.items() if value is not None},
    }
    try:
        studies = [Study(**one) for one in expand(content)]
        for study in studies:
            for classifier in study.classifiers:
                for arm in study.parsed_arms():
                    check_trial(study.training_of(classifier), classifier.weights, arm.augmentation)
    except ValidationError as error:
        problems = [
            f"  line {line_of(text, e['loc'])}: {'.'.join(map(str, e['loc'])) or 'study'}: "
            f"{e['msg'].removeprefix('Value error, ')} (found {e['input']!r:.80})"
            for e in error.errors()
        ]
        raise UserError(f"{path} is not a valid study:\n" + "\n".join(problems)) from None
    except UserError as error:
        raise UserError(f"{path} is not a valid study: {error}") from None
    return str(content.get("name")), studies


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
