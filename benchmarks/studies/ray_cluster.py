"""A study on a Ray cluster that loses a node half-way; its tables must equal a local run's.

    pip install "ufgen[ray]"
    python benchmarks/studies/ray_cluster.py [--steps 4]

Two nodes of one CPU each are simulated on this machine; one is killed in the middle of a trial,
when half of the 24 are finished. Prints how many trials were begun again, and whether the tables
are equal byte for byte.
"""

import argparse
import sys
import tempfile
import threading
import time
from pathlib import Path

import yaml

TABLES = ("metrics.csv", "predictions.csv", "deltas.csv", "verdict.json")


def write_study(root: Path, images: Path, steps: int) -> Path:
    content = {
        "name": "small",
        "images": {"path": str(images), "resolution": 32},
        "generator": {
            "seeds": [0, 1],
            "options": {"kimg": 0.064, "width": 4, "batch": 16, "precision": "float32"},
        },
        "arms": ["real", "real+classical", "real+synthetic@0.5", "synthetic"],
        "classifiers": ["mobilenet_v3_small"],
        "seeds": [0, 1, 2, 3],
        "training": {"steps": steps, "batch": 8, "evaluations": 2, "precision": "float32"},
        "bootstrap": 200,
    }
    (root / "small.yaml").write_text(yaml.safe_dump(content))
    return root / "small.yaml"


def main() -> bool:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=4)
    options = parser.parse_args()
    import ray
    from ray.cluster_utils import Cluster

    from experiments import runner
    from experiments.design import study_yaml
    from experiments.running import executors
    from experiments.running.executors import ray_tasks
    from ufgen import phantom

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        images = phantom.write_set(root / "set", 40, 24, 32, 0, show_progress=False)
        study = study_yaml.read(write_study(root, images, options.steps))
        begun, train_trial = root / "begun.txt", ray_tasks.train_trial

        def noted(*asked):
            """The task, with its name and its node written when it begins."""
            with begun.open("a") as file:
                file.write(f"{asked[1]} {ray.get_runtime_context().get_node_id()}\n")
            return train_trial(*asked)

        ray_tasks.train_trial = noted
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        lost = cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()

        def kill_one_node() -> None:
            finished, there = set(), set()
            while len(finished) < len(study.trials()) // 2 or there <= finished:
                time.sleep(0.02)
                finished = {file.parent.name for file in root.glob("ray/small/trials/*/trial.json")}
                lines = begun.read_text().splitlines() if begun.exists() else []
                there = {line.split()[0] for line in lines if line.endswith(lost.node_id)}
            cluster.remove_node(lost, allow_graceful=False)
            print(f"killed one of two nodes, {len(finished)} trials finished; there: {len(there)}")

        threading.Thread(target=kill_one_node, daemon=True).start()
        started = time.monotonic()
        with executors.choose("ray", cluster.address) as executor:
            runner.run(study, root / "ray", "ray", executor=executor)
        print(f"on the cluster: {time.monotonic() - started:.0f} s")
        cluster.shutdown()
        started = time.monotonic()
        runner.run(study, root / "local", "local")
        print(f"local: {time.monotonic() - started:.0f} s")
        places = [root / where / "small" for where in ("ray", "local")]
        equal = [[(place / name).read_bytes() for name in TABLES] for place in places]
        again = len(begun.read_text().splitlines()) - len(study.trials())
        print(f"{len(study.trials())} trials, {again} run again; equal: {equal[0] == equal[1]}")
        return equal[0] == equal[1]


if __name__ == "__main__":
    from ufgen import environment

    environment.prepare()
    environment.import_keras()
    sys.exit(not main())
