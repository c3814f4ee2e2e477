"""`ufgen export` and `predict`: a trained classifier at work."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ufgen import environment
from ufgen.cli.application import app
from ufgen.cli.options import mention_quarantine
from ufgen.errors import UserError

MANY = 20


@app.command(epilog="Example: ufgen export models/first --int8 --out bundles/first")
def export(
    model: Annotated[Path, typer.Argument(help="Folder that `ufgen train` wrote.")],
    runtime: Annotated[str, typer.Option("--format", help="litert, onnx or keras.")] = "litert",
    int8: Annotated[
        bool, typer.Option("--int8", help="Quantise weights and activations (litert).")
    ] = False,
    dynamic: Annotated[
        bool, typer.Option("--dynamic", help="Quantise weights, activations as they come (litert).")
    ] = False,
    images: Annotated[
        Path | None,
        typer.Option(help="Where the training images lie now.  [default: as at the training]"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the bundle.  [default: bundles/MODEL]")
    ] = None,
    allow_constant: Annotated[
        bool,
        typer.Option("--allow-constant", help="Also if all images get the same probability."),
    ] = False,
) -> None:
    """Write a classifier as a bundle that runs without TensorFlow, checked against the original."""
    if int8 and dynamic:
        raise UserError("--int8 and --dynamic are two ways to quantise: choose one")
    environment.import_keras()
    from classifiers.deploy.export import export as write_bundle

    out = out or Path("bundles") / model.resolve().name
    quantisation = "int8" if int8 else "dynamic" if dynamic else "none"
    metadata = write_bundle(model, out, runtime, quantisation, allow_constant, images)
    parity = metadata["parity"]
    print(
        f"{metadata['classifier']} for {runtime}, quantisation: {metadata['quantisation']}\n"
        f"On {parity['images']} images ({parity['on']}): largest difference of a probability "
        f"{parity['max_difference']:.1e}, decisions that differ: "
        f"{parity['decisions_that_differ']} of {parity['images']}"
    )
    if metadata["constant"]:
        print("All images get the same probability: nothing was learned")
    elif parity["roc_auc_change"] is not None:
        print(
            f"ROC AUC {parity['roc_auc_exported']:.4f}, trained network "
            f"{parity['roc_auc_trained']:.4f}, change {parity['roc_auc_change']:+.4f}"
        )
    print(f"Bundle: {out}")


@app.command(epilog="Example: ufgen predict bundles/first clip.mp4 'new/*.png' --out answers.csv")
def predict(
    model: Annotated[Path, typer.Argument(help="Bundle, or folder that `ufgen train` wrote.")],
    images: Annotated[
        list[Path] | None, typer.Argument(help="Images, videos, folders, quoted patterns.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File, .csv or .json.  [default: print CSV]")
    ] = None,
    overlay: Annotated[
        Path | None, typer.Option(help="Folder for pictures and videos with the answer drawn.")
    ] = None,
    camera: Annotated[
        int | None, typer.Option(min=0, help="Number of a camera to watch, until Ctrl-C.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="Watch the camera this long.")
    ] = None,
) -> None:
    """Predict images, video frames or a camera: probability of the positive class, threshold,
    predicted class.
    """
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
    files = find_files(images, IMAGE_TYPES | VIDEO_TYPES)
    videos = any(file.suffix.lower() in VIDEO_TYPES for file in files)
    few = len(files) < MANY and not videos
    rows, total = [], None if videos else len(files)
    with Progress(desc="predicting", total=total, disable=few, leave=False) as bar:
        try:
            for row in inference.of_files(Predictor(model), files, overlay, bar):
                rows.append(row)
        finally:
            if rows:
                bar.close()
                inference.write(rows, out)


def _predict_with_model(model: Path, images, out, overlay, camera) -> None:
    """Images by the trained classifier itself, through Keras."""
    environment.import_keras()
    from classifiers import model_folder
    from classifiers.deploy import inference
    from classifiers.deploy.video import VIDEO_TYPES
    from ufgen.images.decoding import IMAGE_TYPES, find_files

    files = find_files(images or [], IMAGE_TYPES)
    if overlay or camera is not None or any(f.suffix.lower() in VIDEO_TYPES for f in files):
        raise UserError(
            f"videos, cameras and --overlay need a bundle, {model} is none: `ufgen export {model}`"
        )
    classifier = model_folder.load(model)
    predictions, quarantine = classifier.predict_files(files)
    named = model_folder.name_probability_column(predictions, classifier.metadata["positive"])
    inference.write(named.to_dict("records"), out)
    if classifier.metadata["constant"]:
        print(inference.CONSTANT, file=sys.stderr)
    mention_quarantine(quarantine)
