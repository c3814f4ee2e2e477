"""The images that an arm changed most, and the heatmaps that are shown with them."""

import json

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg

from experiments.reporting import changed_predictions, heatmaps
from experiments.running.trial import HEATMAPS

ARM = "real+synthetic@1.0"


def _predictions(classifiers=("mobilenet_v3",)) -> pd.DataFrame:
    """Five images, two training runs of each arm: b gains 0.4 in the mean, c loses 0.3, e 0.01."""
    after = {"a": 0.5, "b": 0.9, "c": 0.8, "d": 0.5, "e": 0.51}
    rows = [
        {"path": path, "label": label, "target": int(label == "UF"), "arm": arm, "seed": seed}
        | {"classifier": name, "probability": (after[path] if arm != "real" else 0.5)}
        | {"repeat": "", "fold": ""}
        for path, label in zip("abcde", ("UF", "UF", "NUF", "NUF", "NUF"), strict=True)
        for arm in ("real", ARM)
        for seed in (0, 1)
        for name in classifiers
    ]
    return pd.DataFrame(rows)


def _trial(root, arm: str, seed: int, values, classifier="mobilenet_v3", constant=None):
    folder = root / f"{arm}-{classifier}-{seed}"
    folder.mkdir()
    metadata = {"arm": arm, "classifier": classifier, "seed": seed}
    metadata |= {} if constant is None else {"constant": constant}
    (folder / "trial.json").write_text(json.dumps(metadata))
    pd.DataFrame({"path": list("edcba")}).to_csv(folder / "predictions.csv", index=False)
    if values is not None:
        np.save(folder / HEATMAPS, np.asarray(values, "float16"))
    return folder


def _heatmaps(image: int):
    values = np.zeros((5, 2, 2))
    values[image, 0] = 1
    return values


def test_gain_is_that_of_the_true_class_and_small_changes_are_left_out():
    chosen = changed_predictions.choose(_predictions(), ARM)
    assert chosen["path"].tolist() == ["b", "c"]
    assert np.allclose(chosen["gain"], [0.4, -0.3])
    assert np.allclose(chosen["after"], [0.9, 0.8])


def test_heatmaps_are_joined_to_images_by_path(tmp_path):
    trials = [_trial(tmp_path, "real", 0, _heatmaps(4)), _trial(tmp_path, ARM, 0, _heatmaps(0))]
    pair = heatmaps.choose_pair(_predictions(), trials, ARM, "real")
    assert pair.before["a"].max() == 1 and pair.before["d"].max() == 0
    assert pair.after["e"].max() == 1 and "mobilenet_v3, seed 0" in pair.text


def test_a_failed_first_seed_is_replaced_by_the_next(tmp_path):
    trials = [_trial(tmp_path, "real", 0, None), _trial(tmp_path, ARM, 0, _heatmaps(0))]
    assert heatmaps.choose_pair(_predictions(), trials, ARM, "real").text == (
        "no heatmap: none was stored"
    )
    trials += [_trial(tmp_path, arm, 1, _heatmaps(1)) for arm in ("real", ARM)]
    assert "seed 1" in heatmaps.choose_pair(_predictions(), trials, ARM, "real").text


def test_heatmaps_of_one_cell_are_not_shown(tmp_path):
    flat = np.ones((5, 2, 2)) * np.array([1, 1, 0, 1, 0])[:, None, None]
    trials = [_trial(tmp_path, arm, 0, flat) for arm in ("real", ARM)]
    pair = heatmaps.choose_pair(_predictions(), trials, ARM, "real")
    assert pair.before is None and "heatmaps of mobilenet_v3 have a single cell" in pair.text


def test_a_constant_network_has_no_heatmap(tmp_path):
    trials = [
        _trial(tmp_path, "real", 0, _heatmaps(0)),
        _trial(tmp_path, ARM, 0, np.zeros((5, 2, 2))),
    ]
    trials += [_trial(tmp_path, "real", 1, _heatmaps(0))]
    trials += [_trial(tmp_path, ARM, 1, _heatmaps(1), constant=True)]
    pair = heatmaps.choose_pair(_predictions(), trials, ARM, "real")
    assert pair.before is None
    assert pair.text == "no heatmap: all images get the same probability"


