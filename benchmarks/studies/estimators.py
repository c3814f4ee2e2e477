"""Which estimator of a study's effect covers the truth with the shortest intervals?

    python benchmarks/studies/estimators.py [--studies 400] [--points 1024] [--only TEXT]

Deltas are simulated as normal components: one training has a standard deviation of .021 (seed .015,
rest .015), the sample of test images one of .012, whose variance is estimated with 79 degrees of
freedom. "ratio" is the standard deviation between generators to that of one training, "rho" the
correlation of a generator's effect on two arms; generators are nested in folds (K5 G3: 15 of them).
Contestants, all without and with several folds:

- moments: analysis of variance and averaged reciprocal degrees of freedom, Student's t;
- REML: the same moments, which are REML's where none is negative, with Satterthwaite's degrees of
  freedom, which are Kenward and Roger's in this balanced design;
- B4: arms inform each other, half-t prior with 4 degrees of freedom and scale .7; B4 Cauchy: 1 and
  scale 1; Sobol points weighted by the likelihood. `points` says of how many the tenth of the
  studies with the fewest effectively make use;
- ufgen: `experiments.statistics.estimate_family`.

Prints, for a true effect of zero: coverage of 95 % intervals, of the worst arm, how often any arm
is falsely found to help or hurt (Holm), median and 90th percentile of widths, the median at Holm's
first step, and the share of true effects of .05 that are found.
"""

import argparse

import numpy as np
from scipy import special
from scipy.stats import qmc

from experiments import statistics
from experiments.statistics.components import mean_squares

SEED = REST = 0.015
TRAINING, TEST, GROUPS = np.hypot(SEED, REST), 0.012, 80
UNEQUAL = {".5 .7 1 1.5": (0.5, 0.7, 1, 1.5), ".3 .3 .3 2": (0.3, 0.3, 0.3, 2)}
SETTINGS = {  # folds, generators, seeds, arms, ratio, rho, sd of arms, degrees of freedom of tails
    "G2 S5 A4, ratio 0": (1, 2, 5, 4, 0, 0.5, None, None),
    "G2 S5 A4, ratio .5, rho .5": (1, 2, 5, 4, 0.5, 0.5, None, None),
    "G2 S5 A4, ratio 1, rho 0": (1, 2, 5, 4, 1, 0, None, None),
    "G2 S5 A4, ratio 1, rho .5": (1, 2, 5, 4, 1, 0.5, None, None),
    "G2 S5 A4, ratio 1, rho 1": (1, 2, 5, 4, 1, 1, None, None),
    "G2 S5 A4, ratio 2, rho .5": (1, 2, 5, 4, 2, 0.5, None, None),
    "G2 S5 A4, ratio 2, rho 1": (1, 2, 5, 4, 2, 1, None, None),
    "G2 S5 A4, ratio 4, rho .5": (1, 2, 5, 4, 4, 0.5, None, None),
    "G2 S5 A4, ratio 1, arms .5 .7 1 1.5": (1, 2, 5, 4, 1, 0.5, UNEQUAL[".5 .7 1 1.5"], None),
    "G2 S5 A4, ratio 1, arms .3 .3 .3 2": (1, 2, 5, 4, 1, 0.5, UNEQUAL[".3 .3 .3 2"], None),
    "G2 S5 A1, ratio 1": (1, 2, 5, 1, 1, 0, None, None),
    "G2 S3 A4, ratio 1, rho .5": (1, 2, 3, 4, 1, 0.5, None, None),
    "G2 S5 A4, ratio 2, heavy tails (t3)": (1, 2, 5, 4, 2, 0.5, None, 3),
    "G3 S5 A4, ratio 0": (1, 3, 5, 4, 0, 0.5, None, None),
    "G3 S5 A4, ratio 1, rho .5": (1, 3, 5, 4, 1, 0.5, None, None),
    "G3 S5 A4, ratio 2, rho 1": (1, 3, 5, 4, 2, 1, None, None),
    "G3 S5 A4, ratio 4, rho .5": (1, 3, 5, 4, 4, 0.5, None, None),
    "G3 S5 A4, ratio 2, arms .3 .3 .3 2": (1, 3, 5, 4, 2, 0.5, UNEQUAL[".3 .3 .3 2"], None),
    "G3 S5 A4, ratio 2, heavy tails (t3)": (1, 3, 5, 4, 2, 0.5, None, 3),
    "K5 G1 S5 A4, ratio 1, folds as generators": (1, 5, 5, 4, 1, 0.5, None, None),
    "K5 G2 S5 A4, ratio 0": (5, 2, 5, 4, 0, 0.5, None, None),
    "K5 G2 S5 A4, ratio 1, rho .5": (5, 2, 5, 4, 1, 0.5, None, None),
    "K5 G2 S5 A4, ratio 4, rho 1": (5, 2, 5, 4, 4, 1, None, None),
    "K5 G3 S10 A4, ratio 0": (5, 3, 10, 4, 0, 0.5, None, None),
    "K5 G3 S10 A4, ratio 1, rho .5": (5, 3, 10, 4, 1, 0.5, None, None),
    "K5 G3 S10 A4, ratio 2, rho 1": (5, 3, 10, 4, 2, 1, None, None),
    "K5 G3 S10 A4, ratio 4, rho 1": (5, 3, 10, 4, 4, 1, None, None),
}


