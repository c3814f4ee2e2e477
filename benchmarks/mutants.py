"""How many mutants the tests kill, file by file.

    python benchmarks/mutants.py [--sample N] [--check] [--survivors] [FILE ...]

A mutant is the code with one small change (a sign, a bound, an argument): it is killed where a test
fails, or never ends. mutmut makes them, for the files that pyproject.toml names. --check runs the
`TESTS` of each mutant that none has killed yet: they are imported once, in a process that forks for
each mutant. --sample takes so many of a file at random, always the same. Results lie in mutants/:
without that folder all are checked again. --survivors shows the changes that no test noticed.
"""

import argparse
import json
import os
import random
import resource
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from mutmut import __main__ as mutmut
from mutmut.configuration import config
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.stats import status_by_exit_code

WANTED = 0.85
KILLED = ("killed", "timeout", "segfault")
UNCHECKED = "not checked"
PROCESSES = 2
CPU_SECONDS = 60
TESTS = {  # by the name of the file that is mutated
    "arms": ("arms_properties", "arms"),
    "calibration": ("calibration", "metrics"),
    "closeness_test": ("memorization_properties", "memorization"),
    "components": ("components", "estimation"),
    "distances": ("distances_properties", "class_weights", "distances"),
    "error_distribution": ("error_distribution", "estimation"),
    "estimation": ("estimation",),
    "feature_extractors": ("feature_extractors_properties", "texture"),
    "fidelity_table": ("fidelity_table_properties", "texture", "class_weights"),
    "filters": ("distances_properties", "filters"),
    "gate": ("memorization_properties", "gate"),
    "grouping": ("grouping", "splits_properties", "splits"),
    "memorization": ("memorization_properties", "memorization"),
    "metrics": ("metrics_properties", "metrics", "within_folds"),
    "multiplicity": ("multiplicity",),
    "nearest_neighbours": ("memorization_properties", "memorization"),
    "paired_tests": ("paired_tests",),
    "prdc": ("distances_properties", "filters"),
    "ranking": ("metrics_properties", "metrics", "within_folds"),
    "real_reference": ("memorization_properties", "real_reference"),
    "reliability": ("metrics_properties", "metrics"),
    "spending": ("spending",),
    "splits": ("splits_properties", "splits"),
    "verdicts": ("verdicts",),
    "weighting": ("weighting", "metrics_properties", "metrics"),
}


def test_file(name: str) -> str:
    return str(next(Path("tests").rglob(f"test_{name}.py")))


def generate() -> None:
    """Write the mutants of all files to mutants/, as `mutmut run` does before it runs a test."""
    set_mutant_under_test("mutant_generation")
    Path("mutants").mkdir(exist_ok=True)
    mutmut.copy_src_dir()
    mutmut.copy_also_copy_files()
    mutmut.create_mutants(PROCESSES)


def metadata(file: Path) -> dict:
    return json.loads(Path("mutants", f"{file}.meta").read_text())


def results(file: Path, count: int | None) -> dict[str, str]:
    """The status of each mutant of a file, or of `count` of them drawn at random, by its name."""
    codes = metadata(file)["exit_code_by_key"]
    names = sorted(codes)
    if count is not None and count < len(names):
        names = sorted(random.Random(0).sample(names, count))
    return {name: status_by_exit_code[codes[name]] for name in names}


def run(*arguments: str) -> int:
    """pytest without its output, in mutants/; its exit code."""
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        options = ["--rootdir=.", "-x", "-q", "-p", "no:cacheprovider"]
        return int(pytest.main([*options, *config().pytest_add_cli_args, *arguments]))


def fork(mutant: str, tests: list[str]) -> int:
    """Run the tests of a mutant, "" for the code itself, in a process of its own: its number."""
    if number := os.fork():
        return number
    limit = resource.getrusage(resource.RUSAGE_SELF).ru_utime + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (int(limit), int(limit) + 1))
    set_mutant_under_test(mutant)
    with tempfile.TemporaryDirectory() as folder:
        code = run(f"--basetemp={folder}/tests", *tests)
    os._exit(code)


def check(tables: dict[Path, dict[str, str]]) -> None:
    """Run the tests of all mutants of `tables` that are not killed, and write down the results."""
    files = {file: [test_file(name) for name in TESTS[file.stem]] for file in tables}
    home = Path.cwd()
    os.chdir("mutants")
    sys.path.insert(0, str(Path.cwd()))
    set_mutant_under_test("")
    if run("--collect-only", *sorted({test for tests in files.values() for test in tests})):
        raise SystemExit("the tests cannot be collected")
    running = {}

    def finish_one() -> None:
        number, status = os.wait()
        file, mutant = running.pop(number)
        code = os.waitstatus_to_exitcode(status)
        if not mutant and code:
            raise SystemExit(f"the tests of {file} fail without a mutant")
        if mutant:
            meta = json.loads(Path(f"{file}.meta").read_text())
            meta["exit_code_by_key"][mutant] = code
            Path(f"{file}.meta").write_text(json.dumps(meta, indent=4))

    for file, table in tables.items():
        left = [mutant for mutant, status in table.items() if status not in KILLED]
        for mutant in ["", *left] if left else ():
            if len(running) == PROCESSES:
                finish_one()
            running[fork(mutant, files[file])] = file, mutant
    while running:
        finish_one()
    os.chdir(home)


def change(file: Path, mutant: str) -> str:
    """The lines that a mutant takes away and puts in."""
    lines = get_diff_for_mutant(mutant, path=file).splitlines()[2:]
    return "\n".join(f"    {line}" for line in lines if line[:1] in "-+")


def row(file: Path, table: dict[str, str]) -> str:
    """A file's row of the table."""
    total = len(metadata(file)["exit_code_by_key"])
    checked = [status for status in table.values() if status != UNCHECKED]
    killed = sum(status in KILLED for status in checked)
    share = f"{killed / len(checked):.0%}" if checked else "-"
    below = f" (below {WANTED:.0%})" if killed < WANTED * len(checked) else ""
    return f"| `{file}` | {killed} | {len(checked)} | {total} | {share}{below} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--sample", type=int, metavar="N", help="so many mutants of each file")
    parser.add_argument("--check", action="store_true", help="run the tests of those not killed")
    parser.add_argument("--survivors", action="store_true", help="show what no test noticed")
    options = parser.parse_args()
    if options.check:
        generate()
    found = [p.relative_to("mutants").with_suffix("") for p in Path("mutants").rglob("*.py.meta")]
    tables = {file: results(file, options.sample) for file in options.files or sorted(found)}
    tables = {file: table for file, table in tables.items() if table}
    if options.check:
        check(tables)
        tables = {file: results(file, options.sample) for file in tables}
    for file, table in tables.items() if options.survivors else ():
        for mutant, status in table.items():
            if status not in (*KILLED, UNCHECKED):
                print(f"{mutant}: {status}\n{change(file, mutant)}")
    print("| file | killed | checked | mutants | share |", "|---|---|---|---|---|", sep="\n")
    print(*(row(file, table) for file, table in tables.items()), sep="\n")


if __name__ == "__main__":
    main()
