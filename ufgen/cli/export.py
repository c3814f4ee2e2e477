"""`ufgen export`: a classifier as a deployment bundle."""

from pathlib import Path
from typing import Annotated

import typer

from ufgen import environment
from ufgen.cli.application import app
from ufgen.errors import UserError


@app.command(epilog="Example: ufgen export models/first --int8 --out bundles/first")
def export(
    model: Annotated[Path, typer.Argument(help="Folder that `ufgen train` wrote.")],
    runtime: Annotated[str, typer.Option("--format", help="litert, onnx or keras.")] = "litert",
    int8: Annotated[
        bool, typer.Option("--int8", help="Quantise weights and activations (litert).")
    ] = False,
    dynamic: Annotated[
        bool,
        typer.Option("--dynamic", help="Quantise weights, and activations per image (litert)."),
    ] = False,
    images: Annotated[
        Path | None,
        typer.Option(help="Folder of the training images.  [default: as in training]"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the bundle.  [default: bundles/MODEL]")
    ] = None,
    allow_constant: Annotated[
        bool,
        typer.Option(
            "--allow-constant", help="Export also if all images get the same probability."
        ),
    ] = False,
) -> None:
    """Write a classifier as a deployment bundle, checked against the original.

    Bundles for litert and onnx run without TensorFlow.
    """
    if int8 and dynamic:
        raise UserError("--int8 and --dynamic exclude each other: choose one")
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
