"""A study on real images at 25 % and 100 % of the training groups: what it decides, and its cost.

    python benchmarks/studies/real_study.py FOLDER --positive malignant --weights WEIGHTS
        [--kimg 20] [--seeds 10] [--fractions 0.25 1.0] [--out runs]

Cross-validated over all images of FOLDER: five folds, three generators in each, seeds of a head on
frozen features of MobileNetV2 (alpha 0.35; WEIGHTS are those without its top). At 25 % the
other training images are oracle arms. Printed are the verdict, the half-width of the headline's
interval, every arm, and the time. Run again, it goes on where it stopped, and the wall time is
incomplete; the times of trials and generators are those of their training.
"""

import argparse
import json
import time
from pathlib import Path

import pandas as pd

ARMS = [
    *("real", "real+duplicated@1.0", "real+synthetic@0.25", "real+synthetic@1.0"),
    *("real+synthetic@1.0:filtered", "pretrain:synthetic@1.0>real"),
]
ORACLES = ["real+oracle@1.0", "real+oracle@3.0"]
SIZE = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--positive", required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--kimg", type=float, default=20)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--fractions", type=float, nargs="+", default=[0.25, 1.0])
    parser.add_argument("--out", type=Path, default=Path("runs"))
    options = parser.parse_args()
    for fraction in options.fractions:
        started = time.perf_counter()
        report = run(options, fraction)
        found = json.loads((report.parent / "verdict.json").read_text())
        machine = json.loads((report.parent / "environment.json").read_text())
        deltas = pd.read_csv(report.parent / "deltas.csv")
        columns = ["arm", "baseline", "value", "delta", "low", "high", "confidence", "verdict"]
        primary = deltas[(deltas["classifier"] == "all") & (deltas["metric"] == "roc_auc")]
        half_width = (found["primary"]["high"] - found["primary"]["low"]) / 2
        print(f"\n{report.parent.name}: {found['headline']}\n{found['probabilities']}")
        print(f"{found['scope']}\nHalf-width of the headline's interval: {half_width:.4f}")
        print(primary[columns].round(4).to_string(index=False))
        print(*found["equivalent_real_images"], sep="\n")
        minutes = (time.perf_counter() - started) / 60
        print(f"{machine['training time']}; this run {minutes:.1f} min")


def run(options: argparse.Namespace, fraction: float) -> Path:
    """Run the study at one fraction of the training groups; return its report."""
    from ufgen import environment

    environment.prepare()
    environment.import_keras()
    from experiments import runner
    from experiments.design.study import Study
    from experiments.running import executors

    study = Study(
        name=f"real_{round(100 * fraction)}",
        question="Do synthetic images help to tell the positive class?",
        images={
            "path": str(options.folder),
            "positive": options.positive,
            "resolution": SIZE,
            "fit": "pad",
            "fraction": fraction,
        },
        folds=5,
        generator={"recipe": "fast", "seeds": [0, 1, 2], "options": {"kimg": options.kimg}},
        arms=ARMS + (ORACLES if fraction < 0.3 else []),
        classifiers=[{"name": "keras:MobileNetV2?alpha=0.35", "weights": options.weights}],
        seeds=list(range(options.seeds)),
        training={"trained": "head", "steps": 300, "batch": 32, "learning_rate": 1e-3},
    )
    command = f"python benchmarks/studies/real_study.py --positive {options.positive}"
    with executors.choose() as local:
        return runner.run(study, options.out, command, executor=local)


if __name__ == "__main__":
    main()
