"""Every command: parses, calls one function, prints. Heavy imports happen inside the commands."""

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from ufgen import __version__, environment
from ufgen.errors import UserError

INTERRUPTED = 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Does adding GAN-made images to a small medical image set make a classifier better?",
)
data = typer.Typer(no_args_is_help=True, help="Look at, split or simulate image sets.")
app.add_typer(data, name="data")

Data = Annotated[
    Path,
    typer.Argument(help="Folder with train/ and test/ (or class folders), or a CSV manifest."),
]
Positive = Annotated[
    str | None, typer.Option(help="The positive class.  [default: UF, if there is one]")
]
GroupPattern = Annotated[
    str | None,
    typer.Option(help="Regular expression on file names; its first bracket is the group."),
]
Resolution = Annotated[int, typer.Option(min=32, max=512, help="Working size in pixels.")]
Channels = Annotated[int, typer.Option(help="1 for grayscale, 3 for colour.")]
Fit = Annotated[str, typer.Option(help="Keep the aspect by cutting (crop) or padding (pad).")]
Seed = Annotated[int, typer.Option(min=0, help="Seed: the same one gives the same result.")]
ExtractorName = Annotated[
    str,
    typer.Option(help="Features: texture, keras:NAME?option=value, or a classifier's folder."),
]
Weights = Annotated[
    str, typer.Option(help="Weights of a keras: extractor: imagenet or a local file.")
]
Runs = Annotated[Path, typer.Option(help="Folder for generators and studies.")]


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        print(f"ufgen {__version__}")
        raise typer.Exit


@data.command(epilog="Example: ufgen data describe UF_dataset --positive UF")
def describe(
    location: Data,
    out: Annotated[Path, typer.Option(help="Folder for the page.")] = Path("runs/describe"),
    positive: Positive = None,
    group_pattern: GroupPattern = None,
    resolution: Resolution = 128,
    fit: Fit = "crop",
) -> None:
    """Draw a page about an image set: counts, sizes, brightness, contrast, samples."""
    from ufgen import describe as page
    from ufgen import imageset, pixels

    images = imageset.scan(location, positive, group_pattern)
    decoded = pixels.load(images, resolution, 3, fit)
    print(page.summary(decoded.images, decoded.quarantine))
    written = page.write_page(decoded.images, decoded.store, decoded.quarantine, out)
    print(f"Page: {written}")


@data.command(epilog="Example: ufgen data split images --positive UF --test 0.2 --out split.csv")
def split(
    location: Data,
    out: Annotated[Path, typer.Option(help="The manifest to write.")],
    test: Annotated[
        float, typer.Option(min=0.05, max=0.95, help="Share of test images: 0.3 for 70:30.")
    ] = 0.3,
    positive: Positive = None,
    group_pattern: GroupPattern = None,
    seed: Seed = 0,
) -> None:
    """Write a manifest with a grouped, stratified split. No image file is moved or copied."""
    from ufgen import imageset, pixels, splits

    images = imageset.scan(location, positive, group_pattern)
    decoded = pixels.load(images, 64)
    images = splits.group_same_pictures(decoded.images)
    held = splits.hold_out(images, test, seed)
    images.table["split"] = ["test" if h else "train" for h in held]
    imageset.write_manifest(images, out)
    print(imageset.count_table(images).to_string())
    _mention_quarantine(decoded.quarantine)
    print(f"Manifest: {out}")


@data.command(epilog="Example: ufgen data phantom phantom_set --train 400 --test 200")
def phantom(
    out: Annotated[Path, typer.Argument(help="Folder to write; it must be new or empty.")],
    train: Annotated[int, typer.Option(min=4, help="Number of training images.")] = 400,
    test: Annotated[int, typer.Option(min=4, help="Number of test images.")] = 200,
    size: Annotated[int, typer.Option(min=32, max=512, help="Pixels.")] = 128,
    seed: Seed = 0,
) -> None:
    """Simulate pelvic ultrasound with and without fibroids, labelled `phantom` everywhere."""
    from ufgen import phantom as simulator

    simulator.write_set(out, train, test, size, seed)
    simulator.write_sheet(out / "sheet.png", size=size, seed=seed)
    print(f"Simulated images (phantom): {out}\nSample sheet: {out / 'sheet.png'}")


