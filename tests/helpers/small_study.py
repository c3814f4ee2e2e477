"""A study that runs in seconds."""

import yaml

ARMS = ["real", "real+duplicated@1.0", "real+classical", "real+synthetic@0.5", "synthetic"]
TABLES = ("images.csv", "metrics.csv", "predictions.csv", "deltas.csv", "paired_tests.csv")
TABLES += ("verdict.json",)


def write(path, image_folder, **changes):
    """Write the study of the given image folder to `path`, which is returned."""
    content = {
        "name": "small",
        "images": {"path": str(image_folder), "resolution": 32},
        "generator": {
            "seeds": [0, 1],
            "options": {
                "kimg": 0.064,
                "width": 4,
                "batch": 16,
                "precision": "float32",
                "steps_per_call": 2,
            },
        },
        "arms": ARMS,
        "classifiers": ["keras:MobileNet?alpha=0.25"],
        "seeds": [0, 1],
        "training": {"steps": 4, "batch": 8, "evaluations": 2, "precision": "float32"},
        "bootstrap": 200,
    }
    path.write_text(yaml.safe_dump(content | changes))
    return path
