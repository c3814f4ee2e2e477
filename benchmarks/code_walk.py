"""The walk of a study through the files: how often a reader must change room, and return.

    python benchmarks/code_walk.py [--all]

Runs a small study on simulated images and notes each function of ufgen when it is first entered.
Functions entered one after the other in one file are one stay; a stay in a file that was visited
before is a return. Counted for files and for folders, of `experiments` alone or of all packages.
"""

import argparse
import itertools
import sys
import tempfile
from pathlib import Path

from ufgen.environment import prepare

prepare()

import ufgen  # noqa: E402
from ufgen import phantom  # noqa: E402

ROOT = Path(ufgen.__file__).parents[1]
PACKAGES = ("ufgen", "classifiers", "experiments")
STUDY = """
name: small
images: {path: FOLDER, resolution: 32}
generator: {seeds: [0, 1], options: {kimg: 0.064, width: 4, batch: 16, precision: float32}}
arms: [real, real+duplicated@1.0, real+classical, real+synthetic@0.5]
classifiers: ["keras:MobileNet?alpha=0.25"]
seeds: [0, 1]
training: {steps: 4, batch: 8, evaluations: 2, precision: float32}
bootstrap: 200
"""


def walk(packages: tuple[str, ...], action) -> list[Path]:
    """The file of each function of `packages`, in the order in which they are first entered."""
    entered, files = set(), []

    def note(frame, event, _):
        code = frame.f_code
        if event != "call" or code in entered or code.co_name.startswith("<"):
            return
        path = Path(code.co_filename)
        if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in packages:
            entered.add(code)
            files.append(path.relative_to(ROOT))

    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
    return files


def describe(what: str, places: list[Path]) -> None:
    stays = [place for place, _ in itertools.groupby(places)]
    rooms = len(set(stays))
    print(f"{what}: {len(stays)} stays in {rooms}, {len(stays) - rooms} returns")


def study(folder: Path) -> None:
    try:
        from experiments.design import study_yaml as study_file
    except ImportError:  # before the move
        from experiments import study_file
    from experiments import runner

    runner.run(study_file.read(folder / "small.yaml"), folder / "runs", "ufgen experiment")


parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--all", action="store_true", help="all packages, not experiments alone")

if __name__ == "__main__":
    packages = PACKAGES if parser.parse_args().all else ("experiments",)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        phantom.write_set(folder / "images", 40, 24, 32, 0, False)
        (folder / "small.yaml").write_text(STUDY.replace("FOLDER", str(folder / "images")))
        files = walk(packages, lambda: study(folder))
    describe("files", files)
    describe("folders", [file.parent for file in files])
