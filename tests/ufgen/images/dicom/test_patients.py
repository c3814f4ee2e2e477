"""Identifiers leave as salted hashes alone; they group images; ultrasound regions are found."""

import re
import stat
from concurrent.futures import ThreadPoolExecutor

import dicom_files
import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset, Sequence

from ufgen.errors import UserError
from ufgen.images import decoding, dicom
from ufgen.images.dicom import patients

GREY = np.zeros((20, 30), np.uint8)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("UFGEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_identifiers_are_salted_hashes(tmp_path, cache, monkeypatch):
    path = dicom_files.write(tmp_path / "a.dcm", GREY, PatientID="4711", StudyInstanceUID="1.2.3")
    found = dicom.identifiers(path)
    assert set(found) == {"PatientID", "StudyInstanceUID", "SeriesInstanceUID"}
    assert re.fullmatch("[0-9a-f]{16}", found["PatientID"]) and found["SeriesInstanceUID"] == ""
    assert found == dicom.identifiers(path)
    salt = cache / "dicom_salt"
    assert stat.S_IMODE(salt.stat().st_mode) == 0o600 and len(salt.read_bytes()) == 32
    assert [p.name for p in cache.iterdir()] == ["dicom_salt"]
    salt.unlink()
    assert dicom.identifiers(path)["PatientID"] != found["PatientID"]
    salt.write_bytes(b"short")
    with pytest.raises(UserError, match="5 bytes, not 32: remove it"):
        dicom.groups([path])


def test_one_salt_for_all_that_start_at_a_time(cache):
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: patients._salt(), range(16)))) == 1


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([("p", "1", "1"), ("q", "1", "2"), ("p", "2", "3")], "aba"),
        ([("p", "1", "1"), ("p", "1", "2"), ("", "2", "3")], "aab"),
        ([("p", "1", "1"), ("p", "1", "2"), ("p", "1", "1")], "aba"),
        ([("p", "1", "1"), ("p", "1", "1")], "  "),
        ([("", "", ""), ("", "", "")], "  "),
    ],
)
def test_groups_are_told_apart_by_patients_then_studies_then_series(tmp_path, given, expected):
    paths = [
        dicom_files.write(
            tmp_path / f"{n}.dcm", GREY, PatientID=p, StudyInstanceUID=st, SeriesInstanceUID=se
        )
        for n, (p, st, se) in enumerate(given)
    ]
    Image.fromarray(GREY).save(tmp_path / "a.png")
    (tmp_path / "b.dcm").write_bytes(paths[0].read_bytes()[:140])
    found = dicom.groups([*paths, tmp_path / "a.png", tmp_path / "b.dcm", tmp_path / "none.dcm"])
    assert found[-3:] == ["", "", ""]
    names = {"": " "}
    for name in found[:-3]:
        names.setdefault(name, "ab"[len(names) - 1] if len(names) < 3 else "?")
    assert "".join(names[name] for name in found[:-3]) == expected


def region(box, form=1, kind=1):
    one = Dataset()
    one.RegionSpatialFormat, one.RegionDataType = form, kind
    one.RegionLocationMinX0, one.RegionLocationMinY0 = box[:2]
    one.RegionLocationMaxX1, one.RegionLocationMaxY1 = box[2:]
    return one


def test_the_largest_region_of_tissue(tmp_path):
    regions = [region((2, 3, 11, 12)), region((0, 0, 29, 19), form=3), region((1, 1, 5, 5))]
    path = dicom_files.write(
        tmp_path / "a.dcm", GREY, SequenceOfUltrasoundRegions=Sequence(regions)
    )
    assert dicom.ultrasound_region(path) == (3, 2, 13, 12)
    plain = dicom_files.write(tmp_path / "b.dcm", GREY)
    assert dicom.ultrasound_region(plain) is None
    beyond = Sequence([region((10, 5, 99, 99))])
    path = dicom_files.write(tmp_path / "c.dcm", GREY, SequenceOfUltrasoundRegions=beyond)
    assert dicom.ultrasound_region(path) == (5, 10, 20, 30)


def test_names_of_patients_are_in_no_message(tmp_path, recwarn, caplog):
    path = dicom_files.write(tmp_path / "a.dcm", GREY, PatientID="Mustermann4711" * 9)
    content = path.read_bytes()
    said = []
    for at in range(132, len(content) - len(GREY.tobytes()), 3):
        (tmp_path / "b.dcm").write_bytes(content[:at] + b"Muster" + content[at + 6 :])
        for read in (decoding.decode, dicom.identifiers, dicom.ultrasound_region):
            try:
                read(tmp_path / "b.dcm")
            except UserError as error:
                said.append(str(error))
    assert len(said) > 20
    said += [str(warning.message) for warning in recwarn] + [caplog.text]
    assert [text for text in said if "uster" in text] == []
