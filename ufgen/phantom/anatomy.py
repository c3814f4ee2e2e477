"""Simulated anatomy: uterus, fibroids, cysts and tissue layers, and their echo levels."""

from typing import Any

import numpy as np

from ufgen.phantom.scan import Box, smooth_field

Shape = dict[str, Any]  # an ellipse: centre x, y, half axes a, b and angle; of inclusions also kind


def sample_anatomy(rng: np.random.Generator, label: str, easy: bool = False) -> dict[str, Any]:
    """Sample the anatomy of one patient, in a plane of width 1 with the skin at y = 0.

    Args:
        rng: The source of randomness.
        label: "UF" for a patient with one to three fibroids.
        easy: Make fibroids larger and darker.

    Returns:
        The ellipse of the `uterus`, the `inclusions` (ellipses with their kind, echo in dB and
        shadow in dB), the endometrial `stripe`, and the depth of the fascial `layers`.
    """
    mean_radius, mean_echo = (0.1, -14.0) if easy else (0.075, -6.0)
    uterus = {
        "x": rng.normal(0.0, 0.04),
        "y": rng.uniform(0.48, 0.58),
        "a": rng.uniform(0.24, 0.33),
        "b": rng.uniform(0.14, 0.2),
        "angle": rng.normal(0.0, 0.3),
    }
    inclusions: list[Shape] = []

    def point_inside(extent: float) -> tuple[float, float]:
        """A random point of the uterus, at most at `extent` half axes from its centre."""
        angle, radius = rng.uniform(0, 2 * np.pi), extent * np.sqrt(rng.uniform(0.05, 1))
        u, v = radius * uterus["a"] * np.cos(angle), radius * uterus["b"] * np.sin(angle)
        cos, sin = np.cos(uterus["angle"]), np.sin(uterus["angle"])
        return uterus["x"] + u * cos - v * sin, uterus["y"] + u * sin + v * cos

    if label == "UF":
        for _ in range(1 + rng.binomial(2, 0.3)):
            x, y = point_inside(1.0)
            radius = np.clip(rng.lognormal(np.log(mean_radius), 0.35), 0.04, 0.15)
            inclusions.append(
                {
                    "kind": "fibroid",
                    "x": x,
                    "y": y,
                    "a": radius * rng.uniform(1.0, 1.25),
                    "b": radius,
                    "angle": rng.uniform(0, np.pi),
                    "echo": rng.normal(mean_echo, 3.0),
                    "shadow": rng.uniform(1.0, 4.5),
                }
            )
    for _ in range(rng.poisson(0.9)):
        x, y = point_inside(0.9)
        radius = rng.uniform(0.03, 0.09)
        inclusions.append(
            {
                "kind": "patch",
                "x": x,
                "y": y,
                "a": radius * rng.uniform(1.2, 2.2),
                "b": radius,
                "angle": rng.uniform(0, np.pi),
                "echo": rng.normal(-2.0, 3.0),
                "shadow": 0.0,
            }
        )
    for _ in range(rng.poisson(0.6)):
        side = rng.choice([-1, 1])
        inclusions.append(
            {
                "kind": "cyst",
                "x": uterus["x"] + side * rng.uniform(0.05, 0.4),
                "y": uterus["y"] + rng.uniform(-0.05, 0.2),
                "a": rng.uniform(0.015, 0.045),
                "b": rng.uniform(0.015, 0.04),
                "angle": rng.uniform(0, np.pi),
                "echo": -22.0,
                "shadow": -3.0,
            }
        )
    bladder: Shape = {
        "kind": "cyst",
        "x": rng.normal(-0.05, 0.1),
        "y": rng.uniform(0.24, 0.3),
        "a": rng.uniform(0.0, 0.24),
        "b": rng.uniform(0.05, 0.09),
        "angle": rng.normal(0, 0.15),
        "echo": -28.0,
        "shadow": -4.0,
    }
    if bladder["a"] > 0.06:
        inclusions.append(bladder)
    stripe = {"shift": rng.normal(0, 0.12), "thickness": rng.uniform(0.05, 0.16)}
    stripe |= {"echo": rng.uniform(1.0, 7.0)}
    return {
        "uterus": uterus,
        "stripe": stripe,
        "inclusions": inclusions,
        "layers": rng.uniform(0.05, 0.12),
    }


def largest_diameter(anatomy: dict[str, Any]) -> float:
    """Measure the largest fibroid of an anatomy.

    Args:
        anatomy: An anatomy as `sample_anatomy` returns it, with fibroids.

    Returns:
        Its mean diameter, the geometric mean of its axes, in units of the plane's width.
    """
    fibroids = (shape for shape in anatomy["inclusions"] if shape["kind"] == "fibroid")
    return max(2 * float(np.sqrt(shape["a"] * shape["b"])) for shape in fibroids)


