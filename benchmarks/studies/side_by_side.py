"""Trials of a study one after the other and side by side, in turn: seconds, and equal tables.

    python benchmarks/studies/side_by_side.py --weights mobilenet_v2_0.35_224_notop.weights.h5
    python benchmarks/studies/side_by_side.py --classifier custom_resnet50 --seeds 6 --steps 20

Phantom images at 64 px, two arms. With --weights a head on the frozen network is trained, without
a whole network from random weights. Three ways: in this process, with a thread for each core (for
whole networks that changes the numbers); in one worker of one thread; in --workers of them.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path

TABLE = "predictions.csv"


def study(images: Path, options: argparse.Namespace):
    from experiments.design.study import Study

    head = {"trained": "head"} if options.weights else {}
    return Study.model_validate({
        "name": "phantom",
        "images": {"path": str(images), "positive": "UF", "resolution": 64},
        "arms": ["real", "real+duplicated@1.0"],
        "classifiers": [{"name": options.classifier, "weights": options.weights or "none"}],
        "seeds": list(range(options.seeds)),
        "training": {"steps": options.steps, "batch": 16, "evaluations": 5} | head,
    })  # fmt: skip


def processor_seconds() -> float:
    """Of this process and of those that have ended."""
    who = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, who))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--classifier", default="keras:MobileNetV2?alpha=0.35")
    parser.add_argument("--weights", help="of the frozen network")
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    from experiments import runner
    from experiments.running.executors import side_by_side
    from experiments.running.executors.local import LocalExecutor
    from ufgen import phantom
    from ufgen.progress import Progress

    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        images = phantom.write_set(root / "set", 400, 400, 64, 0, False)
        ways = ("here", 1, options.workers)
        seconds = {way: [] for way in ways}
        for number in range(options.rounds):
            texts = {}
            for way in ways:
                executor = LocalExecutor(1)
                folder = root / f"{way}-{number}"
                prepared = runner.prepare(study(images, options), folder, root, executor)
                jobs, hidden = prepared.jobs, Progress(disable=True)
                began, used = time.perf_counter(), processor_seconds()
                if way == "here":
                    executor._run_here(prepared.context, jobs, 1, hidden)
                else:
                    side_by_side.run(prepared.context, jobs, way, hidden)
                seconds[way].append(time.perf_counter() - began)
                texts[way] = [(job.folder / TABLE).read_text() for job in jobs]
                trial = [json.loads((job.folder / "trial.json").read_text()) for job in jobs]
                each = sorted(metadata["seconds"] for metadata in trial)[len(trial) // 2]
                print(
                    f"{way}: {len(jobs)} trials in {seconds[way][-1]:.1f} s, processor "
                    f"{processor_seconds() - used:.1f} s, median of a trial {each} s, "
                    f"load {os.getloadavg()[0]:.1f}",
                    flush=True,
                )
            print(f"round {number + 1}: " + ", ".join(
                f"{way} equals {ways[-1]}: {texts[way] == texts[ways[-1]]}, "
                f"{seconds[way][-1] / seconds[ways[-1]][-1]:.2f} times as long"
                for way in ways[:-1]
            ), flush=True)  # fmt: skip


if __name__ == "__main__":
    from ufgen import environment

    environment.prepare()
    environment.import_keras()
    main()
