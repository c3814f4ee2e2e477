"""Files beside the images that are no images of the set: masks, and what systems leave behind."""

from ufgen.audit.findings import Finding
from ufgen.images.image_set import ImageSet

NAMES = {"mask": "left-out-masks", "system file": "left-out-junk"}


def findings(images: ImageSet) -> list[Finding]:
    """Report the files that were left out when the images were listed.

    Args:
        images: The images; `left_out` has the columns path and reason.

    Returns:
        One note for each kind of reason.
    """
    found = []
    for reason, rows in images.left_out.groupby("reason", sort=True):
        name = next((name for word, name in NAMES.items() if word in str(reason)), "left-out-files")
        found.append(
            Finding(
                name,
                "note",
                f"Left out: {len(rows)} file{'s' if len(rows) > 1 else ''} ({reason})",
                len(rows),
                "They are not images of this set, and are never trained on.",
                table=rows.reset_index(drop=True),
            )
        )
    return found
