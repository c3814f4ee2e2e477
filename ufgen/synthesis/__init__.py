"""`ufgen synth` and `ufgen fidelity`: images generated, filtered, measured and shown."""
