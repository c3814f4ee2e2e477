"""EfficientNet-Lite0 with weights of a Python package, and whether weights can be had at all."""
