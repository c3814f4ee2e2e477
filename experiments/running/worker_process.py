"""How a worker process begins: what is heavy is imported by `begin`, in silence."""

import os
import pickle
import sys
import threading
import warnings
from ctypes import c_longlong
from multiprocessing.connection import Connection
from typing import Any

from tqdm import tqdm

from ufgen import environment

received: Any = None
"""What this process was given at its beginning."""

_steps = c_longlong()


def begin(lifeline: Connection, steps: c_longlong, variables: dict[str, str], given: bytes) -> None:
    """Prepare this process, which ends as soon as its parent ends or closes the pipe.

    Args:
        lifeline: The end of a pipe that nothing is sent through.
        steps: Shared with the parent: what `count_steps` counts.
        variables: Environment variables that Keras' backend reads when it starts.
        given: Pickled, becomes `received`; its classes may import Keras.
    """
    global received, _steps
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    os.environ.update(variables)
    tqdm.set_lock(threading.RLock())  # its own is shared by processes, and outlives this one
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    environment.import_keras()
    received, _steps = pickle.loads(given), steps


def _end_with(lifeline: Connection) -> None:
    """End this process, also in the middle of a training step; finished trials are on disk."""
    try:
        lifeline.recv()
    except (EOFError, OSError):
        os._exit(1)


def count_steps(number: int = 1) -> None:
    """Tell the parent of progress.

    Args:
        number: Optimiser steps of a trial, or images shown to a generator.
    """
    _steps.value += number
