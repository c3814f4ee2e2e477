"""Evaluation of predicted probabilities: metrics, confidence intervals, calibration, curves."""
