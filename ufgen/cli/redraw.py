"""`ufgen redraw`: generate one synthetic image again."""

from pathlib import Path
from typing import Annotated

import typer

from ufgen import environment
from ufgen.cli.application import app
from ufgen.errors import UserError


@app.command(epilog="Example: ufgen redraw synthetic/first/UF/UF_000003_seed0.png --out again.png")
def redraw(
    image: Annotated[Path, typer.Argument(help="An image that `ufgen synth` wrote.")],
    out: Annotated[Path, typer.Option(help="PNG file to write.")] = Path("redrawn.png"),
) -> None:
    """Generate one synthetic image again from its row of the manifest."""
    environment.import_keras()
    from PIL import Image

    from ufgen.atomic import atomic_file
    from ufgen.gan.sampling import sampler
    from ufgen.images.pixel_store import as_picture

    picture, identical = sampler.redraw(image)
    with atomic_file(out) as temporary:
        Image.fromarray(as_picture(picture)).save(temporary)
    if not identical:
        raise UserError(
            f"{out} does not match the hash in the manifest for {image.name}; another backend, "
            "device or version of Keras causes rounding differences"
        )
    print(f"Regenerated, bit-identical: {out}")
