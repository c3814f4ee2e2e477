"""`ufgen synth`, `fidelity` and `redraw`, as a user types them."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ufgen.environment import prepare

prepare()

from ufgen import cli  # noqa: E402
from ufgen.cli.synth import counts_per_class  # noqa: E402
from ufgen.display.contact_sheet import LabelledImages  # noqa: E402
from ufgen.errors import UserError  # noqa: E402
from ufgen.gan.sampling.sampler import generate_images  # noqa: E402
from ufgen.synthesis.gallery import write_gallery  # noqa: E402
from ufgen.synthesis.pipeline import SamplingOptions, synthesise  # noqa: E402

COMMAND = [sys.executable, "-c", "from ufgen.cli import main; main()"]
OPTIONS = {"resolution": 32, "width": 2, "batch": 16, "kimg": 0.5, "evaluate_kimg": 0.3}
OPTIONS |= {"precision": "float32", "steps_per_call": 4}


@pytest.fixture(scope="module")
def synthesised(phantoms, tmp_path_factory):
    root = tmp_path_factory.mktemp("synthesis")
    sampling = SamplingOptions(per_class=12, filters=("discriminator", "copies"))
    report = synthesise(
        phantoms, root / "synthetic" / "first", "dcgan", OPTIONS, sampling, root / "generators"
    )
    return root / "synthetic" / "first", report


def test_the_folder_holds_tables_figures_and_the_page(synthesised):
    out, report = synthesised
    manifest = pd.read_csv(out / "manifest.csv")
    assert manifest["label"].value_counts().to_dict() == {"UF": 12, "NUF": 12}
    expected = ["grid.png", "fidelity.csv", "fidelity.png", "copies.csv", "copies.txt"]
    expected += ["interpolation.png", "interpolation.gif", "curves.png", "gallery.html"]
    expected += ["training.csv", "dropped.csv"]
    assert not [name for name in expected if not (out / name).is_file()]
    assert set(report.fidelity["scope"]) == {"all", "UF", "NUF"}
    assert report.fidelity["metric"].str.endswith("-texture").all()
    assert len(pd.read_csv(out / "copies.csv")) == 24
    dropped = pd.read_csv(out / "dropped.csv")
    assert set(dropped["filter"]) <= {"discriminator", "copies"} and len(dropped)
    assert not set(dropped["latent_seed"]) & set(manifest["latent_seed"])
    page = (out / "gallery.html").read_text()
    assert "phantom" in page and "http" not in page.replace("http://www.w3.org", "")
    with Image.open(out / "interpolation.gif") as film:
        assert film.n_frames == 48


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], None),
        (["7"], 7),
        (["UF=5"], {"UF": 5}),
        (["UF=5", "grade=2=3"], {"UF": 5, "grade=2": 3}),
    ],
)
def test_counts_per_class_on_the_command_line(texts, expected):
    assert counts_per_class(texts) == expected


@pytest.mark.parametrize(
    "texts", [["0"], ["UF=0"], ["UF="], ["many"], ["5", "UF=5"], ["-3"], ["UF=5", "UF=6"]]
)
def test_counts_per_class_that_make_no_sense_are_refused(texts):
    with pytest.raises(UserError, match="--per-class"):
        counts_per_class(texts)


@pytest.mark.parametrize("held", ["model.json", "generator/other.txt", "thesis.txt"])
def test_a_folder_that_is_not_ours_is_never_replaced(phantoms, tmp_path, held):
    file = tmp_path / "s" / held
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    with pytest.raises(UserError, match="did not write"):
        synthesise(phantoms, tmp_path / "s", "dcgan", OPTIONS, SamplingOptions(2), tmp_path / "g")
    assert file.read_text() == "mine" and not (tmp_path / "g").exists()


def test_a_set_generated_from_other_images_is_replaced_only_by_name(synthesised, folder, tmp_path):
    out = tmp_path / "data"
    shutil.copytree(synthesised[0], out)
    arguments = folder, out, "dcgan", OPTIONS, SamplingOptions(2), tmp_path / "generators"
    with pytest.raises(UserError, match="generated from other images"):
        synthesise(*arguments, named=False)
    assert (out / "grid.png").is_file() and not (tmp_path / "generators").exists()


def test_chosen_counts_leave_the_others_as_many_as_real(synthesised, phantoms, tmp_path):
    root = synthesised[0].parents[1]
    sampling = SamplingOptions(per_class={"UF": 3})
    real = pd.read_csv(synthesised[0] / "training.csv")["label"].value_counts()
    folder = tmp_path / "some"
    synthesise(phantoms, folder, "dcgan", OPTIONS, sampling, root / "generators")
    counts = pd.read_csv(folder / "manifest.csv")["label"].value_counts().to_dict()
    assert counts == {"UF": 3, "NUF": real["NUF"]}
    with pytest.raises(UserError, match="no training images of cyst"):
        sampling = SamplingOptions(per_class={"cyst": 3})
        synthesise(phantoms, folder, "dcgan", OPTIONS, sampling, root / "generators")


def test_redraw_and_fidelity_from_the_command_line(synthesised, phantoms, tmp_path, run_here):
    out, _ = synthesised
    image = sorted(out.glob("UF/*.png"))[0]
    run = _run("redraw", image, "--out", tmp_path / "again.png")
    assert run.returncode == 0 and "bit-identical" in run.stdout
    assert np.array_equal(
        np.asarray(Image.open(tmp_path / "again.png")), np.asarray(Image.open(image))
    )
    run = run_here("fidelity", phantoms, out, "--split", "test", "--out", tmp_path / "f")
    assert run.returncode == 0 and "KD-texture" in run.stdout and "copies" in run.stdout
    assert (tmp_path / "f" / "fidelity.csv").is_file()
    run = run_here("fidelity", phantoms, phantoms, "--out", tmp_path / "g")
    assert run.returncode == 1 and "against themselves" in run.stderr
    assert not (tmp_path / "g").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--budget", "soon"), "expected a time such as"),
        (("--budget", "1m", "--kimg", "1"), "not both"),
        (("--filter", "odd"), "there is no filter odd"),
        (("--filter", "agreement"), "belong together"),
        (("--resolution", "100"), "(32, 64, 128, 256)"),
        (("--recipe", "projected", "--extractor", "odd"), "there is no extractor"),
    ],
)
def test_mistakes_get_one_message(phantoms, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["ufgen", "synth", str(phantoms), *arguments])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "synthetic").exists()


def test_a_filter_that_nothing_passes_is_an_error(synthesised, phantoms, tmp_path):
    """The generator of half a thousand images makes nothing like the real ones."""
    sampling = SamplingOptions(4, filters=("manifold",))
    generators = synthesised[0].parent.parent / "generators"
    with pytest.raises(UserError, match="the filter manifold leaves no image of the class"):
        synthesise(phantoms, tmp_path / "s", "dcgan", OPTIONS, sampling, generators)
    assert not (tmp_path / "s").exists()


def test_the_filter_agreement_needs_a_classifier_of_the_same_images(
    synthesised, phantoms, tmp_path
):
    from classifiers import label_agreement, model_folder
    from classifiers.training.settings import Training
    from ufgen.images import image_set

    out, _ = synthesised
    images = image_set.scan(phantoms)
    settings = Training(steps=2, batch=8, precision="float32")
    for name, part in (("same", images.split("train")), ("other", images.split("test"))):
        model_folder.train(part, "keras:MobileNet?alpha=0.25", tmp_path / name, settings, size=32)
    generators = out.parent.parent / "generators"
    with pytest.raises(UserError, match="not among the generator's"):
        agreement = label_agreement.of_classifier(tmp_path / "other")
        sampling = SamplingOptions(4, filters=("agreement",), agreement=agreement)
        synthesise(phantoms, tmp_path / "s", "dcgan", OPTIONS, sampling, generators)
    generated = generate_images(
        next(path for path in generators.iterdir() if path.is_dir()),
        {"UF": 3, "NUF": 2},
        show_progress=False,
    )
    positive = model_folder.load(tmp_path / "same").predict_pixels(generated.pixels)
    own = label_agreement.of_classifier(tmp_path / "same")(
        generated.pixels, generated.table["label"].to_numpy(), generated.training["sha256"]
    )
    np.testing.assert_allclose(own, [*positive[:3], *(1 - positive[3:])])


@pytest.mark.parametrize("classes", [("only",), ("a", "b", "c")])
def test_one_class_and_several_classes_work(tmp_path, picture, classes):
    for number, label in enumerate(classes):
        for i in range(3):
            picture(tmp_path / "set" / label / f"{i}.png", 10 * number + i)
    report = synthesise(
        tmp_path / "set",
        tmp_path / "s",
        "dcgan",
        OPTIONS,
        SamplingOptions(per_class=2),
        tmp_path / "g",
    )
    assert set(report.fidelity["scope"]) == {"all", *classes}
    assert len(list((tmp_path / "s").glob("*/*_seed0.png"))) == 2 * len(classes)


def test_the_gallery_escapes_names_and_marks_copies(tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"path": ["<b>&.png", "c.png"], "label": ["<i>", "<i>"]})
    strip = LabelledImages(table, rng.integers(0, 256, (2, 16, 16, 1)).astype("uint8"))
    nearest = pd.DataFrame(
        {"train_row": [0, 1], "correlation": [0.99, 0.1], "flipped": False, "copy": [True, False]}
    )
    page = write_gallery(tmp_path / "g.html", "a & b", strip, strip, nearest).read_text()
    assert "<i>" not in page and "<b>&" not in page and "a &amp; b" in page
    assert page.count('<span class="mark">COPY</span>') == 3  # on the wall, its card, and the pair
    assert "1 of 2 synthetic images is flagged" in page
    with pytest.raises(ValueError, match="nearest rows"):
        write_gallery(tmp_path / "h.html", "t", strip, strip, nearest[:1])


def _run(*arguments, cwd=None):
    completed = subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, env=os.environ
    )
    assert "Traceback" not in completed.stderr, completed.stderr[-2000:]
    return completed
