"""How many mutants the tests kill, file by file: what `make mutants` prints after `mutmut run`.

    python benchmarks/mutants.py [--survivors] [FILE ...]

A mutant is the code with one small change (a sign, a bound, an argument): it is killed where a test
fails, or never ends. The results are read from mutants/, which `mutmut run` fills by what
pyproject.toml says; --survivors shows the change of each mutant that no test noticed.
"""

import argparse
import json
from pathlib import Path

from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code

WANTED = 0.85
KILLED = ("killed", "timeout", "segfault")
UNCHECKED = "not checked"


def results(file: Path) -> dict[str, str]:
    """The status of each mutant of a file, by its name."""
    codes = json.loads(Path("mutants", f"{file}.meta").read_text())["exit_code_by_key"]
    return {name: status_by_exit_code[code] for name, code in codes.items()}


def change(file: Path, mutant: str) -> str:
    """The lines that a mutant takes away and puts in."""
    lines = get_diff_for_mutant(mutant, path=file).splitlines()[2:]
    return "\n".join(f"    {line}" for line in lines if line[:1] in "-+")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--survivors", action="store_true")
    options = parser.parse_args()
    found = [p.relative_to("mutants").with_suffix("") for p in Path("mutants").rglob("*.py.meta")]
    tables = {file: results(file) for file in sorted(options.files or found)}
    tables = {file: table for file, table in tables.items() if table}
    for file, table in tables.items() if options.survivors else ():
        for mutant, status in table.items():
            if status not in (*KILLED, UNCHECKED):
                print(f"{mutant}: {status}\n{change(file, mutant)}")
    print("| file | killed | mutants | share |", "|---|---|---|---|", sep="\n")
    for file, table in tables.items():
        checked = [status for status in table.values() if status != UNCHECKED]
        killed = sum(status in KILLED for status in checked)
        share = f"{killed / len(checked):.0%}" if checked else "-"
        below = f" (below {WANTED:.0%})" if killed < WANTED * len(checked) else ""
        left = len(table) - len(checked)
        below += f" ({left} not checked)" if left else ""
        print(f"| `{file}` | {killed} | {len(checked)} | {share}{below} |")


if __name__ == "__main__":
    main()