def echo_map(
    anatomy: dict[str, Any],
    x: np.ndarray,
    y: np.ndarray,
    pose: dict[str, float],
    slice_scale: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, list[Box]]:
    """Compute the echo levels of an anatomy on the polar raster of a scan.

    Args:
        anatomy: An anatomy as `sample_anatomy` returns it.
        x: Lateral positions of the samples, in units of the image width: (samples, lines).
        y: Their depths, in the same units and shape.
        pose: The shift `x`, `y` of the anatomy, and its `mirror`, 1 or -1.
        slice_scale: The scale of solid inclusions in this slice, at most 1.
        rng: The source of the random texture.

    Returns:
        The mean echo in dB and the additional attenuation in dB, both (samples, lines), and the
        bounding boxes of the fibroids.
    """
    uterus, shape = anatomy["uterus"], x.shape
    tissue = 3.0 * smooth_field(rng, shape, 5) + 3.0 * smooth_field(rng, shape, 14)
    layer = anatomy["layers"]
    fascia = sum(
        np.exp(-(((y - layer * k - 0.01 * smooth_field(rng, shape, 4)) / 0.006) ** 2))
        for k in (0.5, 1.0, 1.6)
    )
    echo = tissue - 6 + 9 * fascia + 4 * np.exp(-y / 0.08)
    distance = _ellipse(x, y, uterus, pose, 1.0)
    body = _soft(distance, 0.04)
    echo = echo * (1 - body) + body * (-9 + 2.5 * smooth_field(rng, shape, 10) + 0.3 * tissue)
    echo = echo + 6 * np.exp(-(((distance - 1.03) / 0.035) ** 2))
    endometrium = anatomy["stripe"]
    u, v = _local(x, y, uterus, pose)
    pushed = 0.02 * smooth_field(rng, shape, 4)
    stripe = np.exp(
        -(((v / uterus["b"] - endometrium["shift"] + pushed) / endometrium["thickness"]) ** 2)
    )
    echo = echo + endometrium["echo"] * stripe * _soft(np.abs(u / uterus["a"]) / 0.72, 0.1)
    shadow = np.zeros(shape, "float32")
    boxes = []
    for inclusion in anatomy["inclusions"]:
        scale = slice_scale if inclusion["kind"] != "cyst" else 1.0
        distance = _ellipse(x, y, inclusion, pose, scale)
        edge = 0.09 if inclusion["kind"] == "cyst" else 0.22
        within = _soft(distance, edge)
        texture = 2.0 * smooth_field(rng, shape, 16) if inclusion["kind"] == "fibroid" else 0.0
        base = 0 if inclusion["kind"] == "patch" else echo
        echo = echo * (1 - within) + within * (
            base * 0.25
            + (-9 if inclusion["kind"] != "patch" else echo)
            + inclusion["echo"]
            + texture
            if inclusion["kind"] != "cyst"
            else inclusion["echo"]
        )
        passed = np.cumsum(within, axis=0) / max(1.0, float(within.sum(axis=0).max()))
        shadow += inclusion["shadow"] * np.clip(passed, 0, 1)
        if inclusion["kind"] == "fibroid":
            rim = np.exp(-(((distance - 1.0) / 0.09) ** 2))
            sides = np.abs(np.gradient(within, axis=1)) * shape[1] / 40
            echo = echo + 1.5 * rim
            shadow += 5 * np.clip(np.cumsum(sides * rim, axis=0) * 3 / shape[0], 0, 1)
            boxes.append(_box(inclusion, pose, scale))
        if inclusion["kind"] == "cyst":
            back = np.exp(-(((distance - 1.06) / 0.06) ** 2)) * (y > inclusion["y"])
            echo = echo + 5 * back
    return echo, shadow, boxes


def _local(
    x: np.ndarray, y: np.ndarray, ellipse: Shape, pose: dict[str, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates along and across an ellipse's axes."""
    dx = pose["mirror"] * (x - pose["x"]) - ellipse["x"]
    dy = y - pose["y"] - ellipse["y"]
    cos, sin = np.cos(ellipse["angle"]), np.sin(ellipse["angle"])
    return dx * cos + dy * sin, -dx * sin + dy * cos


def _ellipse(
    x: np.ndarray, y: np.ndarray, ellipse: Shape, pose: dict[str, float], scale: float
) -> np.ndarray:
    """Distance from the centre: 1 on the outline, below 1 inside, above 1 outside."""
    u, v = _local(x, y, ellipse, pose)
    return np.sqrt((u / (ellipse["a"] * scale)) ** 2 + (v / (ellipse["b"] * scale)) ** 2)


def _box(ellipse: Shape, pose: dict[str, float], scale: float) -> Box:
    """The bounding box of an ellipse."""
    cos, sin = np.cos(ellipse["angle"]), np.sin(ellipse["angle"])
    a, b = ellipse["a"] * scale, ellipse["b"] * scale
    half_width, half_height = np.hypot(a * cos, b * sin), np.hypot(a * sin, b * cos)
    x = pose["mirror"] * ellipse["x"] + pose["x"]
    y = ellipse["y"] + pose["y"]
    return x - half_width, y - half_height, x + half_width, y + half_height


def _soft(distance: np.ndarray, edge: float) -> np.ndarray:
    """1 inside an outline and 0 outside, with a logistic edge of this width."""
    return (1 / (1 + np.exp(np.clip((distance - 1) / (edge / 4), -30, 30)))).astype("float32")
