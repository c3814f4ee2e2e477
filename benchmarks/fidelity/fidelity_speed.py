"""Time and memory of all fidelity numbers for 2,000 real and 2,000 synthetic feature vectors.

    python benchmarks/fidelity/fidelity_speed.py [--images 2000] [--width 1280]

Prints seconds for KD with interval, FD, and precision/recall/density/coverage, and the peak memory.
"""

import argparse
import resource
import time

import numpy as np

from ufgen.fidelity.distances import frechet_distance, kernel_distance_interval
from ufgen.fidelity.prdc import precision_recall_density_coverage

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--images", type=int, default=2000)
parser.add_argument("--width", type=int, default=1280)
options = parser.parse_args()
rng = np.random.default_rng(0)
real, fake = (rng.standard_normal((options.images, options.width)) for _ in range(2))
total = 0.0
for function in (kernel_distance_interval, frechet_distance, precision_recall_density_coverage):
    started = time.perf_counter()
    function(real, fake)
    seconds = time.perf_counter() - started
    total += seconds
    print(f"{function.__name__}: {seconds:.1f} s")
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
print(f"together {total:.1f} s, peak memory {peak:.2f} GB")
