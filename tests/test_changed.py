"""The images that an arm changed most."""

import json

import numpy as np
import pandas as pd

from experiments import changed


def _predictions() -> pd.DataFrame:
    """Four images, two trainings of each arm: b gains 0.4 in the mean, c loses 0.3."""
    after = {"a": 0.5, "b": 0.9, "c": 0.8, "d": 0.5}
    rows = [
        {"path": path, "label": label, "target": int(label == "UF"), "arm": arm, "seed": seed}
        | {"classifier": "mobilenet_v3", "probability": (after[path] if arm != "real" else 0.5)}
        for path, label in zip("abcd", ("UF", "UF", "NUF", "NUF"), strict=True)
        for arm in ("real", "real+synthetic@1.0")
        for seed in (0, 1)
    ]
    return pd.DataFrame(rows)


def test_gain_is_that_of_the_true_class():
    found = changed.choose(_predictions(), "real+synthetic@1.0", each=5)
    assert found["path"].tolist() == ["b", "c"]
    assert np.allclose(found["gain"], [0.4, -0.3])
    assert np.allclose(found["after"], [0.9, 0.8])


def test_evidence_is_joined_to_images_by_path(tmp_path):
    place = tmp_path / "trial"
    place.mkdir()
    (place / "trial.json").write_text(json.dumps({"arm": "real", "classifier": "mobilenet_v3"}))
    pd.DataFrame({"path": ["d", "a"]}).to_csv(place / "predictions.csv", index=False)
    np.save(place / "evidence.npy", np.stack([np.zeros((2, 2)), np.ones((2, 2))]).astype("float16"))
    (tmp_path / "other").mkdir()
    found = changed.evidence([tmp_path / "other", place], "real", "mobilenet_v3")
    assert found["a"].min() == 1 and found["d"].max() == 0


def test_the_figure_is_written(tmp_path):
    shown = []

    def pixels_of(paths):
        shown.extend(paths)
        return np.zeros((len(paths), 32, 32, 1), "uint8")

    changed.write(tmp_path, "real+synthetic@1.0", _predictions(), [], pixels_of)
    assert shown == ["b", "c"]
    assert (tmp_path / "figures/changed.svg").stat().st_size > 1000
