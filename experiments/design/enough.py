"""How many seeds and generators a verdict needs; with fewer a study is a pilot."""

from experiments.design.study import Study

ENOUGH_SEEDS = 5
ENOUGH_GENERATORS = 3


def enough_seeds(study: Study) -> bool:
    """Whether a study has enough seeds for a verdict.

    Args:
        study: The study.

    Returns:
        False for a pilot.
    """
    return len(study.seeds) >= ENOUGH_SEEDS


def enough_generators(study: Study) -> bool:
    """Whether a study has enough generators for a verdict on synthetic images.

    What counts is the degrees of freedom between generators of one fold, over all folds. Where each
    seed has training images and generators of its own, there are as many generators as seeds.

    Args:
        study: The study.

    Returns:
        False for a pilot.
    """
    if study.images.parts > 1:
        return True
    df = len(study.splits()) * (len(study.generator.seeds) - 1)
    return df >= ENOUGH_GENERATORS - 1
