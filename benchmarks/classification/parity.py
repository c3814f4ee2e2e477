"""Does a trained export answer as the trained network, on every test image?

    python benchmarks/classification/parity.py FOLDER --positive malignant [--size 96] [--steps 60]

Each network is trained briefly on FOLDER's training images from random weights and exported; then
all test images go, file by file, through the trained network and through each bundle. Printed are
the largest difference of a probability, how many calls differ, and both ROC AUCs.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from ufgen import environment

environment.prepare()
environment.import_keras()

from classifiers import model_folder  # noqa: E402
from classifiers.deploy import Predictor  # noqa: E402
from classifiers.deploy.export import export  # noqa: E402
from classifiers.evaluation import metrics  # noqa: E402
from classifiers.training.settings import Training  # noqa: E402
from ufgen.images import image_set  # noqa: E402

NETWORKS = ("mobilenet_v3", "custom_resnet50", "hybrid")
BUNDLES = (("litert", "none"), ("litert", "dynamic"), ("litert", "int8"), ("onnx", "none"))

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", type=Path)
parser.add_argument("--positive", required=True)
parser.add_argument("--size", type=int, default=96)
parser.add_argument("--steps", type=int, default=60)
options = parser.parse_args()
images = image_set.scan(options.folder, options.positive)
test = images.split("test")
files, targets = [Path(path) for path in test.table["path"]], test.targets()
with tempfile.TemporaryDirectory() as place:
    for name in NETWORKS:
        model = Path(place) / name
        training = Training(steps=options.steps, batch=16, evaluations=3)
        model_folder.train(images.split("train"), name, model, training, size=options.size)
        trained = model_folder.load(model).predict_files(files)[0]
        expected = trained.set_index("path")["probability"]
        expected = expected.loc[[str(file.absolute()) for file in files]].to_numpy()
        auc = metrics.roc_auc(targets, expected)
        for runtime, quantisation in BUNDLES:
            bundle = model.with_name(f"{name}-{runtime}-{quantisation}")
            export(model, bundle, runtime, quantisation)
            predictor = Predictor(bundle)
            answers = [predictor.predict(file) for file in files]
            found = np.array([answer.probability for answer in answers])
            calls = sum(
                answer.label != called
                for answer, called in zip(answers, trained["predicted"], strict=True)
            )
            print(
                f"{name}, {runtime}, quantisation {quantisation}: {len(files)} test images, "
                f"largest difference {np.abs(found - expected).max():.1e}, {calls} calls differ, "
                f"ROC AUC {metrics.roc_auc(targets, found):.4f}, trained network {auc:.4f}",
                flush=True,
            )
