"""The report of a finished study: report.html (one self-contained file) and report.md."""

from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from classifiers.evaluation import metrics as metric_names
from experiments.analysis import number_format
from experiments.reporting import (
    learning_curve,
    report_data,
    reporting_checklist,
    roc_figures,
    study_figures,
)
from ufgen.atomic import atomic_file, write_text
from ufgen.display.contact_sheet import data_uri
from ufgen.display.figure_style import FORMATS, PAGE_COLOURS, save

CAPTIONS = {
    "forest": "Change of each arm against its reference, in the primary metric as set in the study "
    "file; at the top the headline comparison, where it is a mean of several arms. Diamonds: mean "
    "over classifiers, with the verdict; dots: single classifiers, "
    "exploratory. Lines: intervals over test groups and training runs, at the level in the table; "
    "an arrowhead: the interval continues beyond the axis.",
    "ratio": "Change against the ratio of additional images. Duplicated real images are the "
    "control: more images without new content.",
    "roc": "ROC curves on the test images: mean over training runs, bands from the lowest to the "
    "highest; area in brackets.",
    "precision_recall": "Precision against recall on the test images: mean over training runs, "
    "bands from the lowest to the highest; average precision in brackets.",
    "reliability": "Reliability of the calibrated probabilities: points of all training runs "
    "together; in brackets the expected calibration error, mean over training runs.",
    "confusion": "Confusion matrices on the test images, summed over training runs (generators x "
    "seeds); fractions of each row.",
    "learning_curve": "The primary metric against the number of {real} training images, and the "
    "arms with synthetic ones beside it. Mean of the classifiers; from the lowest training run "
    "to the highest.",
    "quality": "Each generator's change of the primary metric against the distance of its images "
    "to the training images. Too few points to infer a trend.",
    "changed": "Test images whose mean probability of the true class changed by 0.05 or more, for "
    "the better (▲) and for the worse (▼), and Grad-CAM heatmaps of the best classifier, unless "
    "the figure says why there are none. "
    "Above: the class, and the mean probability of the positive class before and after.",
    "training": "Training: thin lines are training, thick lines validation images; dots mark the "
    "weights that were chosen.",
}


def write(folder: Path, command: str) -> Path:
    """Write report.html, report.md, figures, checklist.csv and deltas.tex into a study's folder.

    Everything is read from the folder's tables (see `experiments.runner`). Figures are written as
    PNG, SVG and PDF.

    Args:
        folder: The folder of a finished study.
        command: What the report names to run the study again.

    Returns:
        The path of report.html.
    """
    folder = Path(folder)
    data = report_data.read(folder) | {"command": command}
    figures = _draw(data)
    for name, figure in figures.items():
        save(figure, *(folder / "figures" / f"{name}{suffix}" for suffix in FORMATS))
    data["figures"] = {
        name: {"file": f"figures/{name}.png", "caption": caption.replace("{real}", data["real"])}
        | {"data": data_uri((folder / "figures" / f"{name}.png").read_bytes(), "image/png")}
        for name, caption in CAPTIONS.items()
        if name in figures or (name == "changed" and data["conclusion"]["strongest"])
    }
    for figure in data["synthetic_figures"]:
        figure["data"] = data_uri((folder / figure["file"]).read_bytes(), "image/png")
    templates = _templates()
    data["checklist"] = reporting_checklist.fill_in(templates, data)
    with atomic_file(folder / "checklist.csv") as temporary:
        data["checklist"].to_csv(temporary, index=False)
    for name in ("report.md", "report.html"):
        write_text(
            folder / name, templates.get_template(f"{name}.j2").render(data, colours=PAGE_COLOURS)
        )
    write_text(folder / "deltas.tex", _latex(data["changes"]))
    return folder / "report.html"


def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("experiments"),
        autoescape=lambda name: name is not None and ".html" in name,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"number": number_format.number, "interval": number_format.interval}
    templates.filters |= {
        "escape_markdown": number_format.escape_markdown,
        "percent": number_format.percent,
        "p": number_format.p_value,
    }
    templates.filters["lower_first"] = lambda text: text[:1].lower() + text[1:]
    return templates


def _latex(changes: list[dict]) -> str:
    """The primary metric's changes, mean of the classifiers, as a LaTeX table."""
    names = ["arm", "reference", "metric", "baseline", "value", "delta", "low", "high", "verdict"]
    table = pd.DataFrame(changes)[names]
    table = table.assign(metric=table["metric"].map(metric_names.title))
    table = table.rename(columns={"baseline": "reference value", "delta": "change"})
    return table.to_latex(index=False, float_format="%.3f", na_rep="undefined", escape=True)


def _draw(data: dict) -> dict[str, Figure]:
    """Every figure that the study's tables allow, by name."""
    study, deltas, metrics = data["study"], data["deltas"], data["metrics"]
    predictions, real = data["predictions"], data["real"]
    positive, negative = study["images"]["positive"], data["negative"]
    primary = study["primary_metric"]
    figures = {
        "forest": study_figures.forest(
            deltas, primary, study["margin"], data["conclusion"]["primary"]
        ),
        "ratio": study_figures.ratio_curves(deltas, primary, real),
        "learning_curve": learning_curve.learning_curve(metrics, primary, real),
        "quality": learning_curve.quality(metrics, data["synthetic"], primary),
        "roc": roc_figures.roc_curves(predictions, metrics),
        "precision_recall": roc_figures.precision_recall_curves(predictions, metrics),
        "reliability": roc_figures.reliability_curves(predictions, metrics),
        "confusion": study_figures.confusion_matrices(metrics, positive, negative),
        "training": study_figures.training_curves(data["histories"]),
    }
    return {name: figure for name, figure in figures.items() if figure is not None}
