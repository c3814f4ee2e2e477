"""How many mutants the tests kill, file by file.

    mutmut run && python benchmarks/mutants.py [--survivors] [FILE ...]
    python benchmarks/mutants.py --sample 80 --run [--survivors] [FILE ...]

A mutant is the code with one small change (a sign, a bound, an argument): it is killed where a test
fails, or never ends. `mutmut run` checks all of them, by what pyproject.toml says, which takes
hours; --sample draws so many of each file at random, always the same, and --run checks those that
no test has killed yet. The results lie in mutants/: without that folder all are checked again.
--survivors shows the change of each mutant that no test noticed.
"""

import argparse
import json
import random
import subprocess
import sys
from pathlib import Path

from mutmut import __main__ as mutmut
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.stats import status_by_exit_code

WANTED = 0.85
KILLED = ("killed", "timeout", "segfault")
UNCHECKED = "not checked"
PROCESSES = 2


def generate() -> None:
    """Write the mutants of all files to mutants/, as `mutmut run` does before it runs a test."""
    set_mutant_under_test("mutant_generation")
    Path("mutants").mkdir(exist_ok=True)
    mutmut.copy_src_dir()
    mutmut.copy_also_copy_files()
    mutmut.create_mutants(PROCESSES)


def results(file: Path, count: int | None) -> dict[str, str]:
    """The status of each mutant of a file, or of `count` of them drawn at random, by its name."""
    codes = json.loads(Path("mutants", f"{file}.meta").read_text())["exit_code_by_key"]
    names = sorted(codes)
    if count is not None and count < len(names):
        names = sorted(random.Random(0).sample(names, count))
    return {name: status_by_exit_code[codes[name]] for name in names}


def change(file: Path, mutant: str) -> str:
    """The lines that a mutant takes away and puts in."""
    lines = get_diff_for_mutant(mutant, path=file).splitlines()[2:]
    return "\n".join(f"    {line}" for line in lines if line[:1] in "-+")


def row(file: Path, table: dict[str, str]) -> str:
    """A file's row of the table."""
    total = len(results(file, None))
    checked = [status for status in table.values() if status != UNCHECKED]
    killed = sum(status in KILLED for status in checked)
    share = f"{killed / len(checked):.0%}" if checked else "-"
    below = f" (below {WANTED:.0%})" if killed < WANTED * len(checked) else ""
    return f"| `{file}` | {killed} | {len(checked)} | {total} | {share}{below} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--sample", type=int, metavar="N", help="so many mutants of each file")
    parser.add_argument("--run", action="store_true", help="check those that are not yet killed")
    parser.add_argument("--survivors", action="store_true", help="show what no test noticed")
    options = parser.parse_args()
    if options.run:
        generate()
    found = [p.relative_to("mutants").with_suffix("") for p in Path("mutants").rglob("*.py.meta")]
    tables = {file: results(file, options.sample) for file in sorted(options.files or found)}
    tables = {file: table for file, table in tables.items() if table}
    if options.run:
        left = [n for t in tables.values() for n, status in t.items() if status not in KILLED]
        command = [Path(sys.executable).with_name("mutmut"), "run", "--max-children", PROCESSES]
        if left:
            subprocess.run([*map(str, command), *left], check=True)
        tables = {file: results(file, options.sample) for file in tables}
    for file, table in tables.items() if options.survivors else ():
        for mutant, status in table.items():
            if status not in (*KILLED, UNCHECKED):
                print(f"{mutant}: {status}\n{change(file, mutant)}")
    print("| file | killed | checked | mutants | share |", "|---|---|---|---|---|", sep="\n")
    print(*(row(file, table) for file, table in tables.items()), sep="\n")


if __name__ == "__main__":
    main()
