"""Which precision trains faster on this machine: measured, in seconds."""

import time

from ufgen.gan.recipe import Recipe
from ufgen.gan.step import Adversaries

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
STEPS, REPEATS = 2, 3
GAIN = 1.1


def measure(recipe: Recipe, classes: int, constants: dict) -> dict[str, float]:
    """Seconds for one optimiser step in each precision: the fastest of three, taken in turn."""
    programs, seconds = {}, {}
    for name, policy in POLICIES.items():
        programs[name] = Adversaries(recipe, classes, policy).program(STEPS)
        _run(programs[name], constants)
    for _ in range(REPEATS):
        for name, program in programs.items():
            started = time.perf_counter()
            _run(program, constants)
            spent = (time.perf_counter() - started) / STEPS
            seconds[name] = min(spent, seconds.get(name, spent))
    return seconds


def choose(seconds: dict[str, float]) -> str:
    """bfloat16 where it is at least a tenth faster; else the more exact float32."""
    return "bfloat16" if seconds["float32"] > GAIN * seconds["bfloat16"] else "float32"


def _run(program, constants: dict) -> None:
    float(program(constants)["generator_loss"])
