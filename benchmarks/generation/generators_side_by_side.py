"""Generators of a study one after the other and side by side, in turn: seconds of each.

    python benchmarks/generation/generators_side_by_side.py FOLDER --positive malignant
        [--resolution 64] [--count 4] [--kimg 1] [--rounds 2]

One after the other each has all cores; side by side these are divided among them, and the time to
start the processes counts.
"""

import argparse
import tempfile
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--positive", required=True)
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--count", type=int, default=4)
    parser.add_argument("--kimg", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    from experiments.design.study import Study
    from experiments.running.data_split import read_images, split_by_role
    from experiments.running.executors import side_by_side, threads, worker_count
    from experiments.running.synthetic_images import missing_generators
    from ufgen.gan.training import trainer

    images = {"path": str(options.folder), "positive": options.positive, "fit": "pad"}
    study = Study.model_validate({
        "name": "generators",
        "images": images | {"resolution": options.resolution},
        "arms": ["real", "real+synthetic@1.0"],
        "generator": {"options": {"kimg": options.kimg}, "seeds": list(range(options.count))},
        "classifiers": ["hybrid"],
    })  # fmt: skip
    data = split_by_role(study, read_images(study))
    beside = min(options.count, threads.cores())
    rule = worker_count.of_generators(study.generator_recipe(), options.count)
    print(f"{threads.cores()} cores; the rule says {rule} side by side")
    for number in range(options.rounds):
        seconds = {}
        for count in (1, beside):
            with tempfile.TemporaryDirectory() as root:
                missing = missing_generators(study, [data], Path(root))
                began = time.perf_counter()
                if count == 1:
                    for folder, (fit, recipe) in missing.items():
                        pixels = data.store.take(fit)
                        trainer.train_generator(fit, pixels, recipe, folder.parent, False)
                else:
                    each = threads.of_a_generator(count)
                    side_by_side.train_generators(missing, data.store, count, each)
                seconds[count] = time.perf_counter() - began
        print(
            f"round {number + 1}: one after the other {seconds[1]:.1f} s, {beside} side by side "
            f"{seconds[beside]:.1f} s: {seconds[1] / seconds[beside]:.2f} times as fast",
            flush=True,
        )


if __name__ == "__main__":
    from ufgen import environment

    environment.prepare()
    environment.import_keras()
    main()
