"""ufgen's training against plain PyTorch and Keras loops with the same networks, in one run.

    pip install torch==2.13.0
    python benchmarks/generation/training_speed.py [--recipes dcgan residual]
        [--rounds 3] [--seconds 20]

Each takes its turn in a process of its own, warmed up, ROUNDS times; printed are the medians of the
real images shown a second, their ratios (ufgen in the precision that it chooses, and in float32 as
the others), and the share of the machine's measured matrix product peak that the networks' products
take (only those of convolutions and dense layers are counted). All of it runs on the CPU.

The two plain loops do as PyTorch's DCGAN tutorial and Keras' DCGAN example: the discriminator's
update first, then the generator's with a pass of its own. `keras-tuned` takes both updates from one
pass, as ufgen does, and eight steps in one program.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
CONTESTANTS = ("ufgen", "ufgen-float32", "torch", "keras", "keras-tuned")
PEAK_SIZE = 2048
WARM_UP = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipes", nargs="+", default=["dcgan", "residual"])
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--alone", choices=(*CONTESTANTS, "peak"), help="one turn, in this process")
    options = parser.parse_args()
    if options.alone == "peak":
        print(json.dumps(matmul_peak()))
    elif options.alone:
        print(json.dumps(turn(options)))
    else:
        compare(options)


def compare(options) -> None:
    peak = alone(options, "peak", options.recipes[0])
    print("matrix product peak:", ", ".join(f"{k} {v:.0f} GFLOP/s" for k, v in peak.items()))
    for recipe in options.recipes:
        found = {name: [] for name in CONTESTANTS}
        for _ in range(options.rounds):
            for name in CONTESTANTS:
                found[name].append(alone(options, name, recipe))
            counts = {tuple(turns[0]["parameters"]) for turns in found.values()}
            assert len(counts) == 1, f"the networks differ: {counts}"
        speed = {
            name: statistics.median(t["images_per_second"] for t in turns)
            for name, turns in found.items()
        }
        ours = found["ufgen"][0]
        precisions = {turn["precision"] for turn in found["ufgen"]}
        assert len(precisions) == 1, f"ufgen chose different precisions: {precisions}"
        work = speed["ufgen"] * ours["gflop_per_image"]
        print(f"{recipe} at {options.resolution} px, {sum(ours['parameters']):,} parameters")
        for name, turns in found.items():
            each = ", ".join(f"{t['images_per_second']:.0f}" for t in turns)
            print(f"  {name}: {speed[name]:.0f} images/s ({each}), {turns[0]['precision']}")
        plain = max(speed["torch"], speed["keras"])
        for name in ("ufgen", "ufgen-float32"):
            print(
                f"  {name} against the faster plain loop: {speed[name] / plain:.2f}, "
                f"against keras-tuned: {speed[name] / speed['keras-tuned']:.2f}"
            )
        share = work / peak[ours["precision"]]
        print(f"  {work:.0f} GFLOP/s: {share:.0%} of the peak in {ours['precision']}", flush=True)


def alone(options, name: str, recipe: str) -> dict:
    command = [sys.executable, __file__, "--alone", name, "--recipes", recipe]
    command += ["--seconds", str(options.seconds), "--resolution", str(options.resolution)]
    on_cpu = os.environ | {"CUDA_VISIBLE_DEVICES": "", "KERAS_BACKEND": "tensorflow"}
    made = subprocess.run(command, env=on_cpu, capture_output=True, text=True, check=False)
    if made.returncode:
        sys.exit(f"{name}: {made.stderr[-3000:]}")
    return json.loads(made.stdout.splitlines()[-1])


def turn(options) -> dict:
    """One contestant's images/s over `seconds`, after a warm-up."""
    import numpy as np

    from ufgen import environment

    if options.alone.startswith("ufgen"):
        environment.prepare()
    from ufgen.gan.recipe import load_recipe

    fields = {"precision": "float32"} if options.alone == "ufgen-float32" else {}
    recipe = load_recipe(options.recipes[0], resolution=options.resolution, **fields)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (484, *2 * [recipe.resolution], recipe.channels), "uint8")
    loop = contestant(options.alone)(recipe, pixels, rng.integers(0, 2, 484).astype("int32"))
    loop.run(WARM_UP)
    started = time.perf_counter()
    a_step = (loop.run(WARM_UP) - started) / WARM_UP
    steps = max(1, round(options.seconds / a_step / WARM_UP)) * WARM_UP
    started = time.perf_counter()
    spent = loop.run(steps) - started
    found = {"images_per_second": steps * recipe.batch / spent, "precision": "float32"}
    return found | {"parameters": loop.parameters()} | getattr(loop, "about", {})


def contestant(name: str):
    if name == "torch":
        from plain.torch_loop import Loop
    elif name == "keras":
        from plain.keras_loop import Loop
    elif name == "keras-tuned":
        from plain.keras_loop import TunedLoop as Loop
    else:
        from plain.ufgen_loop import Loop
    return Loop


def matmul_peak() -> dict[str, float]:
    """GFLOP/s of large matrix products, the best of ten, by precision."""
    import tensorflow as tf

    found = {}
    for precision in ("float32", "bfloat16"):
        a = tf.cast(tf.random.normal((PEAK_SIZE, PEAK_SIZE)), precision)
        product = tf.function(lambda a: tf.reduce_sum(tf.cast(a @ a, "float32")))
        seconds = []
        for _ in range(12):
            started = time.perf_counter()
            float(product(a))
            seconds.append(time.perf_counter() - started)
        found[precision] = 2 * PEAK_SIZE**3 / min(seconds) / 1e9
    return found


if __name__ == "__main__":
    main()
