"""Training speed of the classifiers against Keras' stock recipe, in turn, in one run.

    python benchmarks/classification/classifier_speed.py FOLDER [--networks ...]
        [--sizes 96 224] [--rounds 2]
    python benchmarks/classification/classifier_speed.py FOLDER --trials 20

FOLDER holds images in a folder for each class. The stock recipe is `image_dataset_from_directory`,
`compile` and `fit` with their defaults (batches of 32, float32), on the same networks, a process
for each; images/s from its second epoch on. ufgen decodes once and trains in the precision that it
measures to be faster. By default Keras compiles with XLA, which is slow on a CPU; so the recipe is
also timed without. With --trials, whole short trials are timed instead: ufgen's in one process,
the stock recipe's each in a process of its own, a few of which stand for all.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

BATCH = 32
NETWORKS = ("custom_resnet50", "mobilenet_v3", "hybrid")
TRIAL = {"network": "mobilenet_v3", "size": 96, "steps": 16}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--sizes", nargs="+", type=int, default=[96, 224])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=30, help="of training in each turn")
    parser.add_argument("--trials", type=int, default=0)
    parser.add_argument("--weights", default="none", help="of MobileNetV2, alpha 0.35")
    parser.add_argument("--alone", help="one turn, in this process")
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(TURNS[options.alone](options)))
    elif options.trials:
        compare_trials(options)
    else:
        compare(options)


def compare(options) -> None:
    for size in options.sizes:
        for name in options.networks:
            found = {"ufgen": [], "stock": [], "stock-without-xla": []}
            for _ in range(options.rounds):
                for who, turns in found.items():
                    turns.append(turn(options, who, name, size))
            speed = {
                who: statistics.median(t["images_per_second"] for t in turns)
                for who, turns in found.items()
            }
            each = {
                who: ", ".join(f"{t['images_per_second']:.1f}" for t in turns)
                for who, turns in found.items()
            }
            print(
                f"{name} at {size} px: ufgen {speed['ufgen']:.1f} images/s ({each['ufgen']}; "
                f"{found['ufgen'][0]['precision']})",
                *(
                    f"{who} {speed[who]:.1f} ({each[who]}): {speed['ufgen'] / speed[who]:.2f}"
                    for who in ("stock", "stock-without-xla")
                ),
                sep="; ",
                flush=True,
            )


def compare_trials(options) -> None:
    """Seconds of short trials: of the whole network, and of a head on a frozen backbone."""
    for kind in ("whole", *(["frozen"] if options.weights != "none" else [])):
        ours = turn(options, f"ufgen-{kind}", "-", 0)["seconds"]
        processes = []
        for _ in range(options.rounds):
            started = time.perf_counter()
            turn(options, f"stock-{kind}", "-", 0)
            processes.append(time.perf_counter() - started)
        theirs = statistics.median(processes) * options.trials
        print(
            f"{options.trials} {kind} trials: ufgen {ours:.0f} s in one process, stock "
            f"{theirs:.0f} s in as many processes ({options.rounds} measured, "
            f"{statistics.median(processes):.1f} s each): {theirs / ours:.1f}",
            flush=True,
        )


def turn(options, who: str, name: str, size: int) -> dict:
    command = [sys.executable, __file__, str(options.folder), "--alone", who]
    command += ["--networks", name, "--sizes", str(size), "--seconds", str(options.seconds)]
    command += ["--trials", str(options.trials), "--weights", options.weights]
    started = time.perf_counter()
    made = subprocess.run(
        command,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        sys.exit(f"{who} {name}: {made.stderr[-3000:]}")
    found = json.loads(made.stdout.splitlines()[-1])
    return {"seconds": time.perf_counter() - started} | found


def images_of(options, size: int):
    """Pixels and targets of the images, as ufgen reads them."""
    from ufgen.images import image_set, pixel_store

    labels = sorted(p.name for p in options.folder.iterdir() if p.is_dir())
    decoded = pixel_store.load(image_set.scan(options.folder, labels[-1]), size)
    return decoded.store.take(decoded.images), decoded.images.targets()


def ufgen_turn(options) -> dict:
    from ufgen import environment

    environment.prepare()
    environment.import_keras()
    import numpy as np

    from classifiers.training.batches import Examples
    from classifiers.training.settings import Training
    from classifiers.training.trainer import Classifier
    from ufgen import precision

    (name,), (size,) = options.networks, options.sizes
    pixels, targets = images_of(options, size)
    chosen = precision.choose_precision("auto", precision.faster_classifier_precision(name))
    classifier = Classifier(name, size, 1, precision=chosen)
    a_step = classifier.seconds_per_step(BATCH)
    steps = max(3, round(options.seconds / a_step))
    times = []
    training = Training(steps=steps + 1, batch=BATCH, evaluations=1, schedule="constant")
    few = Examples(pixels[:8], targets[:8] if len(set(targets[:8])) > 1 else np.arange(8) % 2)
    classifier.fit(
        Examples(pixels, targets), few, training, on_step=lambda: times.append(time.perf_counter())
    )
    spent = times[-1] - times[0]
    return {"images_per_second": (len(times) - 1) * BATCH / spent, "precision": chosen}


def stock_dataset(options, size: int):
    import keras

    return keras.utils.image_dataset_from_directory(
        options.folder, label_mode="binary", image_size=(size, size), verbose=False
    )


def stock_network(name: str, size: int, weights: str = "none"):
    """A network of ufgen with Keras' own layers of batch normalisation."""
    from classifiers import registry
    from ufgen import kernels

    kernels.use_fused_batch_normalization = lambda network: None
    return registry.build(name, size, 3, weights)


