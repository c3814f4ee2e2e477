"""Does a study find what is known? The phantom with arms whose truth is planted.

    python benchmarks/studies/planted.py --weights FILE [--out runs]

More real images must help (`oracle`), copies must not (`duplicated`: equivalent or inconclusive),
synthetic images with permuted labels must hurt (`shuffled`). A head learns on the frozen features
of so few real images that more of them help, and so many that there is something to spoil.
"""

import argparse
from pathlib import Path

import pandas as pd

from ufgen import environment

environment.import_keras()

from experiments import runner  # noqa: E402
from experiments.design.study import Study  # noqa: E402
from ufgen import phantom  # noqa: E402

FRACTION = 0.3
EXPECTED = {
    "real+oracle@2.0": {"helps"},
    "real+duplicated@1.0": {"equivalent", "inconclusive"},
    "real+shuffled@9.0": {"hurts"},
}

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--network", default="keras:MobileNetV2?alpha=0.35")
parser.add_argument("--weights", default="imagenet")
parser.add_argument("--size", type=int, default=128)
parser.add_argument("--train", type=int, default=1200)
parser.add_argument("--test", type=int, default=1200)
parser.add_argument("--kimg", type=float, default=12)
parser.add_argument("--out", type=Path, default=Path("runs"))
options = parser.parse_args()

place = options.out / f"phantom_{options.size}_{options.train}_{options.test}"
if not (place / "manifest.csv").is_file():
    phantom.write_set(place, options.train, options.test, options.size)
study = Study(
    name="planted",
    question="Are planted truths found?",
    images={"path": str(place), "positive": "UF", "resolution": options.size, "fraction": FRACTION},
    generator={"recipe": "fast", "seeds": [0, 1, 2], "options": {"kimg": options.kimg}},
    arms=["real", *EXPECTED, "real+synthetic@1.0"],
    classifiers=[{"name": options.network, "weights": options.weights}],
    seeds=[0, 1, 2, 3, 4],
    training={"steps": 300, "batch": 32, "trained": "head", "learning_rate": 1e-3},
)
report = runner.run(study, options.out, "python benchmarks/studies/planted.py")
deltas = pd.read_csv(report.parent / "deltas.csv")
rows = deltas[(deltas["classifier"] == "all") & (deltas["metric"] == "roc_auc")]
for row in rows.to_dict("records"):
    expected = EXPECTED.get(row["arm"])
    found = "" if expected is None else ("as planted" if row["verdict"] in expected else "MISSED")
    print(
        f"{row['arm']:24} {row['delta']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f}) "
        f"{row['verdict']:13} {found}"
    )
print(*pd.read_csv(report.parent / "equivalent_real_images.csv")["text"], sep="\n")
print(f"Report: {report}")
