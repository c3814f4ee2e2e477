"""DICOM files of any pixels, in eight transfer syntaxes."""

import io
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import compress
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
    UltrasoundImageStorage,
    generate_uid,
)

UNCOMPRESSED = {
    "implicit": ImplicitVRLittleEndian,
    "explicit": ExplicitVRLittleEndian,
    "big_endian": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
}
LOSSLESS = {"rle": RLELossless, "jpeg_ls": JPEGLSLossless, "jpeg_2000": JPEG2000Lossless}
SYNTAXES = {**UNCOMPRESSED, **LOSSLESS, "jpeg": JPEGBaseline8Bit}


def write(
    path: Path,
    pixels: np.ndarray,
    syntax: str = "explicit",
    photometric: str = "",
    frames: int = 1,
    bits: int = 0,
    **elements,
) -> Path:
    """Write pixels as an ultrasound image.

    `pixels` is (H, W) or (H, W, 3), after an axis of frames where there are several, uint8, uint16
    or int16; `bits` are the bits stored, of which all are by default. `elements` are further
    elements by keyword, such as PatientID; None leaves one out.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = pixels.shape[1:] if frames > 1 else pixels.shape
    samples = shape[2] if len(shape) == 3 else 1
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = UltrasoundImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.SOPClassUID = UltrasoundImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.Modality, dataset.PatientName = "US", "Mustermann^Erika"
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = *shape[:2], samples
    dataset.PhotometricInterpretation = photometric or ("MONOCHROME2" if samples == 1 else "RGB")
    dataset.BitsAllocated = pixels.dtype.itemsize * 8
    dataset.BitsStored = bits or dataset.BitsAllocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    if samples > 1:
        dataset.PlanarConfiguration = 0
    if frames > 1:
        dataset.NumberOfFrames = frames
    for keyword, value in elements.items():
        if value is not None:
            setattr(dataset, keyword, value)
    left_out = [keyword for keyword, value in elements.items() if value is None]
    _add_pixels(dataset, pixels, SYNTAXES[syntax], frames)
    for keyword in left_out:
        delattr(dataset, keyword)
    dataset.save_as(path, enforce_file_format=True)
    return path


def jpeg_of(pixels: np.ndarray) -> bytes:
    """The JPEG that `write` puts into a file of the syntax "jpeg"."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "JPEG", quality=95, subsampling=0)
    return content.getvalue()


def _add_pixels(dataset: Dataset, pixels: np.ndarray, syntax: UID, frames: int) -> None:
    dataset.file_meta.TransferSyntaxUID = syntax
    if syntax == JPEGBaseline8Bit:
        pictures = pixels if frames > 1 else [pixels]
        dataset.PixelData = encapsulate([jpeg_of(picture) for picture in pictures])
        dataset["PixelData"].VR = "OB"
        return
    big = syntax == ExplicitVRBigEndian
    content = pixels.astype(pixels.dtype.newbyteorder(">" if big else "<")).tobytes()
    dataset.PixelData = content + bytes(len(content) % 2)
    dataset["PixelData"].VR = "OB" if dataset.BitsAllocated == 8 else "OW"
    if syntax in LOSSLESS.values():
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        compress(dataset, syntax, generate_instance_uid=False)