def simulate(rng, setting: tuple) -> tuple[np.ndarray, np.ndarray]:
    """One study without effect: deltas (A, K, G, S) and estimated test variances (A,)."""
    folds, generators, seeds, arms, ratio, rho, spread, tails = setting

    def draw(*shape):
        if tails is None:
            return rng.normal(size=shape)
        return rng.standard_t(tails, shape) / np.sqrt(tails / (tails - 2))

    common, own = draw(1, folds, generators, 1), draw(arms, folds, generators, 1)
    of_generators = ratio * TRAINING * (np.sqrt(rho) * common + np.sqrt(1 - rho) * own)
    deltas = of_generators * np.reshape(spread or np.ones(arms), (arms, 1, 1, 1))
    deltas = deltas + rng.normal(0, SEED, (arms, 1, 1, seeds))
    deltas = deltas + rng.normal(0, REST, (arms, folds, generators, seeds))
    variances = TEST**2 * rng.chisquare(GROUPS - 1, arms) / (GROUPS - 1)
    return deltas + rng.normal(0, TEST, (arms, 1, 1, 1)), variances


class Moments:
    """Standard error by moments; 1 / df averaged by `power` 1, Satterthwaite's by 2."""

    def __init__(self, deltas: np.ndarray, variances: np.ndarray, power: int):
        _, folds, generators, seeds = deltas.shape
        squares = np.array([mean_squares(arm) for arm in deltas]).T
        of_generators, of_seeds, residual = squares / (folds * generators * seeds)
        parts = [np.maximum(of_generators - residual, 0), np.maximum(of_seeds - residual, 0)]
        parts = np.stack([*parts, residual, variances])
        between = folds * (generators - 1)
        dfs = np.array([between, seeds - 1, between * (seeds - 1), GROUPS - 1])[:, None]
        total = parts.sum(axis=0)
        self.error, self.df = np.sqrt(total), total**power / (parts**power / dfs).sum(axis=0)

    def p_values(self, errors: np.ndarray) -> np.ndarray:
        return 2 * special.stdtr(self.df, -np.abs(errors) / self.error)

    def half_widths(self, confidence: float) -> np.ndarray:
        return special.stdtrit(self.df, (1 + confidence) / 2) * self.error


class B4:
    """A scale mixture of normal distributions, by Sobol points and importance weights."""

    def __init__(self, deltas, variances, points: np.ndarray, scale: float, df: float):
        arms, folds, generators, seeds = deltas.shape
        runs, d = folds * generators * seeds, seeds - 1
        contrasts = folds * (generators - 1)
        e = np.sqrt(folds * generators) * (
            deltas.mean(axis=(1, 2)) - deltas.mean(axis=(1, 2, 3))[:, None]
        )
        own, shared = (e**2).sum(axis=1) / d, (e.mean(axis=0) ** 2).sum() / d
        special_ = ((e - e.mean(axis=0)) ** 2).sum() / (d * arms)
        w0 = 4 / (4 + d) if arms > 1 else 0.0
        of_seeds = w0 * (shared + special_) + (1 - w0) * own
        spread = w0 * (shared + special_ / max(arms - 1, 1)) / d + (1 - w0) * own / d
        seed_df = of_seeds / spread
        residuals = deltas - deltas.mean(axis=2, keepdims=True)
        residuals = residuals - residuals.mean(axis=3, keepdims=True)
        r_df, common = contrasts * d, residuals.mean(axis=0)
        r_shared = arms * (common**2).sum() / r_df
        r_special = ((residuals - common) ** 2).sum() / (r_df * max(arms - 1, 1))
        r = (r_shared + (arms - 1) * r_special) / arms
        ones, eye = np.ones((arms, arms)), np.eye(arms)
        omega = np.full((1, 1), r)
        if arms > 1:
            each = (4 * r + (residuals**2).sum(axis=(1, 2, 3))) / ((4 + r_df) * r)
            b = max((r_shared - r_special) / arms, -0.9 * r_special / arms)
            omega = (b * ones + r_special * eye) * np.sqrt(np.outer(each, each))
        tau2 = max(shared + special_ - r, 0.0) / (folds * generators) + r
        helmert = np.linalg.qr(np.vander(np.arange(generators), generators, True))[0][:, 1:]
        x = np.sqrt(seeds) * np.einsum("gh,akg->akh", helmert, deltas.mean(axis=3))
        z = np.abs(special.stdtrit(df, (1 + points[:, 0]) / 2))
        rho = points[:, 1, None, None]
        eta = 0.7 * special.ndtri(points[:, 4:]) if arms > 1 else np.zeros((len(points), 1))
        sds = scale * np.sqrt(tau2) * z[:, None] * np.exp(eta)
        between = sds[:, :, None] * sds[:, None] * (rho * ones + (1 - rho) * eye)
        root = np.linalg.cholesky(omega + seeds * between)
        solved = np.linalg.solve(
            root, np.broadcast_to(x.reshape(arms, -1), (len(z), arms, contrasts))
        )
        logs = -contrasts * np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
        logs -= (solved**2).sum(axis=(1, 2)) / 2
        self.weights = np.exp(logs - logs.max())
        self.weights /= self.weights.sum()
        inverse = [
            df_[:, None] / special.chdtri(df_[:, None], 1 - points[:, column])
            for column, df_ in ((2, seed_df), (3, np.full(arms, GROUPS - 1.0)))
        ]
        total = sds.T**2 / (folds * generators) + of_seeds[:, None] / runs * inverse[0]
        self.sds = np.sqrt(total + variances[:, None] * inverse[1])

    def p_values(self, errors: np.ndarray) -> np.ndarray:
        return 2 * special.ndtr(-np.abs(errors)[:, None] / self.sds) @ self.weights

    def half_widths(self, confidence: float) -> np.ndarray:
        low, high = np.log(self.sds.min(axis=1) / 9), np.log(self.sds.max(axis=1) * 9)
        for _ in range(30):
            middle = (low + high) / 2
            wider = self.p_values(np.exp(middle)) > 1 - confidence
            low, high = np.where(wider, middle, low), np.where(wider, high, middle)
        return np.exp((low + high) / 2)


