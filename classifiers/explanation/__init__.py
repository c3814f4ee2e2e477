"""Explanations of predictions: Grad-CAM heatmaps, salient boxes, a sheet of examples."""
