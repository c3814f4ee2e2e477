import json

from experiments.analysis import image_checks


def write_check(folder, findings, accepted):
    content = {"findings": findings, "accepted": accepted}
    (folder / "check").mkdir(exist_ok=True)
    (folder / "check" / "check.json").write_text(json.dumps(content))


def test_an_accepted_error_of_the_image_check_fails_and_is_named(tmp_path):
    assert image_checks.check_audit(tmp_path) == []
    error = {"name": "leak", "severity": "error", "title": "9 images leak"}
    warning = {"name": "dark", "severity": "warning", "title": "2 images are dark"}
    for findings, accepted, passed, said in (
        ([], [], True, "no error and no warning"),
        ([warning], [], True, "2 images are dark"),
        ([warning], ["dark"], True, "no error and no warning"),
        ([error, warning], ["leak"], False, "accepted 1 error of the image check: 9 images leak"),
    ):
        write_check(tmp_path, findings, accepted)
        (check,) = image_checks.check_audit(tmp_path)
        assert check.passed == passed and said in check.text
