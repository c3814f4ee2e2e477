"""`ufgen synth` of sets with three splits or classes: validation images are never trained on."""

import pandas as pd
import pytest

from ufgen.environment import prepare

prepare()

from ufgen.errors import UserError  # noqa: E402
from ufgen.images import image_set, pixel_store  # noqa: E402
from ufgen.synthesis.evaluation import training_and_held_out  # noqa: E402
from ufgen.synthesis.pipeline import SamplingOptions, synthesise  # noqa: E402

OPTIONS = {"resolution": 32, "width": 2, "batch": 8, "kimg": 0.032, "evaluate_kimg": 0.016}
OPTIONS |= {"precision": "float32", "steps_per_call": 2}


@pytest.fixture
def three(folder, picture):
    """Three classes in train, val and test."""
    for number in range(12):
        split, label = ("train", "val")[number % 2], ("UF", "NUF", "cyst")[number // 2 % 3]
        picture(folder / split / label / f"{split}_{number}.png", 100 + number)
    return folder


def _synthesise(location, tmp_path):
    out, sampling = tmp_path / "out", SamplingOptions(per_class={"cyst": 2, "UF": 3, "NUF": 4})
    synthesise(location, out, "dcgan", OPTIONS, sampling, tmp_path / "generators")
    return out


def test_the_generator_sees_training_images_of_all_classes_alone(three, tmp_path):
    out = _synthesise(three, tmp_path)
    seen = set(pd.read_csv(out / "training.csv")["sha256"])
    images = pixel_store.load(image_set.scan(three), 32).images
    assert seen == set(images.split("train").table["sha256"])
    labels = pd.read_csv(out / "manifest.csv")["label"].value_counts().to_dict()
    assert labels == {"cyst": 2, "UF": 3, "NUF": 4}


def test_an_image_in_train_and_validation_stops_it(three, tmp_path):
    file = next((three / "train" / "UF").iterdir())
    (three / "val" / "NUF" / "again.png").write_bytes(file.read_bytes())
    with pytest.raises(UserError, match="same image is in train and in validation"):
        _synthesise(three, tmp_path)


def test_without_training_images_nothing_is_trained(three, tmp_path):
    images = image_set.scan(three)
    for name in ("validation", "test"):
        image_set.write_manifest(images.split(name), tmp_path / "m.csv")
        with pytest.raises(UserError, match=f"found the splits {name}: expected train"):
            _synthesise(tmp_path / "m.csv", tmp_path)


@pytest.mark.parametrize(("kept", "name"), [(5, "test"), (4, "validation")])
def test_too_few_test_images_are_replaced_by_validation_images(three, kept, name):
    images = image_set.scan(three)
    test = (images.table["split"] == "test").to_numpy()
    images = images.select(~test | (test & (test.cumsum() <= kept)))
    train, held_out = training_and_held_out(pixel_store.load(images, 32))
    assert set(train.table["split"]) == {"train"}
    assert set(held_out.table["split"]) == {name}
