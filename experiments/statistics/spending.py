"""Error rates of repeated looks at a growing study: pure functions of numbers.

A study that is analysed while it grows has several chances to be wrong. Either the looks are
declared, and each spends a part of the error rate (Lan & DeMets, Biometrika 1983), or the rate of
each further look falls so fast that all together stay bounded. Each look is tested at what it
spends alone: a Bonferroni bound, which holds however the looks depend on each other (they share the
test images, and the earlier training runs).
"""

import numpy as np
from scipy import stats


def spent(alpha: float, fraction: float) -> float:
    """The error rate spent up to a look, of O'Brien & Fleming's type (Lan & DeMets 1983).

    Args:
        alpha: Two-sided error rate of all looks together.
        fraction: Fraction of the study that is finished at the look, above 0 to 1.

    Returns:
        The cumulative error rate, `alpha` at the end.

    Example:
        >>> round(2 * spent(0.025, 0.6), 4), round(spent(0.05, 1), 4)
        (0.0076, 0.05)
    """
    return float(2 * stats.norm.sf(stats.norm.isf(alpha / 2) / np.sqrt(fraction)))


def increments(alpha: float, sizes: list[int]) -> list[float]:
    """The error rate of each declared look: what it spends beyond the look before.

    Args:
        alpha: Two-sided error rate of all looks together.
        sizes: Size of the study at each look, increasing; the last is all of it.

    Returns:
        One level for each look; their sum is `alpha`.

    Example:
        >>> [round(level, 4) for level in increments(0.05, [5, 10, 20])]
        [0.0001, 0.0055, 0.0444]
    """
    cumulative = [spent(alpha, size / sizes[-1]) for size in sizes[:-1]]
    return np.diff([0.0, *cumulative, alpha]).tolist()


def undeclared_level(alpha: float, look: int) -> float:
    """The error rate of a look that was not declared; the sum over all looks is `alpha`.

    Args:
        alpha: Error rate of any number of looks together.
        look: Number of the look, from 1 on.

    Returns:
        Its level.

    Example:
        >>> [round(undeclared_level(0.05, look), 4) for look in (1, 2, 3)]
        [0.0304, 0.0076, 0.0034]
    """
    return alpha * 6 / (np.pi * look) ** 2
