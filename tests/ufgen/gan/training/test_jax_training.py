"""A generator trains on JAX, without TensorFlow, as exactly as on TensorFlow."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import on_jax
import pytest

JAX_TRAINING = """
import signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import keras
from small_generators import Recipe, SHORT, assert_same, discs, generate_to, weights
from ufgen.gan.training import trainer
assert keras.backend.backend() == "jax" and "tensorflow" not in sys.modules
root = Path(sys.argv[1])
images, pixels = discs(10)
recipe = Recipe(resolution=32, r1=1.0, penalty_every=2, **SHORT | {"batch": 8})
whole = trainer.train_generator(images, pixels, recipe, root / "whole", show_progress=False)
run_program = trainer._Training._run_program
def interrupt(training):
    if training.state.step == 10:
        signal.raise_signal(signal.SIGINT)
    return run_program(training)
trainer._Training._run_program = interrupt
try:
    trainer.train_generator(images, pixels, recipe, root / "parts", show_progress=False)
except KeyboardInterrupt:
    trainer._Training._run_program = run_program
parts = trainer.train_generator(images, pixels, recipe, root / "parts", show_progress=False)
assert_same(weights(parts), weights(whole))
generate_to(root / "s", parts, {"dark": 2}, images=images, pixels=pixels)
"""


@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
def test_jax_trains_on_two_devices_resumes_and_draws(tmp_path):
    finished = subprocess.run(
        [sys.executable, "-c", JAX_TRAINING, str(tmp_path), str(Path(on_jax.__file__).parent)],
        env=on_jax.environment(
            devices=2,
            JAX_COMPILATION_CACHE_DIR=str(tmp_path / "compiled"),
            JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS="0.2",
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert "training on 2 devices" in finished.stdout
    assert len(list((tmp_path / "s" / "dark").glob("*.png"))) == 2
