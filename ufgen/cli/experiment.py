"""`ufgen experiment`: a study and its report."""

import json
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from ufgen import environment
from ufgen.cli.application import app
from ufgen.cli.data.check import check_before
from ufgen.cli.options import (
    Accept,
    AllowUngrouped,
    GroupPattern,
    JoinValidation,
    Negative,
    Runs,
    TensorBoard,
)
from ufgen.display.tensorboard import enable_tensorboard
from ufgen.errors import UserError

DEMO = "demo"


@app.command(epilog="Example: ufgen experiment UF_dataset --positive UF --hours 2")
def experiment(
    study: Annotated[
        str | None,
        typer.Argument(
            help="A study's YAML file, or demo, quick, full or lowdata; or images, for quick on "
            "them."
        ),
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="The study demo, on the phantom.")] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Estimate time and disk on this machine, and stop.")
    ] = False,
    listed: Annotated[
        bool, typer.Option("--list", help="With --plan: list every trial, too.")
    ] = False,
    status: Annotated[bool, typer.Option("--status", help="Print progress and exit.")] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Run trials again that failed.")
    ] = False,
    effect: Annotated[
        float | None,
        typer.Option(
            min=0.0001,
            help="With --plan, after a first run: effect size for the sample-size estimate.  "
            "[default: the study's margin]",
        ),
    ] = None,
    hours: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            help="Choose folds, generators and seeds for the shortest interval in this time, by a "
            "pilot whose trials are kept.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Generators or trials trained side by side, in processes of their own.  "
            "[default: by cores, memory and time]",
        ),
    ] = None,
    executor: Annotated[
        str, typer.Option(help="Where to train: local (this machine), or ray (a Ray cluster).")
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            help="Address of Ray's head node, HOST:PORT, or auto on the cluster's own machines.  "
            "[default: a cluster on this machine]"
        ),
    ] = None,
    cpus: Annotated[
        float | None,
        typer.Option(min=0, help="CPUs that Ray reserves per training run.  [default: 1]"),
    ] = None,
    gpus: Annotated[
        float | None,
        typer.Option(min=0, help="GPUs (may be fractional) per training run.  [default: 0]"),
    ] = None,
    location: Annotated[
        Path | None,
        typer.Option("--data", help="Folder, zip archive or manifest instead of the study's."),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Initial weights of every classifier instead of the study's: none, imagenet or a "
            "local file."
        ),
    ] = None,
    positive: Annotated[
        str | None,
        typer.Option(
            help="The class to tell from the rest; each: every one in turn, and their mean.  "
            "[default: UF, if it is one of two]"
        ),
    ] = None,
    negative: Negative = None,
    join_validation: JoinValidation = False,
    group_pattern: GroupPattern = None,
    allow_ungrouped: AllowUngrouped = False,
    accept: Accept = None,
    runs: Runs = Path("runs"),
    tensorboard: TensorBoard = None,
) -> None:
    """Run a study: all arms, classifiers and seeds, and the report. Run again to continue."""
    if tensorboard:
        enable_tensorboard(tensorboard)
    from classifiers import registry
    from experiments.design import study_yaml

    study, location = _on_images(study, location)
    study = _study_name(study, demo, study_yaml.shipped())
    demo = study == DEMO
    if listed and not plan:
        raise UserError("--list needs --plan")
    name, studies = study_yaml.read_all(
        study,
        weights,
        path=str(location) if location else None,
        positive=positive,
        negative=negative,
        validation="join" if join_validation else None,
        group_pattern=group_pattern,
        allow_ungrouped=allow_ungrouped or None,
        accept=accept or None,
    )
    if hours and len({one.images.positive for one in studies}) > 1:
        raise UserError(
            "--hours designs each study by itself, so that there is no mean over positive classes: "
            "name one class, or folds, generators and seeds in a study file"
        )
    if status:
        from experiments.running.status import describe

        for one in studies:
            print(f"{one.name}: {describe(runs / one.name)}")
        return
    if demo:
        environment.import_keras()
        from experiments.demo import pretrain_backbones, write_images

        if location is None:
            write_images(studies[0])
        if weights is None:
            pretrain_backbones(studies[0])
    if not demo or weights is not None:
        for options in studies[0].classifiers:
            registry.check_weights(options.name, options.weights)
    environment.import_keras()
    if plan:
        from experiments.planning.plan import write_plan

        print(write_plan(studies, runs, effect, listed, workers))
        return
    for one in studies:
        check_before(one, runs)
    from experiments import runner
    from experiments.running import executors

    if hours:
        from experiments import budget
    command = "ufgen " + shlex.join(word for word in sys.argv[1:] if word != "--retry-failed")
    with executors.choose(executor, address, cpus, gpus, workers) as chosen:
        for one in studies:
            if hours:
                one = budget.design(one, runs, hours, chosen)
            report = runner.run(one, runs, command, retry_failed, chosen)
            verdict = json.loads((report.parent / "verdict.json").read_text())
            print(verdict["sentence"])
            if hours:
                print(budget.reached(verdict))
            print(f"Report: {report}")
    if len(studies) > 1:
        from experiments.reporting.overview import write_overview

        print(f"Overview of {len(studies)} levels: {write_overview(name, studies, runs)}")


def _on_images(study: str | None, location: Path | None) -> tuple[str | None, Path | None]:
    """The study quick, where images stand in the place of a study."""
    from ufgen.images.image_set import is_location

    images = study is not None and is_location(study)
    if images and location is not None:
        raise UserError(f"{study} and --data {location} both name images: leave one out")
    return ("quick", Path(study)) if study is not None and images else (study, location)


def _study_name(study: str | None, demo: bool, shipped: Iterable[str]) -> str:
    """The requested study."""
    if study is None and not demo:
        raise UserError(
            f"name a study: a YAML file, or one of the shipped studies {', '.join(shipped)}; "
            "`ufgen experiment --demo` simulates its images"
        )
    if demo and study not in (None, DEMO):
        raise UserError(f"--demo and the study {study} exclude each other: leave one out")
    return study or DEMO
