"""One style for all figures: measured on the rendered figures."""

import ast
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from PIL import Image

from experiments.reporting import learning_curve, roc_figures, study_figures
from ufgen.display import fidelity_figure
from ufgen.display import figure_style as style

ROOT = Path(__file__).parents[3]
PACKAGES = ("ufgen", "classifiers", "experiments")
SOURCES = [path for name in PACKAGES for path in (ROOT / name).rglob("*.py")]
TEMPLATES = [path for name in PACKAGES for path in (ROOT / name).rglob("templates/*")]


def drawn_ends(figure, axes, colour: str, y: float) -> tuple[float, float]:
    """The left and right end, in data coordinates, of what has the colour at height `y`."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].astype(int)
    row = pixels.shape[0] - 1 - int(axes.transData.transform((0, y))[1])
    box = axes.get_window_extent()
    left, right = int(box.x0) + 2, int(box.x1) - 2
    wanted = np.rint(255 * np.array(to_rgb(colour))).astype(int)
    half = (255 - wanted).max() / 2  # a pixel that is covered by half, on white
    near = np.abs(pixels[row, left:right] - wanted).max(axis=1) <= half
    columns = left + np.flatnonzero(near)
    inverse = axes.transData.inverted()
    ends = [inverse.transform((x, 0))[0] for x in (columns.min(), columns.max() + 1)]
    return ends[0], ends[1]


def one_pixel(axes) -> float:
    inverse = axes.transData.inverted()
    return inverse.transform((1, 0))[0] - inverse.transform((0, 0))[0]


def deltas(**changes) -> pd.DataFrame:
    row = {"arm": "real+duplicated@1.0", "metric": "roc_auc", "delta": -0.0235}
    row |= {"low": -0.074, "high": 0.027, "confidence": 0.95, "verdict": "inconclusive"}
    row |= {"seeds": 2, "folds": 1, "generators": 1, "test_groups": 61} | changes
    names = ("all", "hybrid")
    return pd.DataFrame([row | {"classifier": name} for name in names])


def test_an_interval_in_the_forest_is_as_long_as_the_interval():
    figure = study_figures.forest(deltas(), "roc_auc", 0.02)
    figure.set_dpi(style.DPI)
    axes = figure.axes[0]
    left, right = drawn_ends(figure, axes, style.BLACK, 0.0)
    assert left == pytest.approx(-0.074, abs=1.5 * one_pixel(axes))
    assert right == pytest.approx(0.027, abs=1.5 * one_pixel(axes))


def fidelity_table() -> pd.DataFrame:
    row = {"scope": "all", "real": 9, "synthetic": 9, "note": ""}
    values = {"value": 0.5, "low": np.nan, "high": np.nan}
    halves = {"reference_low": 0.82, "reference_high": 1.0}
    rows = [row | {"metric": name} | values | halves for name in ("precision", "recall")]
    distance = {"value": 0.3, "low": 0.28, "high": 0.33}
    rows.append(
        row | {"metric": "KD"} | distance | {"reference_low": -0.02, "reference_high": 0.026}
    )
    return pd.DataFrame(rows).assign(reference=np.nan)


def test_intervals_and_references_of_fidelity_are_as_long_as_they_are(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(style, "save", lambda figure, *paths: figures.append(figure))
    fidelity_figure.write_figure(fidelity_table(), tmp_path / "fidelity.png")
    figure = figures[0]
    figure.set_dpi(style.DPI)
    panels = {axes.get_title().split(" ")[0]: axes for axes in figure.axes}
    for metric, colour, low, high in (
        ("precision", style.PALE, 0.82, 1.0),
        ("KD", style.BLUE, 0.28, 0.33),
        ("KD", style.PALE, -0.02, 0.026),
    ):
        axes = panels[metric]
        left, right = drawn_ends(figure, axes, colour, 0.0)
        assert left == pytest.approx(low, abs=1.5 * one_pixel(axes)), metric
        assert right == pytest.approx(high, abs=1.5 * one_pixel(axes)), metric


def test_every_line_ends_where_its_values_end():
    predictions, metrics = trials()
    figures = [
        study_figures.forest(deltas(), "roc_auc", 0.02),
        study_figures.ratio_curves(deltas(), "roc_auc"),
        roc_figures.roc_curves(predictions, metrics),
        roc_figures.reliability_curves(predictions, metrics),
        learning_curve.learning_curve(metrics.assign(n_train=[50, 50, 100, 100]), "roc_auc"),
    ]
    for figure in figures:
        lines = figure.findobj(Line2D)
        assert lines
        assert {line.get_solid_capstyle() for line in lines} == {"butt"}
        assert {line.get_dash_capstyle() for line in lines} == {"butt"}


def trials() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two arms, two seeds: one training of the second arm gives all images the same score."""
    from classifiers.evaluation.metrics import evaluate

    rng, predictions, table = np.random.default_rng(0), [], []
    target = np.arange(40) % 2
    for arm in ("real", "real+oracle@1.0"):
        for seed in (0, 1):
            scores = np.round(np.clip(0.3 * target + rng.uniform(0, 0.7, 40), 0, 1), 1)
            if arm != "real" and seed:
                scores = np.full(40, 0.4)
            metadata = {"arm": arm, "classifier": "hybrid", "generator": "", "seed": seed}
            predictions.append(
                pd.DataFrame({"path": range(40), "target": target, "probability": scores}).assign(
                    **metadata
                )
            )
            table.append(metadata | evaluate(target, scores, 0.5))
    return pd.concat(predictions, ignore_index=True), pd.DataFrame(table)


