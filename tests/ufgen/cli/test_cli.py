"""The command line: quick help, exit codes, one message for a mistake and no traceback."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-c", "from ufgen.cli import main; main()"]


def _run(*arguments, cwd=None):
    result = subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, env=os.environ
    )
    assert "Traceback" not in result.stderr
    return result


@pytest.mark.parametrize(
    "command",
    [
        "",
        "synth",
        "fidelity",
        "redraw",
        "train",
        "evaluate",
        "export",
        "predict",
        "experiment",
        "data augmentations",
        "data describe",
        "data split",
        "data phantom",
        "data prepare",
    ],
)
def test_every_command_has_help_with_an_example(command):
    result = _run(*command.split(), "--help")
    assert result.returncode == 0
    assert not command or "Example: ufgen" in result.stdout


def test_help_imports_nothing_heavy():
    code = "import sys, ufgen.cli; print([m for m in ('keras', 'tensorflow', 'pandas', 'numpy', "
    code += "'matplotlib', 'sklearn', 'scipy') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]"


def test_usage_errors_exit_with_two(tmp_path):
    assert _run("odd").returncode == 2
    assert _run("data", "phantom", tmp_path / "p", "--train", "many").returncode == 2


def test_a_mistake_exits_with_one_and_no_traceback(tmp_path):
    result = _run("synth", tmp_path / "nowhere")
    assert result.returncode == 1 and len(result.stderr.splitlines()) == 1


def test_mistakes_exit_with_one_and_one_message(tmp_path, folder, run_here, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for arguments, message in (
        (("data", "describe", tmp_path / "nowhere"), "nothing at"),
        (("experiment", "nowhere.yaml"), "no study file"),
        (("experiment",), "--demo"),
        (("synth", folder.parent / "nowhere"), "nothing at"),
        (("predict", tmp_path, folder), "no trained classifier"),
        (("train", folder, "--classifier", "odd", "--weights", "none"), "no classifier 'odd'"),
        (("train", folder, "--weights", "none", "--out", folder), "did not write"),
    ):
        result = run_here(*arguments)
        assert result.returncode == 1, arguments
        assert message in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "{set}", "--weights", "gone.weights.h5"),
        ("experiment", "quick", "--data", "{set}", "--weights", "gone.weights.h5", "--plan"),
        ("experiment", "quick", "--data", "{set}", "--weights", "gone.weights.h5"),
    ],
)
def test_missing_weights_are_found_out_before_keras_is_imported(arguments, tmp_path):
    """And before images are looked for: there are none."""
    code = "import sys; from ufgen.cli import main\ntry: main()\n"
    code += "finally: print('keras' in sys.modules)"
    words = [word.format(set=tmp_path / "nowhere") for word in arguments]
    result = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=tmp_path
    )
    assert result.returncode == 1 and result.stdout.strip() == "False"
    assert ": there is no weights file gone.weights.h5. Instead: " in result.stderr
    assert len(result.stderr.splitlines()) == 1 and not list(tmp_path.iterdir())


def test_split_and_describe(tmp_path, folder):
    result = _run(
        "data",
        "split",
        folder / "train",
        "--out",
        tmp_path / "s.csv",
        "--group-pattern",
        r"_(p\d)_",
    )
    assert result.returncode == 0 and (tmp_path / "s.csv").is_file()
    result = _run("data", "describe", tmp_path / "s.csv", "--out", tmp_path / "page")
    assert result.returncode == 0 and (tmp_path / "page" / "describe.html").is_file()


def test_train_evaluate_predict_in_a_row(tmp_path, phantoms, run_here):
    model = tmp_path / "model"
    options = ["--classifier", "keras:MobileNet?alpha=0.25", "--weights", "none", "--steps", "3"]
    options += ["--precision", "float32"]
    result = _run("train", phantoms, "--out", model, "--resolution", "32", *options)
    assert result.returncode == 0 and "none weights" in result.stdout
    assert "oneDNN" not in result.stderr and "cuda" not in result.stderr
    result = run_here("evaluate", model, phantoms, "--out", tmp_path / "e")
    assert result.returncode == 0 and "ROC AUC" in result.stdout and "DeLong" not in result.stdout
    assert len((tmp_path / "e" / "predictions.csv").read_text().splitlines()) == 1 + 24
    result = run_here("evaluate", model, phantoms, "--out", tmp_path / "e" / "metrics.csv")
    assert result.returncode == 1 and "expected a folder" in result.stderr
    assert (tmp_path / "e" / "metrics.csv").is_file() and (tmp_path / "e" / "curves.png").is_file()
    single = next(phantoms.glob("test/UF/*.png"))
    result = run_here("predict", model, single, phantoms / "test", "--out", tmp_path / "p.csv")
    assert result.returncode == 0
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 1 + 1 + 24


def _joined(folder, tmp_path):
    """A manifest of the real images in `folder`, one of them called synthetic, by patient."""
    from ufgen.images import image_set

    images = image_set.scan(folder, group_pattern=r"^\w+_p\d")
    source = ["synthetic"] + ["real"] * (len(images) - 1)
    images = replace(images, table=images.table.assign(source=source))
    image_set.write_manifest(images, tmp_path / "joined.csv")
    return tmp_path / "joined.csv", Path(images.table["path"].iloc[0]).name


@pytest.mark.parametrize("command", ["train", "synth", "fidelity", "experiment"])
def test_synthetic_rows_are_named_wherever_real_images_are_read(
    tmp_path, folder, run_here, monkeypatch, command
):
    monkeypatch.chdir(tmp_path)
    joined, name = _joined(folder, tmp_path)
    if command == "train":  # its first row is a test image
        text = joined.read_text().replace(",test,", ",TEST,").replace(",train,", ",test,")
        joined.write_text(text.replace(",TEST,", ",train,"))
    before = ["quick", "--data"] if command == "experiment" else []
    after = {"fidelity": [folder], "train": ["--weights", "none"]}.get(command, [])
    result = run_here(command, *before, joined, *after)
    assert result.returncode == 1
    assert "are synthetic" in result.stderr and name in result.stderr


@pytest.mark.parametrize("command", ["train", "synth", "experiment"])
def test_a_patient_on_both_sides_is_refused(tmp_path, folder, run_here, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text("name: s\narms: [real, synthetic]\nclassifiers: [hybrid]\n")
    before = ["s.yaml", "--data"] if command == "experiment" else []
    after = ["--weights", "none"] if command == "train" else []
    result = run_here(command, *before, folder, "--group-pattern", r"_(p\d)_", *after)
    assert result.returncode == 1
    assert "same group" in result.stderr and ".png" in result.stderr


def _commands(command, name=""):
    """All commands with their names."""
    inside = getattr(command, "commands", {})
    for key, one in inside.items():
        yield from _commands(one, f"{name} {key}".strip())
    if not inside:
        yield name, {option for parameter in command.params for option in parameter.opts}


def test_every_command_with_a_group_pattern_can_allow_what_it_misses():
    from typer.main import get_command

    from ufgen.cli.application import app

    options = dict(_commands(get_command(app)))
    grouped = {name for name, parameters in options.items() if "--group-pattern" in parameters}
    assert {"train", "synth", "evaluate", "experiment", "fidelity", "data split"} <= grouped
    assert all("--allow-ungrouped" in options[name] for name in grouped)


def test_the_module_runs_as_a_command():
    result = subprocess.run(
        [sys.executable, "-m", "ufgen", "--version"], capture_output=True, text=True
    )
    assert result.returncode == 0 and result.stdout.startswith("ufgen ")


def test_a_name_that_is_no_utf_8_is_left_out(tmp_path, folder):
    file = next((folder / "train" / "UF").iterdir())
    file.rename(file.with_name(os.fsdecode(b"Gr\xf6\xdfe 1.png")))
    result = _run("data", "describe", folder, cwd=tmp_path)
    assert result.returncode == 0
    assert "left out: 1 name in another encoding than UTF-8" in result.stdout


def test_interrupted_work_says_so_and_leaves_no_traceback(tmp_path):
    code = "import signal, os\nfrom ufgen import cli\n"
    code += (
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored in background jobs
    )
    code += "@cli.app.command()\ndef wait():\n    os.kill(os.getpid(), signal.SIGINT)\n"
    code += "cli.main()"
    result = subprocess.run([sys.executable, "-c", code, "wait"], capture_output=True, text=True)
    assert result.returncode == 130 and "Traceback" not in result.stderr


def test_commands_are_listed_in_the_order_of_their_use():
    from ufgen.cli.application import app

    names = [command.name or command.callback.__name__ for command in app.registered_commands]
    assert names == [
        "synth",
        "fidelity",
        "redraw",
        "train",
        "evaluate",
        "export",
        "predict",
        "experiment",
    ]
