"""The positive class: named, or UF of two classes; what the rest is called."""

from dataclasses import replace

import pytest
from image_tables import six

from ufgen.errors import UserError
from ufgen.images import positive_class


def _with_third_class(folder, name="cyst"):
    for split in ("train", "test"):
        (folder / split / name).mkdir()
        (folder / split / "NUF" / f"NUF_{split}_p0_0.png").rename(folder / split / name / "c.png")
    return folder


def test_uf_is_the_default_of_two_classes_alone(folder):
    assert positive_class.scan(folder).positive == "UF"
    assert positive_class.scan(folder, "NUF").positive == "NUF"
    assert positive_class.scan(_with_third_class(folder)).positive is None
    images = positive_class.scan(folder, "cyst")
    assert images.targets().sum() == 2 and len(images) == 18
    with pytest.raises(UserError, match="'gone' is not among NUF, UF, cyst"):
        positive_class.scan(folder, "gone")


def test_no_positive_class_is_an_error_that_counts_the_classes(folder):
    positive_class.check(positive_class.scan(_with_third_class(folder), "UF"))
    with pytest.raises(UserError) as error:
        positive_class.check(positive_class.scan(folder))
    assert str(error.value) == (
        "which class is the positive one, to be told from the rest? Found NUF (7 images), UF (9 "
        "images), cyst (2 images). Pass for example --positive cyst (in a study, images: positive)"
    )


def test_one_class_is_an_error_with_a_positive_class_and_without():
    for positive in ("UF", None):
        with pytest.raises(UserError, match=r"found one class, UF \(6 images\)"):
            positive_class.check(replace(six(label="UF"), positive=positive))


def test_the_rest_is_the_other_class_or_not_the_positive_one():
    assert positive_class.negative(six()) == "NUF"
    several = six(label=["UF", "b", "a"] * 2)
    assert positive_class.negative(several) == "not UF" and positive_class.rest(several) == [
        "a",
        "b",
    ]