def stock_turn(options) -> dict:
    import keras

    (name,), (size,) = options.networks, options.sizes
    model = stock_network(name, size).model
    xla = {} if options.alone == "stock" else {"jit_compile": False}
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"], **xla)
    clock = []

    class Clock(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            clock.append((self.epoch, time.perf_counter()))
            second = [t for epoch, t in clock if epoch]
            if len(second) > 3 and second[-1] - second[0] > options.seconds:
                self.model.stop_training = True

        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

    data = stock_dataset(options, size)
    model.fit(data.take(3), epochs=1, verbose=0)  # compiles; the first epoch need not be whole
    model.fit(data, epochs=50, verbose=0, callbacks=[Clock()], initial_epoch=1)
    return {"images_per_second": (len(clock) - 1) * BATCH / (clock[-1][1] - clock[0][1])}


def ufgen_trials(options, kind: str) -> dict:
    from ufgen import environment

    environment.prepare()
    environment.import_keras()
    import numpy as np

    from classifiers.training.batches import Examples
    from classifiers.training.settings import Training
    from classifiers.training.trainer import Classifier

    pixels, targets = images_of(options, TRIAL["size"])
    held = np.arange(len(targets)) % 4 == 0
    train, validation = (Examples(pixels[rows], targets[rows]) for rows in (~held, held))
    name, weights, trained = TRIAL["network"], "none", "all"
    if kind == "frozen":
        name, weights, trained = "keras:MobileNetV2?alpha=0.35", options.weights, "head"
    classifier = Classifier(name, TRIAL["size"], 1, weights)
    training = Training(
        steps=TRIAL["steps"], batch=BATCH, evaluations=1, trained=trained, precision="float32"
    )
    for seed in range(options.trials):
        classifier.fit(train, validation, training, seed)
        classifier.predict(validation.pixels)
    return {}


def stock_trial(options, kind: str) -> dict:
    import keras

    size, name, weights = TRIAL["size"], TRIAL["network"], "none"
    if kind == "frozen":
        name, weights = "keras:MobileNetV2?alpha=0.35", options.weights
    network = stock_network(name, size, weights)
    if kind == "frozen":
        network.backbones[0].trainable = False
    train, validation = keras.utils.image_dataset_from_directory(
        options.folder,
        label_mode="binary",
        image_size=(size, size),
        validation_split=0.25,
        subset="both",
        seed=0,
        verbose=False,
    )
    network.model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    network.model.fit(train.take(TRIAL["steps"]), validation_data=validation, verbose=0)
    network.model.predict(validation, verbose=0)
    return {}


TURNS = {
    "ufgen": ufgen_turn,
    "stock": stock_turn,
    "stock-without-xla": stock_turn,
    **{
        f"{who}-{kind}": (lambda options, kind=kind, call=call: call(options, kind))
        for who, call in (("ufgen", ufgen_trials), ("stock", stock_trial))
        for kind in ("whole", "frozen")
    },
}


if __name__ == "__main__":
    main()
