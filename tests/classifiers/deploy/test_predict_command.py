"""`ufgen predict`: rows, overlays, mistakes, and Ctrl-C."""

import json
import subprocess
import sys

from classifiers.deploy import inference, video
from ufgen.cli.application import app
from ufgen.images.decoding import find_files

QUANTISED = ("dynamic", "int8")
RUN = "from ufgen.cli import main; main()"


def _ufgen(*arguments):
    result = subprocess.run(
        [sys.executable, "-c", RUN, *map(str, arguments)], capture_output=True, text=True
    )
    assert "Traceback" not in result.stderr
    return result


def test_predict_on_the_command_line(bundles, clip, phantoms, tmp_path):
    file = clip("a.avi")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    pattern = f"{phantoms}/test/UF/*.png"
    rest = ["--out", tmp_path / "a.csv", "--overlay", tmp_path / "drawn"]
    result = _ufgen("predict", bundles["int8"], file, pattern, broken, *rest)
    assert result.returncode == 0, result.stderr
    assert f"skipped: {broken}" in result.stderr
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[0] == "path,frame,seconds,probability_UF,threshold,predicted"
    images = len(find_files([pattern]))
    assert len(lines) == 1 + 20 + images
    assert len(list((tmp_path / "drawn").glob("*.png"))) == images
    assert len(list(video.Video(tmp_path / "drawn" / "a.mp4"))) == 20
    result = _ufgen("predict", bundles["float"], pattern, "--out", tmp_path / "a.json")
    rows = json.loads((tmp_path / "a.json").read_text())
    assert len(rows) == images
    for row in rows:
        assert (row["probability_UF"] >= row["threshold"]) == (row["predicted"] == "UF")


def test_mistakes_on_the_command_line(model, bundles, clip, tmp_path):
    empty = tmp_path / "empty.mp4"
    empty.write_bytes(b"")
    for arguments, message in (
        (("predict", bundles["float"]), "name images"),
        (("predict", bundles["float"], "--camera", 63), "no camera 63"),
        (("predict", bundles["float"], empty), "none of the 1 files"),
        (("predict", bundles["float"], tmp_path / "*.gif"), "nothing at"),
        (("predict", bundles["float"], tmp_path, "--camera", 0), "or else --camera"),
    ):
        result = _ufgen(*arguments)
        assert result.returncode == 1 and message in result.stderr, result.stderr
        assert result.stderr.count("ufgen:") == 1


def test_a_model_folder_still_predicts_and_asks_for_a_bundle_for_videos(model, clip, phantoms):
    from typer.testing import CliRunner

    import ufgen.cli  # noqa: F401, adds the commands

    result = CliRunner().invoke(app, ["predict", str(model), str(phantoms / "test" / "UF")])
    assert result.exit_code == 0 and result.stdout.startswith(
        "path,probability_UF,threshold,predicted"
    )
    result = CliRunner().invoke(app, ["predict", str(model), str(clip("a.avi", 2))])
    assert "ufgen export" in str(result.exception)


def test_interrupted_predictions_keep_what_is_finished(bundles, clip, monkeypatch, tmp_path):
    from typer.testing import CliRunner

    rows = inference.of_files

    def interrupted(*arguments):
        for number, row in enumerate(rows(*arguments)):
            if number == 7:
                raise KeyboardInterrupt
            yield row

    monkeypatch.setattr(inference, "of_files", interrupted)
    arguments = ["predict", str(bundles["float"]), str(clip("a.avi")), "--out"]
    result = CliRunner().invoke(app, [*arguments, str(tmp_path / "a.csv")])
    assert result.exit_code == 130
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 1 + 7
