"""Where in a DICOM file's picture the ultrasound image lies."""

from pathlib import Path

from ufgen.images import image_files
from ufgen.images.dicom.header import read_header

TWO_DIMENSIONAL = TISSUE = 1  # RegionSpatialFormat, RegionDataType


def ultrasound_region(path: str | Path) -> tuple[int, int, int, int] | None:
    """Find the ultrasound image within the picture of a DICOM file.

    Args:
        path: The file, or a member of a zip archive (see `ufgen.images.image_files`).

    Returns:
        The largest two-dimensional region of tissue as (top, left, bottom, right) in pixels, of
        which `picture[top:bottom, left:right]` is the region; None where the file names none.

    Raises:
        UserError: Where it is no DICOM file, or a damaged one.
    """
    with image_files.open_image(path) as stream:
        header = read_header(stream, ("SequenceOfUltrasoundRegions", "Rows", "Columns")).dataset
    try:
        rows, columns = int(header.Rows), int(header.Columns)
        regions = [
            (
                max(0, int(region.RegionLocationMinY0)),
                max(0, int(region.RegionLocationMinX0)),
                min(rows, int(region.RegionLocationMaxY1) + 1),
                min(columns, int(region.RegionLocationMaxX1) + 1),
            )
            for region in header.get("SequenceOfUltrasoundRegions") or []
            if region.get("RegionSpatialFormat") == TWO_DIMENSIONAL
            and region.get("RegionDataType") == TISSUE
        ]
    except Exception:  # incomplete regions, or damaged ones, are none
        return None
    regions = [(t, le, b, r) for t, le, b, r in regions if t < b and le < r]
    return max(regions, key=lambda r: (r[2] - r[0]) * (r[3] - r[1]), default=None)
