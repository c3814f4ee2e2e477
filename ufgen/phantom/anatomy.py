"""What is scanned: the uterus, fibroids, cysts and layers, and how strongly each echoes."""

import numpy as np

from ufgen.phantom.scan import smooth_field


def sample_anatomy(rng: np.random.Generator, label: str, easy: bool = False) -> dict:
    """Shapes in a plane of width 1, skin at y = 0: ellipses (x, y, half axes, angle, echo).

    `easy` fibroids are larger and darker.
    """
    usual_radius, usual_echo = (0.1, -14.0) if easy else (0.075, -6.0)
    uterus = {
        "x": rng.normal(0.0, 0.04),
        "y": rng.uniform(0.48, 0.58),
        "a": rng.uniform(0.24, 0.33),
        "b": rng.uniform(0.14, 0.2),
        "angle": rng.normal(0.0, 0.3),
    }
    inclusions = []

    def inside(reach: float) -> tuple[float, float]:
        turn, far = rng.uniform(0, 2 * np.pi), reach * np.sqrt(rng.uniform(0.05, 1))
        u, v = far * uterus["a"] * np.cos(turn), far * uterus["b"] * np.sin(turn)
        cos, sin = np.cos(uterus["angle"]), np.sin(uterus["angle"])
        return uterus["x"] + u * cos - v * sin, uterus["y"] + u * sin + v * cos

    if label == "UF":
        for _ in range(1 + rng.binomial(2, 0.3)):
            x, y = inside(1.0)
            radius = np.clip(rng.lognormal(np.log(usual_radius), 0.35), 0.04, 0.15)
            inclusions.append(
                {
                    "kind": "fibroid",
                    "x": x,
                    "y": y,
                    "a": radius * rng.uniform(1.0, 1.25),
                    "b": radius,
                    "angle": rng.uniform(0, np.pi),
                    "echo": rng.normal(usual_echo, 3.0),
                    "shadow": rng.uniform(1.0, 4.5),
                }
            )
    for _ in range(rng.poisson(0.9)):
        x, y = inside(0.9)
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
    bladder = {
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
    stripe = {"shift": rng.normal(0, 0.12), "thick": rng.uniform(0.05, 0.16)}
    stripe |= {"echo": rng.uniform(1.0, 7.0)}
    return {
        "uterus": uterus,
        "stripe": stripe,
        "inclusions": inclusions,
        "layers": rng.uniform(0.05, 0.12),
    }


def echo_map(anatomy: dict, x, y, pose: dict, slice_scale: float, rng: np.random.Generator):
    """Mean echo in dB, extra loss in dB, and the fibroids' boxes, on the polar raster."""
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
    inner = anatomy["stripe"]
    u, v = _local(x, y, uterus, pose)
    pushed = 0.02 * smooth_field(rng, shape, 4)
    stripe = np.exp(-(((v / uterus["b"] - inner["shift"] + pushed) / inner["thick"]) ** 2))
    echo = echo + inner["echo"] * stripe * _soft(np.abs(u / uterus["a"]) / 0.72, 0.1)
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


def _local(x, y, ellipse, pose):
    """Coordinates along and across an ellipse's axes."""
    dx = pose["mirror"] * (x - pose["x"]) - ellipse["x"]
    dy = y - pose["y"] - ellipse["y"]
    cos, sin = np.cos(ellipse["angle"]), np.sin(ellipse["angle"])
    return dx * cos + dy * sin, -dx * sin + dy * cos


def _ellipse(x, y, ellipse, pose, scale):
    """1 on the outline, below inside, above outside."""
    u, v = _local(x, y, ellipse, pose)
    return np.sqrt((u / (ellipse["a"] * scale)) ** 2 + (v / (ellipse["b"] * scale)) ** 2)


def _box(ellipse, pose, scale) -> tuple[float, float, float, float]:
    cos, sin = np.cos(ellipse["angle"]), np.sin(ellipse["angle"])
    a, b = ellipse["a"] * scale, ellipse["b"] * scale
    half_width, half_height = np.hypot(a * cos, b * sin), np.hypot(a * sin, b * cos)
    x = pose["mirror"] * ellipse["x"] + pose["x"]
    y = ellipse["y"] + pose["y"]
    return x - half_width, y - half_height, x + half_width, y + half_height


def _soft(distance, edge):
    return (1 / (1 + np.exp(np.clip((distance - 1) / (edge / 4), -30, 30)))).astype("float32")
