"""Where in a YAML text a field stands."""

import yaml


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
