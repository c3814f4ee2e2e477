import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib.figure import Figure
from PIL import Image

from classifiers import metrics as metric_names
from experiments import curve_figures, figures, report

ARMS = ["real", "real+duplicated@1.0", "real+synthetic@0.5", "real+synthetic@1.0"]
BANNER = "These are simulated images (phantom); nothing here is evidence about patients"
COMMAND = "ufgen experiment quick --data 'my images'"
SENTENCE = "Inconclusive: this study cannot tell."


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
    trials, made = [], []
    for arm in arms:
        for classifier in classifiers:
            for seed in seeds:
                trial, generator = f"{arm}_{classifier}_{seed}", 0 if "synth" in arm else ""
                target = (test["label"] == "UF").to_numpy().astype(int)
                noise = rng.normal(0, 1.2, len(test))
                probability = 1 / (1 + np.exp(-(2 * target - 1 + noise)))
                scores = metric_names.evaluate(target, probability, 0.5)
                counts = metric_names.confusion(target, probability, 0.5)
                about = {"arm": arm, "classifier": classifier, "trial": trial}
                about |= {"generator": generator, "seed": seed}
                row = about | {"n_train": 24 + len(arm), "threshold": 0.5} | scores | counts
                trials.append(row | ({"f1": np.nan} if arm == "real" else {}))
                predicted = np.where(probability >= 0.5, "UF", negative)
                made.append(test[["sha256", "path", "label", "group"]].assign(
                    arm=arm, classifier=classifier, generator=generator, seed=seed, target=target,
                    probability=probability, predicted=predicted,
                ))  # fmt: skip
                steps = np.arange(1, 6) * 20
                place = folder / "trials" / trial
                place.mkdir(parents=True)
                (place / "trial.json").write_text(json.dumps(about))
                loss = np.exp(-steps / 60) + rng.normal(0, 0.03, 5)
                pd.DataFrame({
                    "step": steps, "learning_rate": 5e-4 * (1 - steps / 120), "loss": loss,
                    "accuracy": 1 - loss / 2, "val_loss": loss + 0.2,
                    "val_accuracy": 0.9 - loss / 2, "val_roc_auc": 0.95 - loss / 2,
                    "best": (np.arange(5) == rng.integers(2, 5)).astype(int),
                }).to_csv(place / "history.csv", index=False)  # fmt: skip
    pd.DataFrame(trials).to_csv(folder / "metrics.csv", index=False)
    pd.concat(made).to_csv(folder / "predictions.csv", index=False)
    verdicts, rows = ["helps", "hurts", "equivalent", "inconclusive"], []
    for i, arm in enumerate(arms[1:]):
        for classifier in ("all", *classifiers):
            for metric in metric_names.NAMES:
                delta, missing = rng.normal(0, 0.03), metric == "f1"
                rows.append({
                    "arm": arm, "classifier": classifier, "metric": metric, "baseline": 0.8,
                    "value": 0.8 + delta, "delta": np.nan if missing else delta,
                    "low": np.nan if missing else delta - 0.04,
                    "high": np.nan if missing else delta + 0.04, "confidence": 0.95,
                    "verdict": "inconclusive" if missing else verdicts[i % 4],
                    "p_value": 0.2, "p_holm": 0.4 if "synthetic" in arm else np.nan,
                    "smallest_effect": 0.03, "standardised": 0.5, "generators": 1, "seeds": 2,
                    "probability_of_improvement": 0.75, "variance_generators": 0.0,
                    "variance_seeds": 1e-4, "variance_rest": 1e-4, "variance_groups": 1e-4,
                })  # fmt: skip
    pairs = [
        {"arm": arm, "classifier": c, "generator": "", "seed": s, "delta_roc_auc": 0.01}
        | {"delong_p": 0.3, "mcnemar_p": np.nan, "permutation_p": 0.0004}
        for arm in arms[1:]
        for c in classifiers
        for s in seeds
    ]
    pd.DataFrame(pairs).to_csv(folder / "companions.csv", index=False)
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
        "split_seed": 0,
        "validation_fraction": 0.2,
        "primary_metric": "roc_auc",
        "margin": 0.02,
        "confidence": 0.95,
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    drawn = ["dcgan-1"] if any("synthetic" in arm for arm in arms) else []
    for place in drawn:
        where = folder / "synthetic" / place
        where.mkdir(parents=True)
        noise = rng.integers(0, 256, (120, 640), dtype=np.uint8)
        Image.fromarray(noise).save(where / "grid.png")
        (where / "generator").mkdir()
        (where / "generator" / "recipe.yaml").write_text("architecture: dcgan\nkimg: 6\n")
    measured = {"KD-texture": 0.4, "KD-texture floor": 0.0, "precision-texture": 0.9}
    measured |= {"recall-texture": 0.4, "coverage-texture": 0.8}
    about = {"generator": 0, "filtered": False, "split": "", "images": 20, "copies": 0.05}
    sets = pd.DataFrame([{"folder": place} | about | measured for place in drawn])
    columns = ["folder", *about, *measured]
    sets.reindex(columns=columns).to_csv(folder / "synthetic.csv", index=False)
    conclusion = {"sentence": SENTENCE, "arms": [], "notes": ["One generator was trained."]}
    conclusion["strongest"] = None
    conclusion |= {"exchange": ["20 synthetic images did what 5 real ones did."]}
    conclusion |= {"warnings": ["No groups were given."]}
    (folder / "verdict.json").write_text(json.dumps(conclusion))
    about = {"python": "3.11", "keras": "3.9", "cores": "2"}
    (folder / "environment.json").write_text(json.dumps(about))
    return folder


