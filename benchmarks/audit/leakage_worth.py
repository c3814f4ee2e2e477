"""What patients on both sides of the split are worth: AUC of a leaking and of a grouped split.

    python benchmarks/audit/leakage_worth.py [--sets 12] [--images 600] [--extractor NAME]

Simulated image sets (the phantom, one to four views a patient), each cross-validated twice in five
folds: the folds divided by image, as most published splits are, and by patient. The features are
those of a frozen network; on them a logistic regression (the head of `ufgen experiment quick`) and
five nearest neighbours, which remember each training image. Printed is the mean difference of the
ROC AUC over the sets with its 95 % interval (Student's t, one value a set).
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

LEARNERS = {
    "head on frozen features": lambda: LogisticRegressionCV(
        Cs=np.logspace(-5, 0, 6), scoring="roc_auc", max_iter=2000
    ),
    "five nearest neighbours": lambda: KNeighborsClassifier(5, weights="distance"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=12)
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--extractor", default="efficientnet_lite0")
    options = parser.parse_args()
    from ufgen import environment

    environment.prepare()
    environment.import_keras()
    found = {name: [] for name in LEARNERS}
    for seed in range(options.sets):
        features, targets, patients = simulated(seed, options.images, options.extractor)
        for name, learner in LEARNERS.items():
            by_image = StratifiedKFold(5, shuffle=True, random_state=seed)
            leaking = auc(learner, features, targets, by_image, None)
            splitter = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
            found[name].append((leaking, auc(learner, features, targets, splitter, patients)))
    for name, pairs in found.items():
        leaking, grouped = np.array(pairs).T
        difference = leaking - grouped
        error = difference.std(ddof=1) / np.sqrt(len(difference))
        low, high = stats.t.interval(0.95, len(difference) - 1, difference.mean(), error)
        print(
            f"{name}: split by image {leaking.mean():.3f}, by patient {grouped.mean():.3f}, "
            f"inflation {difference.mean():+.3f} ({low:+.3f} to {high:+.3f}), "
            f"{len(difference)} sets of {options.images} images"
        )


def simulated(seed: int, images: int, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, targets (1 for fibroids) and patients of one simulated set."""
    from classifiers.feature_extractor import by_name
    from ufgen import phantom
    from ufgen.fidelity.feature_extractors import extract
    from ufgen.images import image_set, pixel_store

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "set"
        phantom.write_set(place, images - 4, 4, 64, 1000 + seed, show_progress=False)
        decoded = pixel_store.load(image_set.scan(place), 64)
        pixels = decoded.store.take(decoded.images)
    features = extract(by_name(name), pixels)
    return features, decoded.images.targets(), decoded.images.table["group"].to_numpy()


def auc(learner, features, targets, splitter, groups) -> float:
    """The mean of the folds' ROC AUC."""
    found = []
    for train, test in splitter.split(features, targets, groups):
        model = make_pipeline(StandardScaler(), learner()).fit(features[train], targets[train])
        found.append(roc_auc_score(targets[test], model.predict_proba(features[test])[:, 1]))
    return float(np.mean(found))


if __name__ == "__main__":
    main()