def test_the_area_under_each_drawn_curve_is_the_number_beside_it():
    predictions, metrics = trials()
    for draw, metric in (
        (roc_figures.roc_curves, "roc_auc"),
        (roc_figures.precision_recall_curves, "average_precision"),
    ):
        axes = draw(predictions, metrics).axes[0]
        for line in axes.lines[:2]:
            arm = line.get_label().split(" (")[0]
            mean = metrics.loc[metrics["arm"] == arm, metric].mean()
            assert np.trapezoid(line.get_ydata(), line.get_xdata()) == pytest.approx(mean)
            assert line.get_label() == f"{arm} ({mean:.3f})"


def test_the_calibration_error_beside_a_curve_is_that_of_the_table():
    predictions, metrics = trials()
    axes = roc_figures.reliability_curves(predictions, metrics).axes[0]
    labels = axes.get_legend_handles_labels()[1]
    means = metrics.groupby("arm", sort=False)["calibration_error"].mean()
    assert labels == [f"{arm} ({mean:.3f})" for arm, mean in means.items()]


def test_legends_lie_outside_the_axes_and_lines_differ_without_colour():
    predictions, metrics = trials()
    figure = roc_figures.precision_recall_curves(predictions, metrics)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    axes = figure.axes[0]
    assert not axes.get_window_extent().overlaps(axes.get_legend().get_window_extent())
    patterns = [line._unscaled_dash_pattern for line in axes.lines[:2]]
    assert patterns[0] != patterns[1]


def test_text_can_be_read_and_edited(tmp_path):
    def luminance(colour: str) -> float:
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)
        ]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    assert all(1.05 / (luminance(colour) + 0.05) >= 4.5 for colour in style.TEXT)
    used = [colour for _, colour in study_figures.VERDICTS.values()]
    assert set(used) <= set(style.TEXT)
    figure = study_figures.forest(deltas(arm="real+duplicated@2.0 $x_{"), "roc_auc", 0.02)
    paths = [tmp_path / f"forest{kind}" for kind in style.FORMATS]
    style.save(figure, *paths)
    assert ">real+duplicated@2.0 $x_{" in (tmp_path / "forest.svg").read_text()
    pdf = (tmp_path / "forest.pdf").read_bytes()
    assert b"/Type3" not in pdf and b"/CIDFontType2" in pdf
    before = [path.read_bytes() for path in paths]
    style.save(
        study_figures.forest(deltas(arm="real+duplicated@2.0 $x_{"), "roc_auc", 0.02), *paths
    )
    assert [path.read_bytes() for path in paths] == before


def test_no_other_file_opens_saves_or_colours_figures():
    for path in SOURCES:
        if path == ROOT / "ufgen" / "display" / "figure_style.py":
            continue
        text = path.read_text(encoding="utf-8")
        calls = [node.func for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
        names = {getattr(f, "attr", getattr(f, "id", "")) for f in calls}
        assert not names & {"savefig", "Figure", "rc_context"}, path


def test_colours_and_data_uris_are_defined_once():
    colours = {*style.SERIES, *style.PAGE_COLOURS.values(), style.PALE, style.PALE_BLUE}
    display = ROOT / "ufgen" / "display"
    assert len(SOURCES) > 100 and len(TEMPLATES) >= 4
    for path in {*SOURCES, *TEMPLATES} - {display / "figure_style.py"}:
        text = path.read_text(encoding="utf-8").lower()
        assert not [colour for colour in colours if colour.lower() in text], path
        assert path == display / "contact_sheet.py" or "base64" not in text, path


def test_a_distance_far_beyond_its_reference_gets_a_logarithmic_axis():
    for largest, expected in ((0.3, "linear"), (278_792.0, "symlog")):
        axes = style.open_figure().subplots()
        axes.plot([largest], [0], "o")
        style.log_where_wide(axes.xaxis, [largest], 0.045)
        assert axes.get_xscale() == expected
        axes.figure.savefig(io.BytesIO())


def test_a_phantom_is_never_called_real():
    assert style.source_word(["real", "real"]) == "real"
    assert style.source_word(["phantom"]) == "simulated"


def test_a_png_has_the_size_it_should_have():
    content = style.png(style.open_figure(2, 1))
    assert Image.open(io.BytesIO(content)).size == (2 * style.DPI, style.DPI)
