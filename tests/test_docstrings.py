"""Public functions say what they take, return and raise; their examples are true."""

import ast
import doctest
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("ufgen", "classifiers", "experiments")
SOURCES = [path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))]
COMMANDS = ROOT / "ufgen" / "cli"  # a command's docstring is its help


def public_functions(tree: ast.Module):
    """Public functions of a module, and public methods of its public classes."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from (n for n in node.body if isinstance(n, ast.FunctionDef))
        elif isinstance(node, ast.FunctionDef):
            yield node


def lacking(function: ast.FunctionDef) -> list[str]:
    """The sections that the docstring of a function should have and has not."""
    text = ast.get_docstring(function) or ""
    arguments = function.args
    given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    given = [one for one in given if one.arg not in ("self", "cls")]
    returned = function.returns is not None and ast.unparse(function.returns) != "None"
    properties = {ast.unparse(one) for one in function.decorator_list}
    is_property = any("property" in one for one in properties)
    is_iterator = returned and ast.unparse(function.returns).startswith("Iterator")
    wanted = {
        "Args:": bool(given),
        "Returns:": returned and not is_property and not is_iterator,
        "Yields:": is_iterator,
        "Raises:": any(_raises(node) for node in ast.walk(function)),
    }
    return [section for section, needed in wanted.items() if needed and section not in text]


def _raises(node: ast.AST) -> bool:
    return isinstance(node, ast.Raise) and node.exc is not None and "UserError" in ast.unparse(node)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_public_functions_document_arguments_results_and_errors(path):
    found = {
        function.name: sections
        for function in public_functions(ast.parse(path.read_text(encoding="utf-8")))
        if not function.name.startswith("_") and COMMANDS not in path.parents
        if (sections := lacking(function))
    }
    assert found == {}


EXAMPLES = [path for path in SOURCES if ">>>" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_print_what_they_say(path):
    module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    assert doctest.testmod(module).failed == 0
