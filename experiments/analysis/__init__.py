"""From finished trials to a verdict: scores, tests, checks, words."""
