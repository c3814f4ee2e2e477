"""A report: what its pages say, that they stand alone, and its figures."""

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fake_study import ARMS, SENTENCE, fake_study
from matplotlib.figure import Figure
from matplotlib.text import Text

from experiments.declaration import history
from experiments.reporting import report, report_data, roc_figures, study_figures

BANNER = "These are simulated images (phantom); nothing here is evidence about patients"
COMMAND = "ufgen experiment quick --data 'my images'"


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


@pytest.fixture
def only_png(monkeypatch):
    """The PNG figures alone, where a test reads the page."""
    monkeypatch.setattr(report, "FORMATS", (".png",))


def test_the_page_says_the_verdict_first_and_the_command(finished):
    folder, path = finished
    text = Page(path).text
    assert path == folder / "report.html"
    assert text.index(SENTENCE) < text.index("Images and training")
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


def test_the_banner_is_there_for_phantoms_alone(finished, tmp_path, only_png):
    simulated = fake_study(tmp_path / "s", ARMS[:2], source="phantom", seeds=[0])
    for folder, expected in ((finished[0], False), (simulated, True)):
        if expected:
            report.write(folder, COMMAND)
        assert (BANNER in Page(folder / "report.html").text) == expected
        assert (BANNER in unescaped(folder / "report.md")) == expected


@pytest.mark.parametrize("label", ["<script>a|b $x_{", "NA"])
def test_hostile_names_stay_text(tmp_path, label, only_png):
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
    figures = [
        study_figures.forest(deltas, "roc_auc", 0.02),
        study_figures.forest(deltas, "f1", 0.02),
        study_figures.ratio_curves(deltas, "roc_auc"),
        roc_figures.roc_curves(predictions, metrics),
        roc_figures.roc_curves(predictions[predictions["target"] == 1], metrics),
        roc_figures.precision_recall_curves(predictions, metrics),
        roc_figures.reliability_curves(predictions, metrics),
        study_figures.confusion_matrices(metrics, "UF", "NUF"),
        study_figures.training_curves(history.assign(arm="real", classifier="hybrid")),
    ]
    for figure in figures:
        assert isinstance(figure, Figure)
        figure.canvas.draw()


def test_confusion_matrices_sum_over_the_seeds(tmp_path):
    metrics = pd.read_csv(fake_study(tmp_path / "s", ARMS[:2]) / "metrics.csv")
    figure = study_figures.confusion_matrices(metrics, "UF", "NUF")
    shown = [int(t.get_text().split("\n")[0]) for t in figure.axes[0].texts]
    real = metrics[metrics["arm"] == "real"][["tn", "fp", "fn", "tp"]].sum()
    assert shown == real.astype(int).tolist()


def test_roc_areas_are_those_of_the_table(tmp_path):
    folder = fake_study(tmp_path / "s", ARMS[:2])
    metrics = pd.read_csv(folder / "metrics.csv")
    axes = roc_figures.roc_curves(pd.read_csv(folder / "predictions.csv"), metrics).axes[0]
    labels = " ".join(axes.get_legend_handles_labels()[1])
    for arm in ARMS[:2]:
        mean = metrics.loc[metrics["arm"] == arm, "roc_auc"].mean()
        assert f"{arm} ({mean:.3f})" in labels


@pytest.mark.parametrize("separable", [False, True])
def test_variances_that_one_generator_cannot_separate_are_called_so(tmp_path, only_png, separable):
    """With one generator all that varies between runs is residual: the seeds' part is no zero."""
    folder = fake_study(tmp_path / "s", ARMS[:2], seeds=range(5))
    deltas = pd.read_csv(folder / "deltas.csv").assign(variance_seeds=0.0, seeds=5)
    deltas.assign(generators=1 + separable).to_csv(folder / "deltas.csv", index=False)
    (row,) = report_data.read(folder)["changes"]
    expected = "0% (estimate truncated at 0)" if separable else "not separable"
    assert row["variance_fractions"]["seeds"] == expected
    assert row["variance_fractions"]["residual"] != "not separable"
    report.write(folder, COMMAND)
    for written in (Page(folder / "report.html").text, unescaped(folder / "report.md")):
        assert ("truncated at 0)" in written) == separable
        assert "Not separable:" in written


def test_a_line_of_curves_counts_the_folds_among_its_training_runs(tmp_path):
    folder = fake_study(tmp_path / "s", ARMS[:2])
    predictions = pd.read_csv(folder / "predictions.csv").assign(fold="")
    metrics = pd.read_csv(folder / "metrics.csv")
    folds = predictions["path"].str.extract(r"(\d+)\.png")[0].astype(int) % 3
    for changed, count in ((predictions, 2), (predictions.assign(fold=folds), 6)):
        figure = roc_figures.roc_curves(changed, metrics)
        shown = " ".join(text.get_text() for text in figure.findobj(Text))
        assert f"{count} training runs per line" in shown


def test_the_declaration_its_changes_and_all_verdicts_are_on_the_page(tmp_path, only_png):
    folder = fake_study(tmp_path / "s", ARMS[:2])
    report.write(folder, COMMAND)
    for written in (Page(folder / "report.html").text, unescaped(folder / "report.md")):
        text = " ".join(written.split())
        assert "written 2030-01-02T03:04:05+00:00, before the first training" in text
        assert "Nothing was changed since" in text and "2030-01-03" in text
    change = {"time": "2030-02-01", "field": "margin", "declared": 0.02, "present": 0.07}
    history.append(folder / "changes.jsonl", [change])
    file = folder / "declared.yaml"
    file.write_text(file.read_text().replace("margin: 0.02", "margin: 0.07"))
    report.write(folder, COMMAND)
    for written in (Page(folder / "report.html").text, unescaped(folder / "report.md")):
        text = re.sub(r"[ |\n]+", " ", written)
        assert "2030-02-01 margin 0.02 0.07" in text and "Nothing was changed" not in text
        assert "edited after it was written, and is not trusted" in text


def test_the_look_of_each_row_is_shown_where_there_are_several(tmp_path, only_png):
    folder = fake_study(tmp_path / "s", ARMS[:3])
    deltas = pd.read_csv(folder / "deltas.csv")
    deltas.assign(look=2, seeds=7).to_csv(folder / "deltas.csv", index=False)
    conclusion = json.loads((folder / "verdict.json").read_text())
    conclusion["look"] = "Look 2 of 3."
    for look in ("Look 2 of 3.", ""):
        (folder / "verdict.json").write_text(json.dumps(conclusion | {"look": look}))
        page = Page(report.write(folder, COMMAND)).text
        markdown = unescaped(folder / "report.md")
        assert ("Look 2 of 3." in page and "Look 2 of 3." in markdown) == bool(look)
        assert ("95 % 2 7 " in page) == ("| 95 % | 2 | 7 |" in markdown) == bool(look)
        table = [line for line in markdown.splitlines() if "| 95 % |" in line]
        assert {line.count("|") for line in table} == {11 if look else 9}
