"""A finished study's folder with random numbers, for what reads one."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from PIL import Image

from classifiers.evaluation import metrics as metric_names
from experiments.declaration import declared, history
from ufgen import provenance

ARMS = ["real", "real+duplicated@1.0", "real+synthetic@0.5", "real+synthetic@1.0"]
SENTENCE = "Inconclusive: this study cannot tell."
HEADLINE = ("all", "roc_auc")
CHECK = {"name": "Enough seeds", "passed": False, "text": "Only 2 seeds."}


def fake_study(
    folder: Path,
    arms=ARMS,
    classifiers=("mobilenet_v3",),
    seeds=(0, 1),
    source="real",
    negative="NUF",
    name="fake",
    broken=False,
    n=40,
) -> Path:
    """A study's folder as the runner leaves it, with random trials. F1 of `real` is undefined."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    labels = ["UF", negative] * (n // 2)
    roles = (["fit"] * 5 + ["validation"] + ["test"] * 4) * (n // 10)
    images = pd.DataFrame({
        "path": [f"/images/{i}.png" for i in range(n)],
        "label": labels,
        "split": ["test" if role == "test" else "train" for role in roles],
        "group": [f"patient {i // 2}" for i in range(n)],
        "source": source,
        "sha256": [f"{i:064x}" for i in range(n)],
        "role": roles,
    })  # fmt: skip
    images.to_csv(folder / "images.csv", index=False)
    quarantine = pd.DataFrame(columns=["path", "label", "split", "reason"])
    if broken:
        quarantine.loc[0] = ["/images/broken.png", negative, "", "cannot be decoded: truncated"]
    quarantine.to_csv(folder / "quarantine.csv", index=False)
    test = images[images["role"] == "test"]
    trials, predictions = [], []
    for arm in arms:
        for classifier in classifiers:
            for seed in seeds:
                trial, generator = f"{arm}_{classifier}_{seed}", 0 if "synth" in arm else ""
                target = (test["label"] == "UF").to_numpy().astype(int)
                noise = rng.normal(0, 1.2, len(test))
                probability = 1 / (1 + np.exp(-(2 * target - 1 + noise)))
                scores = metric_names.evaluate(target, probability, 0.5)
                counts = metric_names.confusion(target, probability, 0.5)
                metadata = {"arm": arm, "classifier": classifier, "trial": trial}
                metadata |= {"generator": generator, "seed": seed, "repeat": ""}
                row = metadata | {"n_train": 24 + len(arm), "threshold": 0.5} | scores | counts
                trials.append(row | ({"f1": np.nan} if arm == "real" else {}))
                predicted = np.where(probability >= 0.5, "UF", negative)
                predictions.append(test[["sha256", "path", "label", "group"]].assign(
                    arm=arm, classifier=classifier, generator=generator, seed=seed,
                    repeat="", fold="", target=target,
                    probability=probability, predicted=predicted,
                ))  # fmt: skip
                steps = np.arange(1, 6) * 20
                trial_folder = folder / "trials" / trial
                trial_folder.mkdir(parents=True)
                (trial_folder / "trial.json").write_text(json.dumps(metadata))
                loss = np.exp(-steps / 60) + rng.normal(0, 0.03, 5)
                pd.DataFrame({
                    "step": steps, "learning_rate": 5e-4 * (1 - steps / 120), "loss": loss,
                    "accuracy": 1 - loss / 2, "val_loss": loss + 0.2,
                    "val_accuracy": 0.9 - loss / 2, "val_roc_auc": 0.95 - loss / 2,
                    "best": (np.arange(5) == rng.integers(2, 5)).astype(int),
                }).to_csv(trial_folder / "history.csv", index=False)  # fmt: skip
    pd.DataFrame(trials).to_csv(folder / "metrics.csv", index=False)
    pd.concat(predictions).to_csv(folder / "predictions.csv", index=False)
    verdicts, rows = ["helps", "hurts", "equivalent", "inconclusive"], []
    for i, arm in enumerate(arms[1:]):
        for classifier in ("all", *classifiers):
            for metric in metric_names.NAMES:
                delta, missing = rng.normal(0, 0.03), metric == "f1"
                rows.append({
                    "arm": arm, "reference": "real", "classifier": classifier,
                    "reference_beats_chance": True, "metric": metric, "baseline": 0.8,
                    "value": 0.8 + delta, "delta": np.nan if missing else delta,
                    "low": np.nan if missing else delta - 0.04,
                    "high": np.nan if missing else delta + 0.04, "confidence": 0.95,
                    "verdict": verdicts[i % 4] if (classifier, metric) == HEADLINE else "",
                    "p_value": 0.2, "p_holm": 0.4 if "synthetic" in arm else np.nan,
                    "minimum_detectable_effect": 0.03, "cohens_d": 0.5, "folds": 1, "generators": 1,
                    "seeds": 2,
                    "probability_of_improvement": 0.75, "variance_generators": 0.0,
                    "variance_seeds": 1e-4, "variance_residual": 1e-4, "variance_groups": 1e-4,
                })  # fmt: skip
    pairs = [
        {
            "arm": arm,
            "reference": "real",
            "classifier": c,
            "generator": "",
            "seed": s,
            "repeat": "",
            "delta_roc_auc": 0.01,
        }
        | {"delong_p": 0.3, "mcnemar_p": np.nan, "permutation_p": 0.0004}
        for arm in arms[1:]
        for c in classifiers
        for s in seeds
    ]
    pd.DataFrame(pairs).to_csv(folder / "paired_tests.csv", index=False)
    deltas = pd.DataFrame(rows)
    deltas.to_csv(folder / "deltas.csv", index=False)
    study = {
        "name": name,
        "question": f"Does it help to tell UF from {negative}?",
        "images": {"path": "x", "positive": "UF", "resolution": 64, "channels": 1, "fit": "crop"}
        | {"fraction": 1.0},
        "arms": list(arms),
        "classifiers": [{"name": c, "weights": "none", "training": {}} for c in classifiers],
        "seeds": list(seeds),
        "training": {
            "steps": 100,
            "batch": 16,
            "learning_rate": 5e-4,
            "schedule": "cosine",
            "balance": "none",
        },
        "generator": {"recipe": "dcgan", "options": {}, "seeds": [0]},
        "folds": 0,
        "repeats": 1,
        "split_seed": 0,
        "validation_fraction": 0.2,
        "primary_metric": "roc_auc",
        "margin": 0.02,
        "confidence": 0.95,
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    declaration = declared.Declaration("2030-01-02T03:04:05+00:00", 0, {"margin": 0.02}, "")
    sha256 = provenance.key(64, *declaration[:3])
    values = declaration._replace(sha256=sha256)._asdict()
    values["declared"] = values.pop("content")
    (folder / declared.FILE).write_text(yaml.safe_dump(values))
    verdict = {"time": "2030-01-03T00:00:00+00:00", "seeds": list(seeds), "generators": [0]}
    verdict |= {"repeats": 1}
    verdict |= {"look": 1, "looks": 1, "level": 0.05, "primary_metric": "roc_auc", "margin": 0.02}
    verdict |= {"headline": SENTENCE, "arms": dict.fromkeys(arms[1:], "inconclusive")}
    history.append(folder / history.VERDICTS, [verdict | {"declared": sha256, "changes": 0}])
    sets = ["dcgan-1"] if any("synthetic" in arm for arm in arms) else []
    for one in sets:
        set_folder = folder / "synthetic" / one
        set_folder.mkdir(parents=True)
        noise = rng.integers(0, 256, (120, 640), dtype=np.uint8)
        Image.fromarray(noise).save(set_folder / "grid.png")
        (set_folder / "generator").mkdir()
        (set_folder / "generator" / "recipe.yaml").write_text("architecture: dcgan\nkimg: 6\n")
    measured = {"KD-texture": 0.4, "KD-texture reference": 0.0, "precision-texture": 0.9}
    measured |= {"recall-texture": 0.4, "coverage-texture": 0.8}
    metadata = {"generator": 0, "filtered": False, "split": "", "images": 20, "copies": 0.05}
    rows = [{"folder": one} | metadata | measured for one in sets]
    columns = ["folder", *metadata, *measured]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "synthetic.csv", index=False)
    conclusion = {"headline": SENTENCE, "by_arm": ["an arm is inconclusive"], "arms": []}
    conclusion |= {"primary": None, "probabilities": "", "scope": "Scope: other test groups."}
    conclusion |= {"look": "", "seeds": len(seeds)}
    conclusion |= {"sentence": SENTENCE, "notes": ["One generator was trained."]}
    conclusion |= {"strongest": None, "checks": [CHECK, CHECK | {"passed": True}]}
    conclusion |= {"equivalent_real_images": ["20 synthetic images did what 5 real ones did."]}
    conclusion |= {"warnings": ["No groups were given."]}
    (folder / "verdict.json").write_text(json.dumps(conclusion))
    metadata = {"python": "3.11", "keras": "3.9", "cores": "2"}
    (folder / "environment.json").write_text(json.dumps(metadata))
    return folder
