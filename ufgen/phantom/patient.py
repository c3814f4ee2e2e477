"""Simulated patients, each with several views."""

from typing import Any

import numpy as np

from ufgen.phantom.anatomy import echo_map, sample_anatomy
from ufgen.phantom.scan import View, sample_scan, scan_convert, smooth_field, speckle


def simulate_patient(
    seed: int, patient: int, label: str, views: int, size: int, easy: bool = False
) -> list[View]:
    """Simulate the views of one patient; the same arguments give the same images.

    The views share the anatomy and differ in slice, position, mirroring, sector geometry, gain and
    frequency.

    Args:
        seed: The seed of the image set.
        patient: The number of the patient in it.
        label: "UF" for a patient with fibroids, "NUF" for one without.
        views: The number of views.
        size: Height and width of the images in pixels.
        easy: Show only the uterus, with larger and darker fibroids.

    Returns:
        The views.

    Example:
        >>> [view.pixels.shape for view in simulate_patient(0, 1, "UF", views=2, size=32)]
        [(32, 32), (32, 32)]
    """
    anatomy = sample_anatomy(np.random.default_rng([seed, patient]), label, easy)
    return [
        _simulate_view(anatomy, np.random.default_rng([seed, patient, 1 + view]), size, easy)
        for view in range(views)
    ]


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
