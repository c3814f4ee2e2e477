"""`ufgen data prepare`: a copy of an image set without overlays, cropped to the scan."""

from pathlib import Path
from typing import Annotated

import typer

from ufgen.cli.data import data
from ufgen.cli.options import AllowUngrouped, Data, GroupPattern, report_unreadable


@data.command(epilog="Example: ufgen data prepare UF_dataset --out prepared --sector --grayscale")
def prepare(
    location: Data,
    out: Annotated[
        Path, typer.Option(help="Folder to write: new, empty, or an earlier prepared set.")
    ],
    sector: Annotated[bool, typer.Option("--sector", help="Crop to the scan.")] = False,
    mask_overlays: Annotated[
        bool, typer.Option("--mask-overlays", help="Paint text and marks black.")
    ] = False,
    inpaint_overlays: Annotated[
        bool,
        typer.Option("--inpaint-overlays", help="Continue the image over text and marks."),
    ] = False,
    grayscale: Annotated[bool, typer.Option("--grayscale", help="Drop the colour.")] = False,
    drop: Annotated[
        Path | None,
        typer.Option(help="Leave out the images of a list: a path per line, or CSV with `path`."),
    ] = None,
    group_pattern: GroupPattern = None,
    allow_ungrouped: AllowUngrouped = False,
) -> None:
    """Write prepared copies of images, for `train` and `synth`. The originals stay as they are.

    Look at before_after.png: overlays are found by rules, which miss some. A study prepares its
    images itself, by `images: prepare:` in its file.
    """
    from ufgen.images import image_set
    from ufgen.preparation.drop_list import read_drop_list
    from ufgen.preparation.prepared_set import write_prepared_set
    from ufgen.preparation.recipe import STEPS, Preparation

    named = {
        "sector": sector,
        "mask-overlays": mask_overlays,
        "inpaint-overlays": inpaint_overlays,
        "grayscale": grayscale,
    }
    preparation = Preparation([step for step in STEPS if named[step]])
    images = image_set.scan(
        location, None, group_pattern, binary=False, allow_ungrouped=allow_ungrouped
    )
    dropped = read_drop_list(drop, images) if drop else []
    prepared = write_prepared_set(images, out, preparation, dropped)
    report_unreadable(prepared.quarantine)
    total = len(prepared.table)
    print(
        f"Prepared images: {total} ({prepared.made} made now, {total - prepared.made} finished "
        f"before, {len(dropped)} dropped, {len(prepared.quarantine)} unreadable)"
    )
    print(f"Prepared set: {prepared.folder}\nLook at: {prepared.folder / 'before_after.png'}")
