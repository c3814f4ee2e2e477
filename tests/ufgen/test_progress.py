"""Progress: bars at a terminal, lines in a log file, and no output of libraries."""

import subprocess
import sys

import pytest

from ufgen import progress
from ufgen.progress import Progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets: `clock["now"] = seconds`."""
    now = {"now": 0.0}
    monkeypatch.setattr(progress.time, "monotonic", lambda: now["now"])
    return now


def test_a_log_file_gets_a_line_a_stage_and_its_time(capsys, clock):
    with Progress(total=100, desc="decoding images", unit="img") as bar:
        for done in range(100):
            clock["now"] = 2.0 * done
            bar.update()
    assert capsys.readouterr().err == "decoding images ...\ndecoding images: 3 min 18 s\n"


def test_each_trial_is_a_stage(capsys, clock):
    with Progress(total=4) as bar:
        for trial, seconds in (("trial 1", 7), ("trial 2", 1)):
            bar.set_description(trial)
            bar.update(2)
            clock["now"] += seconds
    assert capsys.readouterr().err == "trial 1 ...\ntrial 1: 7 s\ntrial 2 ...\n"


def test_a_loop_is_a_stage_and_a_hidden_one_is_silent(capsys):
    assert list(Progress(range(3), desc="timing")) == [0, 1, 2]
    assert capsys.readouterr().err == "timing ...\n"
    assert list(Progress(range(3), desc="timing", disable=True)) == [0, 1, 2]
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar_with_the_time_left(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with Progress(total=10, desc="drawing", unit="img", mininterval=0) as bar:
        bar.update(5)
        bar.refresh()
    text = capsys.readouterr().err
    assert "drawing:  50%" in text and "<00:0" in text and "drawing ..." not in text


@pytest.mark.parametrize(
    ("seconds", "text"), [(59.4, "59 s"), (60, "1 min 0 s"), (7500, "2 h 5 min")]
)
def test_durations_read_well(seconds, text):
    assert progress._duration(seconds) == text


NOISE = """
import warnings
from ufgen import environment
environment.prepare()
environment.import_keras()
import absl.logging
import keras
import numpy as np
import tensorflow as tf

traced = tf.function(lambda x: x + 1)
for number in range(9):
    traced(number)  # TensorFlow warns of retracing
keras.Sequential([keras.layers.Dense(1, input_shape=(3,))])  # Keras of input_shape
image = keras.Input((3,))
model = keras.Model([image], keras.layers.Dense(1)(image))
model(np.zeros((1, 3), "float32"))  # and of the structure of inputs
absl.logging.warning("legacy file format")
warnings.warn("deprecated", FutureWarning)
"""


def test_the_libraries_write_nothing_to_the_user():
    result = subprocess.run(
        [sys.executable, "-c", NOISE], capture_output=True, text=True, check=True
    )
    assert result.stdout + result.stderr == ""
    loud = NOISE.replace("environment.prepare()\nenvironment.import_keras()\n", "")
    result = subprocess.run(
        [sys.executable, "-c", loud], capture_output=True, text=True, check=True
    )
    for warning in ("retracing", "input_shape", "structure", "legacy", "deprecated"):
        assert warning in result.stderr, warning


def test_a_litert_bundle_is_loaded_in_silence(tmp_path):
    """Its delegate prints to the file descriptor of stderr, whatever Python's own stderr is."""
    pytest.importorskip("ai_edge_litert")
    code = f"""
from ufgen import environment
environment.prepare()
environment.import_keras()
import tensorflow as tf
from classifiers.deploy import predictor
class One(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([1, 32, 32, 1], tf.float32, name="images")])
    def __call__(self, images):
        return {{"logit": tf.reduce_mean(images), "evidence": images}}
one = One()
with environment.silence():
    traced = one.__call__.get_concrete_function()
    converted = tf.lite.TFLiteConverter.from_concrete_functions([traced], one).convert()
file = {str(tmp_path / "n.tflite")!r}
open(file, "wb").write(converted)
run = predictor._litert(file, 1, {{"input": {{"size": 32, "channels": 1}}}})
import numpy as np
run(np.zeros((1, 32, 32, 1), "float32"))
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout + result.stderr == ""
