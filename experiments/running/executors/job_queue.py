"""Which worker runs which trial: each stays with the network and the features that it has."""

from collections import deque
from itertools import groupby

from experiments.running.executors.jobs import Job


class JobQueue:
    """Hands jobs to workers, in runs of one classifier, seed and fold.

    A worker finishes its run, then takes one of the classifier that it has, then one of a
    classifier that no worker has had, then any; where none is left, the second half of the longest
    that another has begun.

    Args:
        jobs: In the order of `Study.trials`.
        workers: How many take from them.
    """

    def __init__(self, jobs: list[Job], workers: int) -> None:
        runs = groupby(
            jobs, lambda job: (job.trial.classifier.name, job.trial.seed, job.trial.split)
        )
        self._runs = [deque(run) for _, run in runs]
        self._own: list[deque[Job]] = [deque() for _ in range(workers)]
        self._classifiers = [""] * workers

    def take(self, worker: int) -> Job | None:
        """Take the next job.

        Args:
            worker: The worker's number, from 0 on.

        Returns:
            The job, or None where none is left.
        """
        if not self._own[worker]:
            self._own[worker] = self._next_run(worker) if self._runs else self._half_of_longest()
        if not self._own[worker]:
            return None
        job = self._own[worker].popleft()
        self._classifiers[worker] = job.trial.classifier.name
        return job

    def _next_run(self, worker: int) -> deque[Job]:
        def distance(index: int) -> int:
            name = self._runs[index][0].trial.classifier.name
            if name == self._classifiers[worker]:
                return 0
            return 2 if name in self._classifiers else 1

        return self._runs.pop(min(range(len(self._runs)), key=distance))

    def _half_of_longest(self) -> deque[Job]:
        longest = max(self._own, key=len)
        half = [longest.pop() for _ in range((len(longest) + 1) // 2)]
        return deque(reversed(half))
