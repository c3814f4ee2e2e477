"""Labels that may be wrong: what a simple model, trained on other images, disagrees with."""

import numpy as np
import pandas as pd

from ufgen.audit.findings import Exhibit, Finding
from ufgen.audit.measurements import Measurements
from ufgen.images.grouping import group_same_pictures

FOLDS = 5
INFORMATIVE = 0.7
DOUBT = 0.15
COMPONENTS = 30
PENALTY = 24.0  # C times the number of images: as strong by image in any set
SHOWN = 6
RELIABLE = 0.88  # from this area under the ROC curve on, probabilities can be trusted
EXCESS = 1.4  # candidates by those expected


def findings(measurements: Measurements) -> list[Finding]:
    """Find images whose label a model that never saw their group confidently disagrees with.

    A logistic regression on texture and coarse brightness is trained on four fifths of the groups
    and predicts the rest; confident learning (Northcutt et al., 2021, in cleanlab) selects labels
    that disagree, and the model is trained again without them. By the model's own probabilities
    some disagree though all labels are right: it is a warning only where more do, and the model
    tells the classes apart so well that its probabilities mean something.

    Args:
        measurements: Measured images, with the array features.

    Returns:
        A finding named label-noise-candidates, or none: where too few groups, or a model that
        tells the classes apart with an area under the ROC curve below 0.7, allow no statement.
    """
    probabilities = out_of_fold_probabilities(measurements)
    if probabilities is None:
        return []
    from cleanlab.filter import find_label_issues

    images = measurements.images.table
    classes, labels = np.unique(images["label"], return_inverse=True)
    auc = _auc(labels, probabilities)
    if auc < INFORMATIVE:
        return []
    issues = find_label_issues(labels, probabilities, filter_by="both", n_jobs=1)
    again = out_of_fold_probabilities(measurements, ~issues)
    probabilities = probabilities if again is None else again
    given = probabilities[np.arange(len(labels)), labels]
    chosen = np.flatnonzero(issues & (given < DOUBT))
    if not len(chosen):
        return []
    doubtful = np.where(probabilities < DOUBT, probabilities, 0)
    expected = float(doubtful.sum())
    excess = len(chosen) >= max(EXCESS * expected, expected + 2 * np.sqrt(expected) + 2)
    chosen = chosen[np.argsort(given[chosen], kind="stable")]
    table = images.iloc[chosen][["path", "label", "split", "group"]].assign(
        predicted=classes[probabilities[chosen].argmax(axis=1)], probability=given[chosen]
    )
    count = f"{len(chosen)} label{' is' if len(chosen) == 1 else 's are'}"
    return [
        Finding(
            "label-noise-candidates",
            "warning" if excess and auc >= RELIABLE else "note",
            f"{count} contradicted by a model that was trained on other images",
            len(chosen),
            f"A simple model of texture and brightness, whose area under the ROC curve is "
            f"{auc:.2f} on groups it was not trained on, gives these labels a probability below "
            f"{DOUBT:.0%}. If all labels were right, about {expected:.0f} such would be expected: "
            "they are candidates to look at, not errors.",
            "Have an expert look at these images without the label; drop or relabel wrong ones",
            table.reset_index(drop=True),
            _exhibits(table, images, given),
        )
    ]


def out_of_fold_probabilities(
    measurements: Measurements, trusted: np.ndarray | None = None
) -> np.ndarray | None:
    """Predict each image by a model that was trained on the other groups.

    Groups that share an image are one group here.

    Args:
        measurements: Measured images, with the array features.
        trusted: The images to train on, boolean, (N,); all by default. All are predicted.

    Returns:
        Probabilities of the classes in alphabetical order, (N, classes); None where a class has
        fewer groups than there are folds, or there is one class.
    """
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    images = group_same_pictures(measurements.images).table
    labels = images["label"].to_numpy(str)
    groups = images["group"].to_numpy(str)
    classes = np.unique(labels)
    if len(classes) < 2 or images.groupby("label")["group"].nunique().min() < FOLDS:
        return None
    coarse = np.asarray(measurements.thumbnails).reshape(-1, 16, 4, 16, 4).mean(axis=(2, 4))
    coarse = coarse.reshape(len(images), -1)
    components = PCA(min(COMPONENTS, len(images) - 1), random_state=0).fit_transform(coarse)
    inputs = np.hstack([np.asarray(measurements.arrays["features"], float), components])
    probabilities = np.zeros((len(images), len(classes)))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    for fitted, held in folds.split(inputs, labels, groups):
        fitted = fitted if trusted is None else fitted[trusted[fitted]]
        if len(np.unique(labels[fitted])) < len(classes):
            return None
        model = make_pipeline(
            StandardScaler(), LogisticRegression(C=PENALTY / len(fitted), max_iter=1000)
        ).fit(inputs[fitted], labels[fitted])
        probabilities[held] = model.predict_proba(inputs[held])
    return probabilities


def _auc(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The mean area under the ROC curve of each class against the others."""
    from sklearn.metrics import roc_auc_score

    columns = range(probabilities.shape[1])
    return float(np.mean([roc_auc_score(labels == k, probabilities[:, k]) for k in columns]))


def _exhibits(table: pd.DataFrame, images: pd.DataFrame, given: np.ndarray) -> list[Exhibit]:
    """Each candidate beside the most typical images of its label and of the predicted one."""
    typical = images.assign(given=given).sort_values("given", ascending=False, kind="stable")
    typical = typical.drop_duplicates("label").set_index("label")["path"]
    return [
        Exhibit(
            [row["path"], typical[row["label"]], typical[row["predicted"]]],
            f"labelled {row['label']} (probability {row['probability']:.2f}), predicted "
            f"{row['predicted']}; beside it a typical {row['label']} and a typical "
            f"{row['predicted']}",
        )
        for row in table.head(SHOWN).to_dict("records")
    ]
