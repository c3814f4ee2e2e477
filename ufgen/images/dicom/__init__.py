"""DICOM files: their pictures, whose they are (as hashes), and where an ultrasound image lies."""

from ufgen.images.dicom.patients import groups, identifiers
from ufgen.images.dicom.pixels import decode
from ufgen.images.dicom.regions import ultrasound_region

__all__ = ["decode", "groups", "identifiers", "ultrasound_region"]