@app.command(epilog="Example: ufgen synth UF_dataset --name first --resolution 64 --kimg 100")
def synth(
    location: Data = Path("UF_dataset"),
    name: Annotated[str | None, typer.Option(help="Name under synthetic/.")] = None,
    per_class: Annotated[
        int | None, typer.Option(min=1, help="Images a class.  [default: as many as real]")
    ] = None,
    recipe: Annotated[
        str, typer.Option(help="dcgan, residual, projected, or a YAML file.")
    ] = "dcgan",
    kimg: Annotated[
        float | None, typer.Option(help="Training budget: thousands of real images shown.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="Training budget in time instead: 10m, 2h.")
    ] = None,
    truncation: Annotated[
        float, typer.Option(min=0, max=1, help="Below 1: more typical images, less variety.")
    ] = 1.0,
    filters: Annotated[
        list[str] | None,
        typer.Option("--filter", help="agreement, discriminator, manifold; may be repeated."),
    ] = None,
    drop_copies: Annotated[
        bool, typer.Option("--drop-copies", help="Draw others for copies of training images.")
    ] = False,
    classifier: Annotated[
        Path | None, typer.Option(help="For the filter agreement: what `ufgen train` wrote.")
    ] = None,
    extractor: ExtractorName = "texture",
    weights: Weights = "imagenet",
    group_pattern: GroupPattern = None,
    resolution: Resolution = 64,
    channels: Channels = 1,
    fit: Fit = "crop",
    seed: Seed = 0,
    synthetic: Annotated[Path, typer.Option(help="Where to write.")] = Path("synthetic"),
    runs: Runs = Path("runs"),
) -> None:
    """Train a generator on the training images (or reuse it) and draw synthetic ones."""
    environment.import_keras()
    import pandas as pd

    from ufgen.fidelity.extractors import by_name
    from ufgen.synthesis import Choice, synthesise

    options = {"resolution": resolution, "channels": channels, "seed": seed}
    if kimg and budget:
        raise UserError("give the budget as --kimg or as --budget, not both")
    options |= {"kimg": kimg} if kimg else {}
    options |= {"minutes": _minutes(budget)} if budget else {}
    chosen = (*(filters or ()), *(("copies",) if drop_copies else ()))
    written = synthetic / (name or Path(location).stem)
    found = synthesise(
        location,
        out=written,
        recipe_name=recipe,
        options=options,
        choice=Choice(per_class, seed, truncation, chosen, classifier),
        generators=runs / "generators",
        group_pattern=group_pattern,
        fit=fit,
        extractor=by_name(extractor, weights),
    )
    print(found.text())
    _mention_quarantine(pd.read_csv(written / "quarantine.csv"))
    print(f"Synthetic images: {written}\nGallery: {written / 'gallery.html'}")


@app.command(epilog="Example: ufgen fidelity UF_dataset synthetic/first --out runs/fidelity")
def fidelity(
    real: Data,
    synthetic: Annotated[Path, typer.Argument(help="Folder or manifest of synthetic images.")],
    out: Annotated[Path, typer.Option(help="Folder for numbers and figure.")] = Path(
        "runs/fidelity"
    ),
    extractor: ExtractorName = "texture",
    weights: Weights = "imagenet",
    split: Annotated[
        str | None, typer.Option(help="train or test.  [default: train, if there is a split]")
    ] = None,
    resolution: Annotated[
        int | None, typer.Option(min=32, max=512, help="Pixels.  [default: as synthetic]")
    ] = None,
    channels: Channels = 1,
    group_pattern: GroupPattern = None,
    fit: Fit = "crop",
) -> None:
    """Measure synthetic images against real ones: distances, coverage, copies; with floors."""
    environment.import_keras()
    import pandas as pd

    from ufgen.appraisal import compare_folders
    from ufgen.fidelity.extractors import by_name

    chosen = by_name(extractor, weights)
    found = compare_folders(
        real, synthetic, out, chosen, split, resolution, channels, fit, group_pattern
    )
    _mention_quarantine(pd.read_csv(out / "quarantine.csv"))
    print(f"{found.text()}\nNumbers: {out / 'fidelity.csv'}\nFigure: {out / 'fidelity.png'}")


@app.command(epilog="Example: ufgen redraw synthetic/first/UF/UF_000003_seed0.png --out again.png")
def redraw(
    image: Annotated[Path, typer.Argument(help="An image that `ufgen synth` wrote.")],
    out: Annotated[Path, typer.Option(help="PNG file to write.")] = Path("redrawn.png"),
) -> None:
    """Draw one synthetic image again from its row of the manifest."""
    environment.import_keras()
    from PIL import Image

    from ufgen.atomic import whole_file
    from ufgen.gan import sampler
    from ufgen.pixels import as_picture

    picture, identical = sampler.redraw(image)
    with whole_file(out) as temporary:
        Image.fromarray(as_picture(picture)).save(temporary)
    if not identical:
        raise UserError(
            f"{out} differs from what the manifest says of {image.name}: another backend, device "
            "or version of Keras draws the same picture with other last digits"
        )
    print(f"Drawn again, bit for bit: {out}")


@app.command(epilog="Example: ufgen train UF_dataset --classifier mobilenet_v3 --out models/first")
def train(
    location: Data = Path("UF_dataset"),
    classifier: Annotated[
        str, typer.Option(help="custom_resnet50, mobilenet_v3, mobilenet_v3_small or hybrid.")
    ] = "mobilenet_v3",
    out: Annotated[Path, typer.Option(help="Folder for the model.")] = Path("models/model"),
    weights: Annotated[
        str, typer.Option(help="imagenet, none, or a local weights file.")
    ] = "imagenet",
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps.")] = 300,
    batch: Annotated[int, typer.Option(min=2)] = 16,
    learning_rate: float = 5e-4,
    schedule: Annotated[str, typer.Option(help="cosine, plateau or constant.")] = "cosine",
    balance: Annotated[str, typer.Option(help="none, class_weights or oversample.")] = "none",
    augmentation: Annotated[str, typer.Option(help="none or light.")] = "none",
    positive: Positive = None,
    group_pattern: GroupPattern = None,
    resolution: Resolution = 64,
    channels: Channels = 1,
    fit: Fit = "crop",
    seed: Seed = 0,
) -> None:
    """Train one classifier on the training images and save it."""
    environment.import_keras()
    from tqdm import tqdm

    from classifiers import saved
    from classifiers.training import Training
    from ufgen import imageset

    images = imageset.scan(location, positive, group_pattern)
    if "train" in set(images.table["split"]):
        images = images.split("train")
    settings = Training(steps, batch, learning_rate, schedule, balance=balance)
    with tqdm(total=steps, desc=classifier, unit="step") as bar:
        about = saved.train(
            images,
            classifier,
            out,
            settings,
            size=resolution,
            channels=channels,
            fit=fit,
            weights=weights,
            augmentation=augmentation,
            seed=seed,
            on_step=bar.update,
        )
    print(
        f"{classifier} from {weights} weights: {about['images']['training']} training and "
        f"{about['images']['validation']} validation images, validation ROC AUC "
        f"{about['validation_roc_auc']:.3f}, threshold {about['threshold']:.3f}\nModel: {out}"
    )


@app.command(epilog="Example: ufgen evaluate models/first UF_dataset")
def evaluate(
    model: Annotated[Path, typer.Argument(help="Folder that `ufgen train` wrote.")],
    location: Data = Path("UF_dataset"),
    group_pattern: GroupPattern = None,
    out: Annotated[Path | None, typer.Option(help="CSV file for the predictions.")] = None,
) -> None:
    """Evaluate a saved classifier on the test images; images it was trained on are refused."""
    environment.import_keras()
    from classifiers import saved
    from ufgen import imageset

    classifier = saved.load(model)
    images = imageset.scan(location, classifier.about["positive"], group_pattern)
    if "test" in set(images.table["split"]):
        images = images.split("test")
    numbers, predictions, quarantine = classifier.evaluate(images)
    for metric, value in numbers.items():
        shown = f"{value:.4f}" if metric not in ("tn", "fp", "fn", "tp") else f"{value:.0f}"
        print(f"{metric:20} {'undefined' if value != value else shown}")
    _mention_quarantine(quarantine)
    if out:
        _write_csv(predictions, out)


@app.command(epilog="Example: ufgen predict models/first new_images/ scan.png --out answers.csv")
def predict(
    model: Annotated[Path, typer.Argument(help="Folder that `ufgen train` wrote.")],
    images: Annotated[list[Path], typer.Argument(help="Image files and folders.")],
    out: Annotated[Path | None, typer.Option(help="CSV file.  [default: print]")] = None,
) -> None:
    """Predict single images and whole folders: path, probability, class."""
    environment.import_keras()
    from classifiers import saved

    files = saved.find_files(images)
    predictions, quarantine = saved.load(model).predict_files(files)
    if out:
        _write_csv(predictions, out)
    else:
        print(predictions.to_csv(index=False, float_format="%.4f"), end="")
    _mention_quarantine(quarantine)


@app.command(epilog="Example: ufgen experiment quick --data UF_dataset --positive UF")
def experiment(
    study: Annotated[
        str | None, typer.Argument(help="A study's YAML file, or demo, quick or full.")
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Run a study on the phantom.")] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print trials, time and disk, and stop.")
    ] = False,
    location: Annotated[
        Path | None, typer.Option("--data", help="Image folder or manifest instead of the study's.")
    ] = None,
    positive: Positive = None,
    group_pattern: GroupPattern = None,
    runs: Runs = Path("runs"),
) -> None:
    """Run a study: all arms, classifiers and seeds, and the report. Run again to continue."""
    environment.import_keras()
    from experiments import study as studies

    if demo == (study is not None):
        raise UserError("name a study (a YAML file, or quick or full), or say --demo")
    chosen = studies.read(
        "demo" if demo else study,
        path=str(location) if location else None,
        positive=positive,
        group_pattern=group_pattern,
    )
    if demo and location is None:
        _write_demo_images(Path(chosen.images.path))
    if plan:
        from experiments.plan import write_plan

        print(write_plan(chosen, runs))
        return
    from experiments import runner

    report = runner.run(chosen, runs, "ufgen " + shlex.join(sys.argv[1:]))
    print(json.loads((report.parent / "verdict.json").read_text())["sentence"])
    print(f"Report: {report}")


