"""A study that can be trained: its images are split, and its generators have been sampled."""

from typing import NamedTuple

from experiments.running.data_split import LoadedImages
from experiments.running.executors.jobs import Job, StudyContext


class PreparedStudy(NamedTuple):
    """What training and analysis take.

    Attributes:
        loaded: The real images.
        context: The study with its precisions resolved, the splits, and all pixels.
        jobs: Every trial, finished or not.
        synthetic_sets: The folder of each synthetic set, and what it was generated for.
    """

    loaded: LoadedImages
    context: StudyContext
    jobs: list[Job]
    synthetic_sets: list[dict]
