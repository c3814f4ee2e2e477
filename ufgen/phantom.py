"""Simulated pelvic ultrasound: the embedded default data, always labelled `phantom`.

An image is made as a scanner makes it: random scatterers whose strength follows the anatomy are
convolved with a point-spread function in beam and depth coordinates, the envelope is taken,
attenuated, log-compressed, and converted to a sector (Szabo, Diagnostic ultrasound imaging, 2014).
"""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import yaml
from PIL import Image
from scipy.ndimage import gaussian_filter1d, map_coordinates
from tqdm import tqdm

from ufgen.atomic import whole_folder
from ufgen.errors import UserError
from ufgen.grids import write_grid

CLASSES = ("NUF", "UF")
UF_SHARE = 0.45


class View(NamedTuple):
    """One image, uint8 (size, size), and its fibroids as boxes (x0, y0, x1, y1) in pixels."""

    pixels: np.ndarray
    lesions: list[tuple[float, float, float, float]]


class _Scan(NamedTuple):
    """Where each sample of the polar raster lies: x and y in units of the image width."""

    apex: float
    opening: float
    near: float
    far: float
    x: np.ndarray
    y: np.ndarray


def simulate_patient(seed: int, patient: int, label: str, views: int, size: int) -> list[View]:
    """Views of one patient, who has fibroids if `label` is "UF".

    The same seed, patient and label give the same images. The views share the anatomy and differ
    in slice, angle, gain and depth of the scan.
    """
    anatomy = _draw_anatomy(np.random.default_rng([seed, patient]), label)
    return [
        _simulate_view(anatomy, np.random.default_rng([seed, patient, 1 + view]), size)
        for view in range(views)
    ]


