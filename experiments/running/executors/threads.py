"""How many threads compute a trial: a number of its own, whatever machine it is trained on.

Sums of floats round differently with the number of threads among which an operation is divided. It
depends neither on the cores of the machine nor on how many trials are trained side by side.
"""

import os

import keras

from ufgen.errors import UserError

VARIABLES = {"tensorflow": "TF_NUM_INTRAOP_THREADS", "jax": "NPROC"}
"""The environment variable that says how many threads compute one operation, by backend."""


def cores() -> int:
    """Count the cores that this process may use.

    Returns:
        At least 1.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def of_a_trial() -> int:
    """The threads of a trial without a GPU: 1, or what the environment variable says.

    Returns:
        Their number.

    Raises:
        UserError: The variable is no positive number.
    """
    variable = VARIABLES[keras.backend.backend()]
    text = os.environ.get(variable, "1")
    if not text.isdigit() or int(text) < 1:
        raise UserError(f"{variable} is {text!r}: expected a number of threads, such as 1")
    return int(text)


def of_this_process() -> int:
    """The threads that generators have: all cores, or what the environment variable says.

    Returns:
        Their number.
    """
    return of_a_trial() if VARIABLES[keras.backend.backend()] in os.environ else cores()


def of_a_generator(count: int) -> int:
    """The threads of a generator: the cores, divided among `count` that are trained side by side.

    Args:
        count: Generators.

    Returns:
        Their number, or what the environment variable says.
    """
    return max(1, min(of_this_process(), cores() // count))


def variables(count: int) -> dict[str, str]:
    """What the environment of a process must say that is to have so many threads.

    Args:
        count: Threads.

    Returns:
        The value of an environment variable, by its name.
    """
    return {VARIABLES[keras.backend.backend()]: str(count)}
