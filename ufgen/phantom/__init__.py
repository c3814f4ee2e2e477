"""Simulated pelvic ultrasound: the built-in example data, always labelled `phantom`.

Images are formed as in a scanner: random scatterers whose strength follows the anatomy are
convolved with a point-spread function in beam and depth coordinates, the envelope is taken,
attenuated, log-compressed, and converted to a sector (Szabo, Diagnostic ultrasound imaging, 2014).
"""

from ufgen.phantom.patient import simulate_patient
from ufgen.phantom.phantom_set import CLASSES, write_set, write_sheet

__all__ = ["CLASSES", "simulate_patient", "write_set", "write_sheet"]
