"""A study on real images at 25 % and 100 % of the training groups, and what it costs otherwise.

    python benchmarks/studies/real_study.py FOLDER --positive malignant
        --weights WEIGHTS [--out runs]

FOLDER holds train/ and test/; WEIGHTS are those of MobileNetV2, alpha 0.35, without its top: its
frozen features with a learnt head, and a MobileNetV3 from random weights. At 25 % the other
training images are the learning curve of the equivalent number of real images. Printed are both
verdicts, that number, the wall time, and what the same training runs would cost as separate
processes of Keras' stock recipe (`image_dataset_from_directory`, `compile`, `fit`), of which one of
each classifier is measured. Run again, it goes on where it stopped, and the wall time is
incomplete.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

SHARED = [
    *("real", "real+duplicated@1.0", "real+classical"),
    *("real+synthetic@0.5", "real+synthetic@1.0", "real+synthetic@2.0"),
    "real+synthetic@1.0:filtered",
]
STUDIES = {0.25: [*SHARED, "real+oracle@1.0", "real+oracle@3.0"], 1.0: SHARED}
SIZE, BATCH = 64, 32
FROZEN, SCRATCH = "keras:MobileNetV2?alpha=0.35", "mobilenet_v3"
STEPS = {FROZEN: 300, SCRATCH: 150}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--positive", required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--kimg", type=float, default=60)
    parser.add_argument("--out", type=Path, default=Path("runs"))
    parser.add_argument("--fractions", type=float, nargs="+", choices=STUDIES, default=[*STUDIES])
    parser.add_argument("--alone", help="one process of the stock recipe with this network")
    options = parser.parse_args()
    if options.alone:
        return stock_trial(options)
    spent, trials = 0.0, dict.fromkeys(STEPS, 0)
    for fraction in options.fractions:
        started = time.perf_counter()
        study, report = run(options, fraction, STUDIES[fraction])
        spent += time.perf_counter() - started
        for trial in study.trials():
            trials[trial.classifier.name] += 1
        found = json.loads((report.parent / "verdict.json").read_text())
        print(
            f"\n{study.name}: {found['sentence']}",
            *found["equivalent_real_images"],
            report,
            sep="\n",
        )
    print(f"\nufgen: {spent / 60:.1f} min for {sum(trials.values())} trials and their generators")
    stock = 0.0
    for name, count in trials.items():
        started = time.perf_counter()
        subprocess.run([sys.executable, *sys.argv, "--alone", name], check=True)
        each = time.perf_counter() - started
        stock += each * count
        print(f"stock {name}: {each:.0f} s a process, {count} of them {each * count / 60:.0f} min")
    print(
        f"stock processes, without any generator: {stock / 60:.0f} min, {stock / spent:.1f} times"
    )
    return None


def run(options, fraction: float, arms: list[str]):
    from ufgen import environment

    environment.prepare()
    environment.import_keras()
    from experiments import runner
    from experiments.design.study import Study

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
        generator={"recipe": "fast", "seeds": [0, 1], "options": {"kimg": options.kimg}},
        arms=arms,
        classifiers=[
            {
                "name": FROZEN,
                "weights": options.weights,
                "training": {"trained": "head", "learning_rate": 1e-3},
            },
            SCRATCH,
        ],
        seeds=[0, 1, 2, 3, 4],
        training={"steps": STEPS[SCRATCH], "batch": BATCH},
    )
    study.classifiers[0].training["steps"] = STEPS[FROZEN]
    command = f"python benchmarks/studies/real_study.py --positive {options.positive}"
    return study, runner.run(study, options.out, command)


def stock_trial(options) -> None:
    """As a script would do it: read the folder, build, train, predict the test images."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    from classifier_speed import stock_network

    frozen = options.alone == FROZEN
    network = stock_network(options.alone, SIZE, options.weights if frozen else "none")
    network.backbones[0].trainable = not frozen
    train, validation, test = (
        keras.utils.image_dataset_from_directory(
            options.folder / part,
            label_mode="binary",
            image_size=(SIZE, SIZE),
            batch_size=BATCH,
            verbose=False,
            **split,
        )
        for part, split in (
            ("train", {"validation_split": 0.2, "subset": "training", "seed": 0}),
            ("train", {"validation_split": 0.2, "subset": "validation", "seed": 0}),
            ("test", {"shuffle": False}),
        )
    )
    network.model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    network.model.fit(
        train.repeat(),
        steps_per_epoch=STEPS[options.alone] // 10,
        epochs=10,
        validation_data=validation,
        verbose=0,
    )
    network.model.predict(test, verbose=0)


if __name__ == "__main__":
    main()
