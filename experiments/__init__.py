"""The fair comparison: arms, trials, statistics, report."""
