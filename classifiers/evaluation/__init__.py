"""From probabilities to numbers: metrics, intervals, calibration, curves."""
