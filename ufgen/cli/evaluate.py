"""`ufgen evaluate`: a saved classifier on test images."""

from pathlib import Path
from typing import Annotated

import typer

from ufgen import environment
from ufgen.cli.application import app
from ufgen.cli.options import (
    CONSTANT,
    AllowUngrouped,
    Data,
    GroupPattern,
    Negative,
    report_unreadable,
)
from ufgen.errors import UserError


@app.command(epilog="Example: ufgen evaluate models/first UF_dataset")
def evaluate(
    model: Annotated[Path, typer.Argument(help="Folder that `ufgen train` wrote.")],
    location: Data = Path("UF_dataset"),
    negative: Negative = None,
    group_pattern: GroupPattern = None,
    allow_ungrouped: AllowUngrouped = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the results.  [default: runs/evaluate/MODEL]"),
    ] = None,
) -> None:
    """Evaluate a saved classifier on the test images; images it was trained on are refused."""
    environment.import_keras()
    from classifiers import model_folder
    from classifiers.evaluation import curve_figure, evaluation_report, metrics
    from ufgen.atomic import atomic_file
    from ufgen.images import image_set, positive_class

    out = out or Path("runs/evaluate") / model.resolve().name
    if out.is_file():
        raise UserError(f"--out {out} is a file: expected a folder, which may be new")
    classifier = model_folder.load(model)
    images = positive_class.scan(
        location, classifier.metadata["positive"], group_pattern, allow_ungrouped, negative
    )
    image_set.report_left_out(images)
    if "test" in set(images.table["split"]):
        images = images.split("test")
    scores, predictions, quarantine = classifier.evaluate(images, group_pattern)
    results = (
        predictions["target"],
        predictions["probability"],
        classifier.metadata["threshold"],
    )
    if classifier.is_constant(predictions):
        print(f"Warning: {CONSTANT}")
    print(evaluation_report.text(scores, metrics.confusion(*results)))
    for warning in evaluation_report.warnings(predictions["target"], predictions["group"]):
        print(f"Warning: {warning}")
    report_unreadable(quarantine)
    table = model_folder.name_probability_column(
        images.relative(predictions), classifier.metadata["positive"]
    )
    for rows, name in ((scores, "metrics.csv"), (table, "predictions.csv")):
        with atomic_file(out / name) as temporary:
            rows.to_csv(temporary, index=False)
    curve_figure.write_curves(out / "curves.png", *results)
    classifier.explain(predictions, out, images.root)
    print(f"Metrics, predictions, curves, explanations: {out}")