def _draw_anatomy(rng: np.random.Generator, label: str) -> dict:
    """Shapes in a plane of width 1, skin at y = 0: ellipses (x, y, half axes, angle, echo)."""
    uterus = {
        "x": rng.normal(0.0, 0.04),
        "y": rng.uniform(0.48, 0.58),
        "a": rng.uniform(0.24, 0.33),
        "b": rng.uniform(0.14, 0.2),
        "angle": rng.normal(0.0, 0.3),
    }
    lumps = []

    def inside(reach: float) -> tuple[float, float]:
        turn, far = rng.uniform(0, 2 * np.pi), reach * np.sqrt(rng.uniform(0.05, 1))
        u, v = far * uterus["a"] * np.cos(turn), far * uterus["b"] * np.sin(turn)
        cos, sin = np.cos(uterus["angle"]), np.sin(uterus["angle"])
        return uterus["x"] + u * cos - v * sin, uterus["y"] + u * sin + v * cos

    if label == "UF":
        for _ in range(1 + rng.binomial(2, 0.3)):
            x, y = inside(1.0)
            radius = np.clip(rng.lognormal(np.log(0.075), 0.35), 0.04, 0.15)
            lumps.append(
                {
                    "kind": "fibroid",
                    "x": x,
                    "y": y,
                    "a": radius * rng.uniform(1.0, 1.25),
                    "b": radius,
                    "angle": rng.uniform(0, np.pi),
                    "echo": rng.normal(-6.0, 3.0),
                    "shadow": rng.uniform(1.0, 4.5),
                }
            )
    for _ in range(rng.poisson(0.9)):
        x, y = inside(0.9)
        radius = rng.uniform(0.03, 0.09)
        lumps.append(
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
        lumps.append(
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
        lumps.append(bladder)
    stripe = {"shift": rng.normal(0, 0.12), "thick": rng.uniform(0.05, 0.16)}
    stripe |= {"echo": rng.uniform(1.0, 7.0)}
    return {"uterus": uterus, "stripe": stripe, "lumps": lumps, "layers": rng.uniform(0.05, 0.12)}


def _simulate_view(anatomy: dict, rng: np.random.Generator, size: int) -> View:
    lines, samples = size, int(1.4 * size)
    scan = _draw_scan(rng, lines, samples)
    mirrored = 1 if rng.random() < 0.5 else -1
    slice_scale = rng.uniform(0.8, 1.0)
    moved = {"x": rng.normal(0, 0.03), "y": rng.normal(0, 0.02), "mirror": mirrored}
    wobble = _smooth_field(rng, (samples, lines), 6) * 0.012
    x, y = scan.x + wobble, scan.y + wobble[::-1]
    echo, shadow, boxes = _echo_map(anatomy, x, y, moved, slice_scale, rng)
    frequency = rng.uniform(0.8, 1.3)
    envelope = speckle(echo, rng, axial=0.0055 * samples / frequency, lateral=0.009 * lines)
    depth = np.linspace(0, 1, samples)[:, None]
    gain = rng.normal(0, 2) + rng.uniform(-10, -2) * depth + 2.5 * np.sin(3 * np.pi * depth)
    level = 20 * np.log10(envelope + 1e-4) + gain - shadow
    dynamic_range = rng.uniform(45, 60)
    gray = np.clip((level + 0.72 * dynamic_range) / dynamic_range, 0, 1) ** rng.uniform(0.9, 1.2)
    return _scan_convert(gray, scan, boxes, size)


def _draw_scan(rng: np.random.Generator, lines: int, samples: int) -> _Scan:
    apex, near = rng.uniform(0.05, 0.16), rng.uniform(0.1, 0.2)
    opening, far = rng.uniform(0.55, 0.72), rng.uniform(1.0, 1.12)
    angle = np.linspace(-opening, opening, lines)[None, :]
    depth = np.linspace(near, far, samples)[:, None]
    x, y = depth * np.sin(angle), depth * np.cos(angle) - apex
    return _Scan(apex, opening, near, far, x.astype("float32"), y.astype("float32"))


def _echo_map(anatomy, x, y, moved, slice_scale, rng):
    """Mean echo in dB, extra loss in dB, and the fibroids' boxes, on the polar raster."""
    uterus, shape = anatomy["uterus"], x.shape
    tissue = 3.0 * _smooth_field(rng, shape, 5) + 3.0 * _smooth_field(rng, shape, 14)
    layer = anatomy["layers"]
    fascia = sum(
        np.exp(-(((y - layer * k - 0.01 * _smooth_field(rng, shape, 4)) / 0.006) ** 2))
        for k in (0.5, 1.0, 1.6)
    )
    echo = tissue - 6 + 9 * fascia + 4 * np.exp(-y / 0.08)
    distance = _ellipse(x, y, uterus, moved, 1.0)
    body = _soft(distance, 0.04)
    echo = echo * (1 - body) + body * (-9 + 2.5 * _smooth_field(rng, shape, 10) + 0.3 * tissue)
    echo = echo + 6 * np.exp(-(((distance - 1.03) / 0.035) ** 2))
    inner = anatomy["stripe"]
    u, v = _local(x, y, uterus, moved)
    pushed = 0.02 * _smooth_field(rng, shape, 4)
    stripe = np.exp(-(((v / uterus["b"] - inner["shift"] + pushed) / inner["thick"]) ** 2))
    echo = echo + inner["echo"] * stripe * _soft(np.abs(u / uterus["a"]) / 0.72, 0.1)
    shadow = np.zeros(shape, "float32")
    boxes = []
    for lump in anatomy["lumps"]:
        grown = slice_scale if lump["kind"] != "cyst" else 1.0
        distance = _ellipse(x, y, lump, moved, grown)
        edge = 0.09 if lump["kind"] == "cyst" else 0.22
        within = _soft(distance, edge)
        texture = 2.0 * _smooth_field(rng, shape, 16) if lump["kind"] == "fibroid" else 0.0
        base = 0 if lump["kind"] == "patch" else echo
        echo = echo * (1 - within) + within * (
            base * 0.25 + (-9 if lump["kind"] != "patch" else echo) + lump["echo"] + texture
            if lump["kind"] != "cyst"
            else lump["echo"]
        )
        passed = np.cumsum(within, axis=0) / max(1.0, float(within.sum(axis=0).max()))
        shadow += lump["shadow"] * np.clip(passed, 0, 1)
        if lump["kind"] == "fibroid":
            rim = np.exp(-(((distance - 1.0) / 0.09) ** 2))
            sides = np.abs(np.gradient(within, axis=1)) * shape[1] / 40
            echo = echo + 1.5 * rim
            shadow += 5 * np.clip(np.cumsum(sides * rim, axis=0) * 3 / shape[0], 0, 1)
            boxes.append(_box(lump, moved, grown))
        if lump["kind"] == "cyst":
            back = np.exp(-(((distance - 1.06) / 0.06) ** 2)) * (y > lump["y"])
            echo = echo + 5 * back
    return echo, shadow, boxes


def _local(x, y, ellipse, moved):
    """Coordinates along and across an ellipse's axes."""
    dx = moved["mirror"] * (x - moved["x"]) - ellipse["x"]
    dy = y - moved["y"] - ellipse["y"]
    cos, sin = np.cos(ellipse["angle"]), np.sin(ellipse["angle"])
    return dx * cos + dy * sin, -dx * sin + dy * cos


def _ellipse(x, y, ellipse, moved, scale):
    """1 on the outline, below inside, above outside."""
    u, v = _local(x, y, ellipse, moved)
    return np.sqrt((u / (ellipse["a"] * scale)) ** 2 + (v / (ellipse["b"] * scale)) ** 2)


def _box(ellipse, moved, scale) -> tuple[float, float, float, float]:
    cos, sin = np.cos(ellipse["angle"]), np.sin(ellipse["angle"])
    a, b = ellipse["a"] * scale, ellipse["b"] * scale
    wide, high = np.hypot(a * cos, b * sin), np.hypot(a * sin, b * cos)
    x = moved["mirror"] * ellipse["x"] + moved["x"]
    y = ellipse["y"] + moved["y"]
    return x - wide, y - high, x + wide, y + high


def _soft(distance, edge):
    return (1 / (1 + np.exp(np.clip((distance - 1) / (edge / 4), -30, 30)))).astype("float32")


def _smooth_field(rng: np.random.Generator, shape: tuple[int, int], cells: int) -> np.ndarray:
    """A random field that varies over about `cells` lengths a side: about unit variance."""
    coarse = rng.standard_normal((cells + 1, cells + 1), "float32")
    down, across = (_interpolation(length, cells) for length in shape)
    return 1.3 * down @ coarse @ across.T


@lru_cache
def _interpolation(length: int, cells: int) -> np.ndarray:
    """The matrix (length, cells + 1) of linear interpolation between equally spaced points."""
    place = np.linspace(0, cells, length)[:, None]
    return np.clip(1 - np.abs(place - np.arange(cells + 1)), 0, 1).astype("float32")


def speckle(echo: np.ndarray, rng: np.random.Generator, axial: float, lateral: float) -> np.ndarray:
    """The envelope of many scatterers under a Gaussian pulse: float32, the shape of `echo`.

    `echo` is the mean level in dB, `axial` and `lateral` the pulse's standard deviations in
    samples and lines. Where `echo` is constant the envelope is Rayleigh distributed with a mean
    square of the echo's power (Wagner et al., 1983). Beams diverge, so cells widen with depth.
    """
    strength = 10 ** (np.clip(echo, -40, 20) / 20)
    noise = rng.standard_normal((2, *echo.shape), "float32") * strength.astype("float32")
    parts = []
    for part in noise:
        part = gaussian_filter1d(part, axial, axis=0, mode="nearest")
        parts.append(gaussian_filter1d(part, lateral, axis=1, mode="nearest"))
    return np.hypot(*parts) * np.sqrt(4 * np.pi * axial * lateral / 2)


def _scan_convert(gray: np.ndarray, scan: _Scan, boxes: list, size: int) -> View:
    """The sector picture with boxes in its pixels; the square holds the whole sector."""
    top = scan.near * np.cos(scan.opening)
    extent = max(2 * scan.far * np.sin(scan.opening), scan.far - top)
    grid = (np.arange(size) + 0.5) / size
    px, py = (grid[None, :] - 0.5) * extent, grid[:, None] * extent + top
    row = (np.hypot(px, py) - scan.near) / (scan.far - scan.near) * (gray.shape[0] - 1)
    angle = np.arctan2(px, py)
    column = (angle + scan.opening) / (2 * scan.opening) * (gray.shape[1] - 1)
    picture = map_coordinates(gray, [row, column], order=1, mode="constant", cval=0)
    lesions = []
    for x0, y0, x1, y1 in boxes:
        x = (np.array([x0, x1]) / extent + 0.5) * size
        y = (np.array([y0, y1]) + scan.apex - top) / extent * size
        (x0, x1), (y0, y1) = np.clip(x, 0, size), np.clip(y, 0, size)
        if x1 - x0 > 1 and y1 - y0 > 1:
            lesions.append((float(x0), float(y0), float(x1), float(y1)))
    return View(np.clip(np.rint(picture * 255), 0, 255).astype("uint8"), lesions)


def write_set(
    folder: Path, train: int, test: int, size: int = 128, seed: int = 0, progress: bool = True
) -> Path:
    """Write exactly `train` and `test` images as `folder/<split>/<class>/*.png`, and a manifest.

    About 45 % show fibroids. A patient has one to four views, a group that never crosses the
    splits, and fibroid boxes in the manifest's column `lesions` (JSON, pixels). The folder appears
    whole. Running it again with the same numbers changes nothing; a folder that holds anything
    else is a UserError.
    """
    folder = Path(folder)
    settings = {"train": train, "test": test, "size": size, "seed": seed}
    if folder.exists() and any(folder.iterdir()):
        made = folder / "phantom.yaml"
        if made.is_file() and yaml.safe_load(made.read_text()) == settings:
            return folder
        raise UserError(
            f"{folder} is not empty and does not hold this phantom set ({settings}): name a new "
            "folder, or remove that one"
        )
    jobs = [job for split, n in (("train", train), ("test", test)) for job in _plan(seed, split, n)]
    rows = []
    with (
        whole_folder(folder) as temporary,
        ThreadPoolExecutor(os.cpu_count()) as pool,
        tqdm(
            total=train + test, unit="img", desc="simulating (phantom)", disable=not progress
        ) as bar,
    ):
        for split in ("train", "test"):
            for label in CLASSES:
                (temporary / split / label).mkdir(parents=True)
        made = pool.map(lambda job: simulate_patient(seed, job[1], job[2], job[3], size), jobs)
        for (split, patient, label, _), views in zip(jobs, made, strict=True):
            for number, view in enumerate(views):
                name = f"{split}/{label}/phantom_p{patient:05d}_v{number}.png"
                Image.fromarray(view.pixels).save(temporary / name)
                rows.append((name, label, split, f"p{patient:05d}", json.dumps(view.lesions)))
            bar.update(len(views))
        table = pd.DataFrame(rows, columns=["path", "label", "split", "group", "lesions"])
        table.assign(source="phantom").to_csv(temporary / "manifest.csv", index=False)
        (temporary / "phantom.yaml").write_text(yaml.safe_dump(settings))
    return folder


def _plan(seed: int, split: str, count: int) -> list[tuple[str, int, str, int]]:
    """Split, patient number, label and number of views, for exactly `count` images."""
    first = {"train": 0, "test": 50_000}[split]
    rng = np.random.default_rng([seed, first])
    wanted = {"UF": max(1, round(count * UF_SHARE))}
    wanted["NUF"] = max(1, count - wanted["UF"])
    jobs = []
    for label in CLASSES:
        left = wanted[label]
        while left:
            views = min(left, int(rng.integers(1, 5)))
            jobs.append((split, first + len(jobs), label, views))
            left -= views
    return jobs


def write_sheet(path: Path, count: int = 32, size: int = 128, seed: int = 0) -> None:
    """Write a labelled sheet of `count` simulated images, half of them with fibroids."""
    rows = []
    for index in range(0, count, 8):
        label = CLASSES[(index // 8) % 2]
        views = [simulate_patient(seed, index + i, label, 1, size)[0] for i in range(8)]
        rows.append((f"{label}\nphantom", np.stack([v.pixels for v in views])[..., None]))
    write_grid(path, rows, "phantom: simulated pelvic ultrasound")
