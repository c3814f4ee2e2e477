"""The recipe: valid values, the messages about others, and what its digest depends on."""

import pytest

from ufgen.errors import UserError
from ufgen.gan.recipe import Recipe, digest, load_recipe, to_yaml


def test_the_shipped_recipe_is_found_by_name():
    recipe = load_recipe("dcgan")
    assert (recipe.name, recipe.resolution, recipe.channels) == ("dcgan", 64, 1)
    assert recipe.steps() % recipe.steps_per_call == 0
    assert abs(recipe.steps() * recipe.batch - recipe.kimg * 1000) < 256


@pytest.mark.parametrize("name", ["fast", "dcgan", "residual", "projected"])
def test_every_shipped_recipe_reads(name):
    assert load_recipe(name).name == name


@pytest.mark.parametrize(
    "fields",
    [
        {"loss": "hinge"},
        {"minibatch_stddev": True},
        {"features": "keras:MobileNetV2"},
        {"minibatch_stddev": True, "updates": "alternate", "batch": 30},
    ],
)
def test_fields_that_exclude_each_other_are_named(fields):
    with pytest.raises(UserError, match="expected"):
        load_recipe("dcgan", **fields)


def test_a_recipe_survives_a_yaml_file(tmp_path):
    recipe = load_recipe("dcgan", resolution=128, diffaugment=["cutout"], seed=3)
    (tmp_path / "mine.yaml").write_text(to_yaml(recipe))
    again = load_recipe(tmp_path / "mine.yaml")
    assert again == recipe
    assert digest(again) == digest(recipe)


def test_every_change_changes_the_digest():
    recipes = [
        Recipe(),
        Recipe(seed=1),
        Recipe(flip=False),
        Recipe(kimg=1),
        Recipe(diffaugment=()),
        Recipe(resolution=32),
        Recipe(generator_learning_rate=1e-4),
    ]
    digests = {digest(recipe) for recipe in recipes}
    assert len(digests) == len(recipes)
    assert all(len(text) == 12 and int(text, 16) >= 0 for text in digests)


def test_the_same_number_written_differently_is_the_same_recipe():
    assert digest(Recipe(kimg=250)) == digest(Recipe(kimg=250.0))


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("resolution", 100, "(32, 64, 128, 256)"),
        ("channels", 2, "(1, 3)"),
        ("batch", 1, "2 or more"),
        ("width", 0, "1 or more"),
        ("latent_dim", "64", "an integer"),
        ("generator_learning_rate", -1e-4, "above 0"),
        ("kimg", 0, "above 0"),
        ("kimg", float("inf"), "above 0"),
        ("kimg", float("nan"), "above 0"),
        ("beta1", 1.0, "below 1"),
        ("r1", -1, "0 or more"),
        ("seed", -1, "0 or more"),
        ("flip", "yes", "true or false"),
        ("diffaugment", ["vertical flip"], "translation"),
        ("diffaugment", "rotation", "translation"),
        ("diffaugment", None, "translation"),
    ],
)
def test_a_bad_value_is_quoted_with_what_is_accepted(field, value, expected):
    with pytest.raises(UserError) as error:
        load_recipe("dcgan", **{field: value})
    assert field in str(error.value)
    assert expected in str(error.value)


def test_an_unknown_field_is_named_with_the_valid_ones():
    with pytest.raises(UserError, match=r"learning_speed.*expected.*kimg"):
        load_recipe("dcgan", learning_speed=2)


def test_a_renamed_field_of_a_file_is_named_with_its_new_name(tmp_path):
    file = tmp_path / "old.yaml"
    file.write_text("average_kimg: 1\nminibatch_deviation: true\n")
    with pytest.raises(UserError) as refused:
        load_recipe(file)
    assert str(refused.value) == (
        f"recipe {file} has no field average_kimg, minibatch_deviation: average_kimg is called "
        "ema_kimg since 0.2.0; minibatch_deviation is called minibatch_stddev since 0.2.0"
    )
    with pytest.raises(UserError, match=r"called ema_kimg since 0\.2\.0; expected name, "):
        load_recipe("dcgan", average_kimg=1, odd=2)


def test_an_unknown_recipe_lists_the_shipped_ones():
    with pytest.raises(UserError, match=r"no recipe stylegan.*dcgan"):
        load_recipe("stylegan")


@pytest.mark.parametrize("text", ["kimg: [1", "- kimg\n- 3\n", ""])
def test_a_file_without_a_recipe_is_refused(tmp_path, text):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(UserError, match=r"mine\.yaml"):
        load_recipe(tmp_path / "mine.yaml")
