"""`ufgen data check`: the audit of an image set, on request and before every study."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ufgen.cli.data import data
from ufgen.cli.options import Accept, AllowUngrouped, Data, GroupPattern, Negative, Positive
from ufgen.errors import UserError

if TYPE_CHECKING:
    from experiments.design.study import Study


@data.command(epilog="Example: ufgen data check UF_dataset --positive UF")
def check(
    location: Data,
    out: Annotated[
        Path, typer.Option(help="Folder for the page, check.json and a table of each finding.")
    ] = Path("runs/check"),
    positive: Positive = None,
    negative: Negative = None,
    group_pattern: GroupPattern = None,
    allow_ungrouped: AllowUngrouped = False,
    accept: Accept = None,
) -> None:
    """Look for what would flatter or spoil a study: duplicates, leaks, shortcuts, faulty images.

    Ends with exit status 1 where the images are not ready for a study.
    """
    from ufgen.audit import audit, page
    from ufgen.images import image_set, positive_class

    images = positive_class.scan(location, positive, group_pattern, allow_ungrouped, negative)
    found = audit.advise(audit.run(images), str(location), out)
    name = image_set.name_of(location)
    written = page.write(found, images, out, name, accept or [])
    print(page.summary(found, accept or []))
    print(f"Page: {written}")
    if found.errors(accept or []):
        raise typer.Exit(1)


def check_before(study: "Study", runs: Path) -> None:
    """Check the images of a study, and write the page into its folder.

    Args:
        study: The study; its `images.accept` names the findings that it accepts.
        runs: The folder of all studies.

    Raises:
        UserError: Where the images are not ready: the errors, and how to go on.
    """
    from experiments.running.data_split import read_images
    from ufgen.audit import audit, page
    from ufgen.images import image_set, positive_class

    read_images(study)  # refuses what no study may accept
    options = study.images
    images = positive_class.scan(
        options.path,
        options.positive,
        options.group_pattern,
        options.allow_ungrouped,
        options.negative,
    )
    if study.folds:  # which pool all images
        images = replace(images, table=images.table.assign(split=""))
    out = runs / study.name / "check"
    found = audit.advise(audit.run(images), options.path, out)
    written = page.write(found, images, out, image_set.name_of(options.path), options.accept)
    errors = found.errors(options.accept)
    if errors:
        titles = "; ".join(f"{finding.title} [{finding.name}]" for finding in errors)
        names = ", ".join(finding.name for finding in errors)
        raise UserError(
            f"the images in {options.path} are not ready for a study: {titles}. Look at {written}, "
            "which says what to do about each. A study that accepts them says so, and so does its "
            f"report: --accept NAME, or in the study's file images: {{accept: [{names}]}}"
        )
    verdict = found.verdict(options.accept)
    print(f"Image check: {verdict}: {page.counts(found, options.accept)}. Page: {written}")
