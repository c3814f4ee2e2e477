"""Simulated patients, each with several views."""

from typing import Any

import numpy as np

from ufgen.phantom.anatomy import echo_map, largest_diameter, sample_anatomy
from ufgen.phantom.scan import View, sample_scan, scan_convert, smooth_field, speckle

LARGE_FROM = 0.18
"""Diameter of a large fibroid in units of the plane's width: about the median of the largest."""


def simulate_patient(
    seed: int, patient: int, label: str, views: int, size: int, easy: bool = False
) -> list[View]:
    """Simulate the views of one patient; the same arguments give the same images.

    The views share the anatomy and differ in slice, position, mirroring, sector geometry, gain and
    frequency. Patients with small or large fibroids are those with fibroids whose largest one has a
    mean diameter (the geometric mean of its axes) below `LARGE_FROM`, or from it on. Diameters are
    continuous: patients near the limit look alike, the more so as a slice shows a fibroid at 80 to
    100 % of its diameter and sectors differ in scale.

    Args:
        seed: The seed of the image set.
        patient: The number of the patient in it.
        label: "UF", "small" or "large" for a patient with fibroids (of any size, small, or large),
            "NUF" or "none" for one without.
        views: The number of views.
        size: Height and width of the images in pixels.
        easy: Show only the uterus, with larger and darker fibroids.

    Returns:
        The views.

    Example:
        >>> [view.pixels.shape for view in simulate_patient(0, 1, "UF", views=2, size=32)]
        [(32, 32), (32, 32)]
    """
    anatomy = _sample_anatomy(np.random.default_rng([seed, patient]), label, easy)
    return [
        _simulate_view(anatomy, np.random.default_rng([seed, patient, 1 + view]), size, easy)
        for view in range(views)
    ]


def _sample_anatomy(rng: np.random.Generator, label: str, easy: bool) -> dict[str, Any]:
    """An anatomy of the label; of small or large fibroids, the first sampled one of that size."""
    if label not in ("small", "large"):
        return sample_anatomy(rng, label, easy)
    while True:
        anatomy = sample_anatomy(rng, "UF", easy)
        if (largest_diameter(anatomy) >= LARGE_FROM) == (label == "large"):
            return anatomy


def _simulate_view(
    anatomy: dict[str, Any], rng: np.random.Generator, size: int, easy: bool
) -> View:
    lines = 2 * size if easy else size
    samples = int(1.4 * lines)
    scan = sample_scan(rng, lines, samples)
    mirror = 1 if rng.random() < 0.5 else -1
    slice_scale = rng.uniform(0.8, 1.0)
    pose = {"x": rng.normal(0, 0.03), "y": rng.normal(0, 0.02), "mirror": mirror}
    wobble = smooth_field(rng, (samples, lines), 6) * 0.012
    x, y = scan.x + wobble, scan.y + wobble[::-1]
    echo, shadow, boxes = echo_map(anatomy, x, y, pose, slice_scale, rng)
    frequency = rng.uniform(0.8, 1.3)
    envelope = speckle(echo, rng, axial=0.0055 * samples / frequency, lateral=0.009 * lines)
    depth = np.linspace(0, 1, samples)[:, None]
    gain = rng.normal(0, 2) + rng.uniform(-10, -2) * depth + 2.5 * np.sin(3 * np.pi * depth)
    level = 20 * np.log10(envelope + 1e-4) + gain - shadow
    dynamic_range = rng.uniform(45, 60)
    gray = np.clip((level + 0.72 * dynamic_range) / dynamic_range, 0, 1) ** rng.uniform(0.9, 1.2)
    return scan_convert(gray, scan, boxes, size, easy)
