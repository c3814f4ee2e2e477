"""`ufgen predict`: images, videos and cameras."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ufgen import environment
from ufgen.cli.application import app
from ufgen.cli.options import (
    report_unreadable,
)
from ufgen.errors import UserError

PROGRESS_BAR_FROM = 20  # files


@app.command(
    epilog="Example: ufgen predict bundles/first clip.mp4 'new/*.png' --out predictions.csv"
)
def predict(
    model: Annotated[Path, typer.Argument(help="Bundle, or folder that `ufgen train` wrote.")],
    images: Annotated[
        list[Path] | None, typer.Argument(help="Images, videos, folders, quoted patterns.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File, .csv or .json.  [default: print CSV]")
    ] = None,
    overlay: Annotated[
        Path | None,
        typer.Option(help="Folder for images and videos with the prediction drawn on them."),
    ] = None,
    camera: Annotated[
        int | None, typer.Option(min=0, help="Camera index; runs until Ctrl-C.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="Stop the camera after this many seconds.")
    ] = None,
) -> None:
    """Classify images, video frames or a camera: probability, threshold and predicted class."""
    if (camera is None) == (not images):
        raise UserError("name images or videos, or else --camera NUMBER")
    if camera is not None and out:
        raise UserError("--out is for files; a camera is recorded with --overlay FOLDER")
    if not (model / "bundle.json").is_file():
        _predict_with_model(model, images, out, overlay, camera)
        return

    from classifiers.deploy import inference
    from classifiers.deploy.predictor import Predictor
    from classifiers.deploy.video import VIDEO_TYPES
    from ufgen.images.decoding import IMAGE_TYPES, find_files
    from ufgen.progress import Progress

    if camera is not None:
        for line in inference.of_camera(Predictor(model), camera, overlay, seconds):
            print(line, flush=True)
        return
    files = find_files(list(images or []), IMAGE_TYPES | VIDEO_TYPES)
    videos = any(file.suffix.lower() in VIDEO_TYPES for file in files)
    hidden = len(files) < PROGRESS_BAR_FROM and not videos
    rows, total = [], None if videos else len(files)
    with Progress(desc="predicting", total=total, disable=hidden, leave=False) as bar:
        try:
            for row in inference.of_files(Predictor(model), files, overlay, bar):
                rows.append(row)
        finally:
            if rows:
                bar.close()
                inference.write(rows, out)


def _predict_with_model(
    model: Path,
    images: list[Path] | None,
    out: Path | None,
    overlay: Path | None,
    camera: int | None,
) -> None:
    """Classify images with the trained classifier itself, through Keras."""
    environment.import_keras()
    from classifiers import model_folder
    from classifiers.deploy import inference
    from classifiers.deploy.video import VIDEO_TYPES
    from ufgen.images.decoding import IMAGE_TYPES, find_files

    files = find_files(list(images or []), IMAGE_TYPES)
    if overlay or camera is not None or any(f.suffix.lower() in VIDEO_TYPES for f in files):
        raise UserError(
            f"videos, cameras and --overlay need a bundle, and {model} is not one: run "
            f"`ufgen export {model}`"
        )
    classifier = model_folder.load(model)
    predictions, quarantine = classifier.predict_files(files)
    table = model_folder.name_probability_column(predictions, classifier.metadata["positive"])
    inference.write(table.to_dict("records"), out)
    if classifier.metadata["constant"]:
        print(inference.CONSTANT, file=sys.stderr)
    report_unreadable(quarantine)