def test_the_classifier_is_the_best_of_those_that_beat_chance(tmp_path):
    names = ("mobilenet_v3", "hybrid")
    table = _predictions(names)
    best = (table["classifier"] == "hybrid") & (table["arm"] == "real") & (table["target"] == 1)
    table.loc[best, "probability"] = 0.9
    trials = [
        _trial(tmp_path, arm, 0, _heatmaps(0), name) for arm in ("real", ARM) for name in names
    ]
    assert "hybrid, seed 0" in heatmaps.choose_pair(table, trials, ARM, "real").text
    assert "mobilenet_v3" in heatmaps.choose_pair(table, trials, ARM, "real", {"mobilenet_v3"}).text
    none = heatmaps.choose_pair(table, trials, ARM, "real", set())
    assert none.before is None and "beat chance" in none.text


def test_the_best_classifier_has_the_highest_area_within_folds(tmp_path):
    """Folds on scales of their own: pooled, the network that is perfect in each comes last."""
    names = ("mobilenet_v3", "hybrid")
    table = _predictions(names)
    table["fold"] = table["path"].isin(["a", "c"]).astype(int)
    perfect = table["path"].map({"a": 0.2, "c": 0.1, "b": 0.9, "d": 0.8, "e": 0.8})
    wrong_in_one = table["path"].map({"a": 0.7, "c": 0.75, "b": 0.9, "d": 0.5, "e": 0.5})
    table["probability"] = perfect.where(table["classifier"] == "hybrid", wrong_in_one)
    trials = [
        _trial(tmp_path, arm, 0, _heatmaps(0), name) for arm in ("real", ARM) for name in names
    ]
    text = heatmaps.choose_pair(table, trials, ARM, "real").text
    assert "hybrid, seed 0" in text and "real, 1.000" in text


def _written(folder, predictions, trials=()):
    shown = []

    def pixels_of(paths):
        shown.extend(paths)
        return np.zeros((len(paths), 32, 32, 1), "uint8")

    changed_predictions.write(folder, ARM, predictions, list(trials), pixels_of)
    return shown, (folder / "figures/changed.svg").read_text()


def test_the_figure_says_three_decimals_and_why_there_is_no_heatmap(tmp_path):
    shown, text = _written(tmp_path, _predictions())
    assert shown == ["b", "c"]
    assert "0.500→0.900" in text and "No heatmap: none was stored" in text
    assert "probability of UF" in text


def test_the_figure_is_there_even_if_nothing_changed(tmp_path):
    same = _predictions().assign(probability=0.5)
    shown, text = _written(tmp_path, same)
    assert shown == [] and "No mean probability changed by 0.05 or more" in text


def test_the_reference_of_the_table_is_the_one_that_is_compared(tmp_path):
    predictions = _predictions().replace({"arm": {"real": "real+classical"}})
    row = {"arm": ARM, "reference": "real+classical", "classifier": "mobilenet_v3"}
    table = pd.DataFrame([row | {"reference_beats_chance": False}])
    table.to_csv(tmp_path / "deltas.csv", index=False)
    _, text = _written(tmp_path, predictions)
    assert "from real+classical to" in text and "beat chance in real+classical" in text


def test_heatmaps_are_drawn_only_with_a_colour_bar(tmp_path):
    trials = [_trial(tmp_path, arm, 0, _heatmaps(3)) for arm in ("real", ARM)]
    pair = heatmaps.choose_pair(_predictions(), trials, ARM, "real")
    chosen = changed_predictions.choose(_predictions(), ARM)
    pixels = np.zeros((2, 32, 32, 1), "uint8")
    figure = changed_predictions.draw(chosen, pixels, pair, ARM, "real", "about")
    FigureCanvasAgg(figure).draw()
    assert len(figure.axes) == 3 * 2 + 1
