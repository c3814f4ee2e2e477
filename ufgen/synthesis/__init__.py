"""`ufgen synth` and `fidelity`: images generated, filtered, measured and shown."""