class Page(HTMLParser):
    def __init__(self, path: Path):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(path.read_text(encoding="utf-8"))
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words.append(data)


def unescaped(markdown: Path) -> str:
    """The Markdown page as its reader sees it: without backslashes and entities."""
    return html.unescape(re.sub(r"\\(.)", r"\1", markdown.read_text()))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = fake_study(tmp_path_factory.mktemp("study") / "fake", broken=True)
    return folder, report.write(folder, COMMAND)


def test_the_page_says_the_verdict_first_and_the_command(finished):
    folder, path = finished
    text = Page(path).text
    assert path == folder / "report.html"
    assert text.index(SENTENCE) < text.index("What was run on what")
    markdown = unescaped(folder / "report.md")
    for written in (text, markdown):
        assert all(w in written for w in (SENTENCE, COMMAND, "One generator was trained."))


def test_the_page_stands_alone_and_every_picture_has_a_text(finished):
    page = Page(finished[1])
    sources = [a[k] for _, a in page.tags for k in ("src", "href", "srcset") if k in a]
    assert len(sources) >= 6 and all(s.startswith("data:image/png;base64,") for s in sources)
    assert all(a.get("alt", "").strip() for tag, a in page.tags if tag == "img")
    assert not re.search(r"url\(|@import", finished[1].read_text())


def test_the_pictures_of_the_markdown_page_exist(finished):
    folder, _ = finished
    links = re.findall(r"!\[(.+?)\]\((.+?)\)", (folder / "report.md").read_text())
    assert len(links) >= 6
    assert all((folder / file).is_file() and not Path(file).is_absolute() for _, file in links)


def test_what_is_undefined_is_called_so(finished):
    for written in (Page(finished[1]).text, unescaped(finished[0] / "report.md")):
        assert "undefined" in written
        assert not re.search(r"\b(nan|NaN|None)\b", written)


def test_unreadable_files_are_named(finished):
    for written in (Page(finished[1]).text, unescaped(finished[0] / "report.md")):
        assert "/images/broken.png" in written


def test_the_banner_is_there_for_phantoms_alone(finished, tmp_path):
    simulated = fake_study(tmp_path / "s", ARMS[:2], source="phantom", seeds=[0])
    for folder, expected in ((finished[0], False), (simulated, True)):
        if expected:
            report.write(folder, COMMAND)
        assert (BANNER in Page(folder / "report.html").text) == expected
        assert (BANNER in unescaped(folder / "report.md")) == expected


@pytest.mark.parametrize("label", ["<script>a|b $x_{", "NA"])
def test_hostile_names_stay_text(tmp_path, label):
    name = f"study {label}"
    folder = fake_study(tmp_path / "s", ARMS[:2], seeds=[0], negative=label, name=name)
    page = Page(report.write(folder, COMMAND))
    assert "script" not in {tag for tag, _ in page.tags}
    assert name in page.text and f"from {label}?" in page.text
    markdown = (folder / "report.md").read_text()
    assert "<script" not in markdown
    table = [line for line in markdown.splitlines() if line.startswith("| train |")]
    assert table and all(len(re.split(r"(?<!\\)\|", line)) == 8 for line in table)


def test_the_report_is_the_same_each_time(finished):
    folder, path = finished
    before = path.read_bytes() + (folder / "report.md").read_bytes()
    report.write(folder, COMMAND)
    assert path.read_bytes() + (folder / "report.md").read_bytes() == before


def test_figures_of_the_smallest_study(tmp_path):
    """One arm beside `real`, one classifier, one seed; an arm without intervals."""
    folder = fake_study(tmp_path / "s", ["real", "synthetic"], seeds=[0])
    deltas = pd.read_csv(folder / "deltas.csv")
    deltas[["low", "high"]] = np.nan
    predictions = pd.read_csv(folder / "predictions.csv")
    metrics = pd.read_csv(folder / "metrics.csv")
    history = pd.read_csv(next(folder.glob("trials/*/history.csv")))
    drawn = [
        figures.forest(deltas, "roc_auc", 0.02),
        figures.forest(deltas, "f1", 0.02),
        figures.ratio_curves(deltas, "roc_auc"),
        curve_figures.roc_curves(predictions, metrics),
        curve_figures.roc_curves(predictions[predictions["target"] == 1], metrics),
        curve_figures.precision_recall_curves(predictions, metrics),
        curve_figures.reliability_curves(predictions, metrics),
        figures.confusion_matrices(metrics, "UF", "NUF"),
        figures.training_curves(history.assign(arm="real", classifier="hybrid")),
    ]
    for figure in drawn:
        assert isinstance(figure, Figure)
        figure.canvas.draw()


def test_confusion_matrices_sum_over_the_seeds(tmp_path):
    metrics = pd.read_csv(fake_study(tmp_path / "s", ARMS[:2]) / "metrics.csv")
    figure = figures.confusion_matrices(metrics, "UF", "NUF")
    shown = [int(t.get_text().split("\n")[0]) for t in figure.axes[0].texts]
    real = metrics[metrics["arm"] == "real"][["tn", "fp", "fn", "tp"]].sum()
    assert shown == real.astype(int).tolist()


def test_roc_areas_are_those_of_the_table(tmp_path):
    folder = fake_study(tmp_path / "s", ARMS[:2])
    metrics = pd.read_csv(folder / "metrics.csv")
    axes = curve_figures.roc_curves(pd.read_csv(folder / "predictions.csv"), metrics).axes[0]
    labels = " ".join(axes.get_legend_handles_labels()[1])
    for arm in ARMS[:2]:
        mean = metrics.loc[metrics["arm"] == arm, "roc_auc"].mean()
        assert f"{arm} ({mean:.3f})" in labels
