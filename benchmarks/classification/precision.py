"""Whether the rule of `ufgen.precision` picks the faster precision on this machine.

    python benchmarks/classification/precision.py [--resolution 64] [--rounds 3]

Prints milliseconds of one optimiser step of 16 images in each precision, the fastest of the rounds,
taken in turn; what `auto` chooses; and how much slower that is than the fastest.
"""

import argparse
import time

import numpy as np

from ufgen import environment

environment.prepare()
environment.import_keras()

from classifiers.training.trainer import Classifier  # noqa: E402
from ufgen import precision  # noqa: E402
from ufgen.gan.recipe import load_recipe  # noqa: E402
from ufgen.gan.training.adversarial_step import AdversarialStep, device_constants  # noqa: E402

BATCH, STEPS = 16, 2
CLASSIFIERS = ("custom_resnet50", "mobilenet_v3", "hybrid")


def generator(name: str, size: int, policy: str):
    """A function to the seconds of one step of a recipe."""
    recipe = load_recipe(name, resolution=size, batch=BATCH)
    pixels = np.random.default_rng(0).integers(0, 256, (64, size, size, 1), "uint8")
    constants = device_constants(recipe, pixels, np.arange(64, dtype="int32") % 2)
    program = AdversarialStep(recipe, 2, precision.POLICIES[policy]).program(STEPS)

    def step() -> float:
        started = time.perf_counter()
        float(program(constants)["generator_loss"])
        return (time.perf_counter() - started) / STEPS

    step()
    return step


def classifier(name: str, size: int, chosen: str):
    """A function to the seconds of one step of a classifier."""
    network = Classifier(name, size, 1, precision=chosen)
    return lambda: network.seconds_per_step(BATCH, 1)


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--resolution", type=int, default=64)
parser.add_argument("--rounds", type=int, default=3)
options = parser.parse_args()
print(f"instructions for bfloat16: {'yes' if precision.native_bfloat16() else 'no'}")
for name in ("dcgan", "residual", *CLASSIFIERS):
    of_network = (
        precision.faster_classifier_precision
        if name in CLASSIFIERS
        else precision.faster_generator_precision
    )
    timed = classifier if name in CLASSIFIERS else generator
    candidates = dict.fromkeys([*precision.POLICIES, of_network(name)])
    steps = {chosen: timed(name, options.resolution, chosen) for chosen in candidates}
    seconds = {chosen: min(step() for _ in range(options.rounds)) for chosen, step in steps.items()}
    auto = precision.choose_precision("auto", of_network(name))
    figures = ", ".join(f"{chosen} {1000 * s:.0f} ms" for chosen, s in seconds.items())
    slower = seconds[auto] / min(seconds.values()) - 1
    print(f"{name}: {figures}; auto takes {auto}, {slower:.0%} slower than the fastest", flush=True)
