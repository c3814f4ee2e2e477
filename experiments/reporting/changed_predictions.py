"""The test images whose probabilities an arm changed most, with the evidence before and after."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from classifiers.evaluation.metrics import roc_auc
from classifiers.explanation.saliency_box import enlarge
from experiments.design.arms import parse
from experiments.running.trial import read_predictions
from ufgen.atomic import atomic_file
from ufgen.display.figure_style import (
    BAD_TEXT,
    COLUMN,
    FORMATS,
    GOOD_TEXT,
    footnote,
    open_figure,
    save,
    style,
)

EACH = 4
LEAST_CHANGE = 0.05
EVEN = 0.01  # maps that vary less, as shares of their maximum, point nowhere
COLUMNS = ["path", "label", "before", "after", "gain"]


class Evidence(NamedTuple):
    """Grad-CAM maps (h, w) by path of the reference and of the arm, and a line about them.

    Without maps, `text` says why there are none.
    """

    text: str
    before: dict[str, np.ndarray] | None = None
    after: dict[str, np.ndarray] | None = None


def choose(
    predictions: pd.DataFrame, arm: str, reference: str = "real", each: int = EACH
) -> pd.DataFrame:
    """The images that `arm` changed most against `reference`: path, label, before, after, gain.

    Probabilities are means over all trainings and classifiers; `gain` is that of the true class.
    Changes below `LEAST_CHANGE` are left out. First up to `each` that gained most, then up to
    `each` that lost most, the last one worst.
    """
    metadata = ["path", "label", "target"]
    means = predictions.groupby([*metadata, "arm"])["probability"].mean().unstack("arm")
    found = means[[reference, arm]].set_axis(["before", "after"], axis=1).reset_index()
    sign = np.where(found["target"] == 1, 1, -1)
    found["gain"] = sign * (found["after"] - found["before"])
    found = found[found["gain"].abs() >= LEAST_CHANGE - 1e-9]
    found = found.sort_values(["gain", "path"], ascending=[False, True])
    gained, lost = found[found["gain"] > 0][:each], found[found["gain"] < 0][-each:]
    return pd.concat([gained, lost])[COLUMNS].reset_index(drop=True)


def evidence(
    predictions: pd.DataFrame,
    trials: list[Path],
    arm: str,
    reference: str,
    skilled: set[str] | None = None,
) -> Evidence:
    """The maps of the best classifier, of the first seed whose training runs in both arms have any.

    Only `skilled` classifiers are asked (all, by default): where one cannot tell the classes apart
    there is nothing to explain. A run that gives all images one probability has no evidence, and
    maps of a single cell, as of small images, do not say where it lies.
    """
    scores = predictions[predictions["arm"] == reference].groupby("classifier", sort=False)
    areas = {name: _mean_area(made) for name, made in scores if skilled is None or name in skilled}
    if not areas:
        return Evidence(f"no evidence: no classifier is known to beat chance in {reference}")
    why = "none was kept"
    kept = _kept(trials)
    for classifier in sorted(areas, key=areas.get, reverse=True):
        for seed in sorted({s for name, _, s in kept if name == classifier}):
            pair = [kept.get((classifier, name, seed)) for name in (reference, arm)]
            if None in pair:
                continue
            maps = [_maps(place) for place in pair]
            if None in maps:
                why = "all images get the same probability"
                continue
            if not any(np.ptp(shares) > EVEN for found in maps for shares in found.values()):
                why = f"at this size the maps of {classifier} have a single cell"
                continue
            area = f"the highest mean ROC AUC in {reference}, {areas[classifier]:.3f}"
            return Evidence(f"Grad-CAM of {classifier}, seed {seed} ({area})", *maps)
    return Evidence(f"no evidence: {why}")


def _kept(trials: list[Path]) -> dict[tuple[str, str, int], list[Path]]:
    """The folders that hold maps, one for each fold, by classifier, arm and seed."""
    found: dict[tuple[str, str, int], list[Path]] = {}
    for place in trials:
        if (place / "evidence.npy").is_file():
            metadata = json.loads((place / "trial.json").read_text())
            key = metadata["classifier"], metadata["arm"], metadata["seed"]
            found.setdefault(key, []).append(place)
    return found


def _maps(places: list[Path]) -> dict[str, np.ndarray] | None:
    """Maps by path; None where a run has none, because it gives all images one probability."""
    found = {}
    for place in places:
        constant = json.loads((place / "trial.json").read_text()).get("constant", False)
        maps = np.load(place / "evidence.npy", allow_pickle=False).astype("float32")
        if constant or not maps.any():
            return None
        found |= dict(zip(read_predictions(place)["path"], maps, strict=True))
    return found


def _mean_area(made: pd.DataFrame) -> float:
    areas = [
        roc_auc(one["target"].to_numpy(), one["probability"].to_numpy())
        for _, one in made.groupby("seed")
    ]
    return float(np.mean(areas))


@style()
def draw(
    chosen: pd.DataFrame,
    pixels: np.ndarray,
    found: Evidence,
    arm: str,
    reference: str,
    metadata: str,
) -> Figure:
    """Images above their evidence in both arms; `pixels` belong to `chosen` by row."""
    lines = [("image", None)]
    if found.before is not None:
        lines += [(reference, found.before), (arm, found.after)]
    columns = max(1, len(chosen))
    figure = open_figure(max(COLUMN, 0.9 * columns), 1.1 + 0.85 * len(lines))
    panels = figure.subplots(len(lines), columns, squeeze=False)
    for axes in panels.ravel():
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    if chosen.empty:
        text = f"No mean probability changed by {LEAST_CHANGE:g} or more."
        panels[0][0].text(0.5, 0.5, text, ha="center", va="center")
    for row, image in chosen.iterrows():
        for line, (name, maps) in enumerate(lines):
            _draw(panels[line][row], pixels[row], None if maps is None else maps[image["path"]])
            if row == 0:
                panels[line][row].set_ylabel(name.replace("+", "\n+"), fontsize=7)
        sign, colour = ("▲", GOOD_TEXT) if image["gain"] > 0 else ("▼", BAD_TEXT)
        title = f"{sign} {image['label']}\n{image['before']:.3f}→{image['after']:.3f}"
        panels[0][row].set_title(title, fontsize=7, color=colour)
    if len(lines) > 1 and len(chosen):
        _colour_bar(figure, panels[1:])
    footnote(figure, f"{metadata}\n{found.text[0].upper()}{found.text[1:]}.")
    return figure


def _draw(axes, image: np.ndarray, heat: np.ndarray | None) -> None:
    axes.imshow(np.squeeze(image), cmap="gray", vmin=0, vmax=255)
    if heat is not None:
        heat = enlarge(heat, image.shape[1], image.shape[0])
        heat = heat / max(heat.max(), 1e-9)
        axes.imshow(heat, cmap="inferno", alpha=0.6 * np.clip(heat, 0, 1), vmin=0, vmax=1)


def _colour_bar(figure: Figure, panels: np.ndarray) -> None:
    from matplotlib.cm import ScalarMappable

    bar = figure.colorbar(ScalarMappable(cmap="inferno"), ax=panels, fraction=0.02, ticks=[0, 1])
    bar.set_label("share of the\nmap's largest", fontsize=7)


def write(folder: Path, arm: str, predictions: pd.DataFrame, trials: list[Path], pixels_of) -> None:
    """Write changed.csv and figures/changed.*; `pixels_of` gives uint8 (N, H, W, C) for paths.

    The arm's reference, and which classifiers beat chance there, are read from deltas.csv.
    """
    reference, skilled = _compared(folder, arm)
    chosen = choose(predictions, arm, reference)
    with atomic_file(folder / "changed.csv") as temporary:
        chosen.to_csv(temporary, index=False)
    found = evidence(predictions, trials, arm, reference, skilled)
    pixels = pixels_of(chosen["path"].tolist()) if len(chosen) else np.zeros((0, 1, 1, 1), "uint8")
    positive = predictions.loc[predictions["target"] == 1, "label"].iloc[0]
    metadata = (
        f"Test images whose mean probability of {positive} changed by {LEAST_CHANGE:g} or more, "
        f"from {reference} to {arm}:\nfor the better (▲) and for the worse (▼), at most {EACH} "
        f"each; means over {predictions['classifier'].nunique()} classifiers and all training runs."
    )
    figure = draw(chosen, pixels, found, arm, reference, metadata)
    save(figure, *(folder / "figures" / f"changed{kind}" for kind in FORMATS))


def _compared(folder: Path, arm: str) -> tuple[str, set[str] | None]:
    """The arm's reference, and the classifiers that beat chance in it; None where none is known."""
    file = folder / "deltas.csv"
    if not file.is_file():
        return parse(arm).reference.name, None
    deltas = pd.read_csv(file, keep_default_na=False)
    rows = deltas[deltas["arm"] == arm]
    skilled = rows.loc[rows["reference_beats_chance"].astype(str) == "True", "classifier"]
    return rows["reference"].iloc[0], set(skilled) - {"all"}
