"""Does resizing that keeps speckle show fibroids better than antialiasing does?

    python benchmarks/audit/speckle_resize.py [--patients 60] [--size 512] [--to 64 128]

Contrast-to-noise ratio, |mean inside - mean around| / sqrt((variance inside + around) / 2), of the
fibroids of simulated scans after three ways of resizing: antialiased (what ufgen does), one random
pixel of each cell (speckle keeps its amplitude, without its correlation), and antialiased with the
local variance of the original restored.
"""

import argparse

import numpy as np
from scipy.ndimage import uniform_filter

from ufgen.images.decoding import resize
from ufgen.phantom.patient import simulate_patient


def antialiased(pixels, size, rng):
    return resize(pixels, size)[..., 0].astype(float)


def one_pixel(pixels, size, rng):
    step = len(pixels) // size
    grid = np.arange(size) * step
    offsets = rng.integers(0, step, (2, size, size))
    return pixels[grid[:, None] + offsets[0], grid + offsets[1]].astype(float)


def restored(pixels, size, rng):
    small, step = antialiased(pixels, size, rng), len(pixels) // size
    values = pixels.astype(float)
    mean = uniform_filter(values, 5 * step)
    wanted = np.sqrt(np.maximum(uniform_filter(values**2, 5 * step) - mean**2, 0))
    wanted = wanted[step // 2 :: step, step // 2 :: step]
    local = uniform_filter(small, 5)
    present = np.sqrt(np.maximum(uniform_filter(small**2, 5) - local**2, 1))
    return np.clip(local + (small - local) * wanted / present, 0, 255)


def ratio(image, box, size):
    """The contrast-to-noise ratio of a box, in fractions of the image."""
    x0, y0, x1, y1 = (round(value * size) for value in box)
    width, height = x1 - x0, y1 - y0
    inside = image[y0 + height // 4 : y1 - height // 4, x0 + width // 4 : x1 - width // 4]
    around = image[max(0, y0 - height // 3) : y1 + height // 3, :][
        :, max(0, x0 - width // 3) : x1 + width // 3
    ]
    around = around[around > 5]
    if inside.size < 4 or around.size < 4:
        return np.nan
    noise = np.sqrt((inside.var() + around.var()) / 2)
    return abs(inside.mean() - around.mean()) / max(noise, 1)


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--patients", type=int, default=60)
parser.add_argument("--size", type=int, default=512)
parser.add_argument("--to", type=int, nargs="+", default=[64, 128])
options = parser.parse_args()
rng = np.random.default_rng(0)
views = [simulate_patient(3, n, "UF", 1, options.size)[0] for n in range(options.patients)]
for size in options.to:
    for method in (antialiased, one_pixel, restored):
        images = [method(view.pixels, size, rng) for view in views]
        ratios = [
            ratio(image, np.array(box) / options.size, size)
            for image, view in zip(images, views, strict=True)
            for box in view.lesions
        ]
        kept = np.array(ratios)[np.isfinite(ratios)]
        print(f"{size} px, {method.__name__}: {kept.mean():.2f} ({len(kept)} fibroids)")