def _write_demo_images(folder: Path) -> None:
    from ufgen import phantom as simulator

    if not (folder / "manifest.csv").is_file():
        simulator.write_set(folder, train=320, test=160, size=128, seed=0)


def _minutes(budget: str) -> float:
    """ "10m", "2h" or "90s" in minutes."""
    units = {"s": 1 / 60, "m": 1, "h": 60}
    try:
        minutes = float(budget[:-1]) * units[budget[-1]]
    except (ValueError, KeyError):
        minutes = 0
    if not 0 < minutes < 60 * 24 * 60:
        raise UserError(f"--budget is {budget!r}, expected a time such as 90s, 10m or 2h")
    return minutes


def _mention_quarantine(quarantine) -> None:
    for row in quarantine.to_dict("records"):
        print(f"left out: {row['path']}: {row['reason']}", file=sys.stderr)


def _write_csv(table, out: Path) -> None:
    from ufgen.atomic import whole_file

    with whole_file(out) as temporary:
        table.to_csv(temporary, index=False)
    print(f"Predictions: {out}")


def main() -> None:
    """Run the command line; exit 0 when done, 1 for a user's mistake, 2 for wrong usage."""
    environment.prepare()
    try:
        app()
    except UserError as error:
        print(f"ufgen: {error}", file=sys.stderr)
        sys.exit(1)
    except SystemExit as stopped:
        if stopped.code == INTERRUPTED:
            message = "Stopped. What is finished is kept: run the same command to go on."
            print(f"\n{message}", file=sys.stderr)
        raise
    except OSError as error:
        print(f"ufgen: {error}", file=sys.stderr)
        sys.exit(1)