class Ufgen:
    """The estimates of the tool itself, from replicates with the variances of the test images."""

    def __init__(self, deltas: np.ndarray, variances: np.ndarray):
        half = np.sqrt(variances * (1 - 1 / GROUPS) / 2)[:, None, None, None]
        replicates = deltas + np.stack([half, -half])
        self.estimates = statistics.estimate_family(deltas, replicates, GROUPS)

    def p_values(self, errors: np.ndarray) -> np.ndarray:
        pairs = zip(self.estimates, errors, strict=True)
        return np.array([2 * one.probability_above(one.delta + abs(e)) for one, e in pairs])

    def half_widths(self, confidence: float) -> np.ndarray:
        return np.array([-np.subtract(*one.interval(confidence)) / 2 for one in self.estimates])


def contestants(arms: int, points: int) -> dict:
    sobol = qmc.Sobol(4 + arms, rng=0).random(points)
    return {
        "moments": lambda *data: Moments(*data, power=1),
        "REML": lambda *data: Moments(*data, power=2),
        "B4": lambda *data: B4(*data, sobol, 0.7, 4),
        "B4 Cauchy": lambda *data: B4(*data, sobol, 1.0, 1),
        "ufgen": Ufgen,
    }


def row(estimator, setting: tuple, studies: int) -> str:
    """An estimator's columns, from the same studies as all others'."""
    rng, arms = np.random.default_rng(22), setting[3]
    covered, false, widths, first, found, effective = [], [], [], [], [], []
    for _ in range(studies):
        deltas, variances = simulate(rng, setting)
        mean = deltas.mean(axis=(1, 2, 3))
        fitted = estimator(deltas, variances)
        p = fitted.p_values(mean)
        covered.append(p >= 0.05)
        false.append((statistics.holm(p) <= 0.05).any())
        widths.append(2 * fitted.half_widths(0.95))
        first.append(2 * fitted.half_widths(1 - 0.05 / arms))
        found.append(statistics.holm(fitted.p_values(mean + 0.05)) <= 0.05)
        if isinstance(fitted, B4):
            effective.append(1 / (fitted.weights**2).sum())
    worst = np.mean(covered, axis=0).min()
    columns = [f"{np.mean(covered):.1%}", f"{worst:.1%}", f"{np.mean(false):.1%}"]
    columns += [f"{x:.3f}" for x in (np.median(widths), np.quantile(widths, 0.9), np.median(first))]
    columns += [f"{np.mean(found):.0%}"]
    columns += [f"{np.quantile(effective, 0.1):.0f}" if effective else ""]
    return " | ".join(columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=400)
    parser.add_argument("--points", type=int, default=1024)
    parser.add_argument("--only", default="", help="only the settings whose names hold this text")
    parser.add_argument("--estimators", nargs="+", help="only these")
    options = parser.parse_args()
    print(
        "| setting | estimator | coverage | worst | false | width | 90 % | Holm | found | points |"
    )
    print("|---" * 10 + "|")
    for name, setting in SETTINGS.items():
        if options.only in name:
            for title, estimator in contestants(setting[3], options.points).items():
                if not options.estimators or title in options.estimators:
                    columns = row(estimator, setting, options.studies)
                    print(f"| {name} | {title} | {columns} |", flush=True)


if __name__ == "__main__":
    main()
