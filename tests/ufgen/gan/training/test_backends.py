"""TensorFlow and JAX train alike: the same losses from the same weights and inputs."""

import json
import os
import subprocess
import sys
from functools import cache
from importlib.util import find_spec

import gan_losses_over_steps as script
import keras
import numpy as np
import on_jax
import pytest

from ufgen.gan.recipe import Recipe

NEEDS_JAX = pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
RECIPES = {
    "dcgan, relativistic": {
        "loss": "relativistic",
        "r1": 0.5,
        "r2": 0.5,
        "penalty": "difference",
        "penalty_every": 2,
    },
    "residual, hinge, alternating": {
        "architecture": "residual",
        "patch": 4,
        "loss": "hinge",
        "updates": "alternate",
        "noise": False,
        "minibatch_stddev": True,
        "r1": 1.0,
        "penalty_every": 2,
        "beta1": 0.0,
    },
}
SHARED = {  # TensorFlow's devices have batch statistics of their own: not with dcgan
    "tensorflow": ["residual, hinge, alternating"],
    "jax": ["dcgan, relativistic"],
}


@cache
def losses(backend: str, devices: int) -> dict:
    """The losses of all RECIPES, or of those that are SHARED by devices.

    Those of TensorFlow on one device come from this process, the others each from one of their own.
    """
    same = {"resolution": 32, "width": 4, "batch": 8, "precision": "float32"}
    names = RECIPES if devices == 1 else SHARED[backend]
    recipes = {name: same | RECIPES[name] for name in names}
    if (backend, devices) == (keras.backend.backend(), 1):
        return {name: script.losses(Recipe(**fields)) for name, fields in recipes.items()}
    environment = on_jax.environment(devices) if backend == "jax" else os.environ
    finished = subprocess.run(
        [sys.executable, script.__file__, json.dumps(recipes), str(devices)],
        env=environment | {"KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    return json.loads(finished.stdout.splitlines()[-1])


@NEEDS_JAX
@pytest.mark.parametrize("name", RECIPES)
def test_both_backends_give_the_same_losses(name):
    one, other = (losses(backend, 1)[name]["rows"] for backend in ("tensorflow", "jax"))
    for number in ("generator_loss", "discriminator_loss", "penalty"):
        assert one[0][number] == pytest.approx(other[0][number], abs=1e-4)
        assert one[9][number] == pytest.approx(other[9][number], abs=1e-2)
    assert len({row["discriminator_loss"] for row in one}) == 10
    assert np.isfinite([list(row.values()) for row in one]).all()


@pytest.mark.parametrize("backend", ["tensorflow", pytest.param("jax", marks=NEEDS_JAX)])
def test_two_devices_that_share_the_batches_give_the_losses_of_one(backend):
    one, two = (losses(backend, devices) for devices in (1, 2))
    for name in SHARED[backend]:
        assert (len(one[name]["devices"]), len(two[name]["devices"])) == (1, 2)
        for number in ("generator_loss", "discriminator_loss", "penalty"):
            values, expected = ([row[number] for row in run[name]["rows"]] for run in (two, one))
            assert values[0] == pytest.approx(expected[0], abs=1e-4)
            assert values[9] == pytest.approx(expected[9], abs=1e-2)
