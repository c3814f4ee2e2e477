"""Runs of a study that declare and conclude, and train nothing."""

from image_tables import six

from experiments.declaration import declared, looks, record
from experiments.design.study import Study


def study(**changes) -> Study:
    """A study of one arm beside `real`, of five seeds and three generators."""
    content = {"name": "s", "arms": ["real", "real+synthetic@1.0"], "classifiers": ["hybrid"]}
    return Study(**(content | changes))


def run(folder, one: Study, word="inconclusive", images=None):
    """Declare a study and write the verdict of its last look: the record before, and the look."""
    folder.mkdir(exist_ok=True)
    declared.declare(folder, one, images or six())
    before = record.read(folder)
    look = looks.plan(one, before)[-1]
    arms = dict.fromkeys(one.arms[1:], word)
    looks.log_verdict(folder, one, look, before, f"It {word}.", arms)
    return before, look
