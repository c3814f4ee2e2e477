"""The README.md of a bundle: intended use, training data, performance, and how to use it."""

TEXT = """# {name}: {positive} or {negative}

**For research. Not a medical device: it must not be used for clinical decisions.**

Intended use: distinguishing {positive} from {rest} on images like those it was trained on. On
images of another device, hospital or population, evaluate it first. The box marks the most salient
region for {positive} (Grad-CAM); no boxes were used in training.

- Training images: {training}, validation images: {validation} ({by_class}, both together).
- Validation ROC AUC: {auc}. Optimistic: the same images selected the checkpoint and fitted
  threshold and temperature.
- Threshold {threshold:.4g} ({rule}), on probabilities calibrated with temperature
  {temperature:.3g}.
- Input: {size} x {size} pixels, {channels} channel(s), 0..255; other images are resized
  (fit: {fit}).
- Network: {runtime}, quantisation: {quantisation}.
- Exported vs. trained network on {images} images ({role}): largest difference of a
  probability {difference:.2g}; decisions that differ: {decisions}; ROC AUC {auc_exported} vs.
  {auc_trained}.{constant}
- Written on {date} by ufgen {ufgen} (Keras {keras}, TensorFlow {tensorflow}).

It runs with numpy, Pillow and {needs}: `pip install numpy pillow {needs}` and
`pip install --no-deps ufgen`.

```python
from classifiers.deploy import Predictor

predictor = Predictor("this folder")
prediction = predictor.predict("image.png")
print(prediction.text(), prediction.box)  # prediction.probability is that of {positive}
```
"""


CONSTANT = """
- **This network gives all images the same probability: nothing was learned.**"""


def model_card(metadata: dict) -> str:
    """Format the model card of a bundle.

    Args:
        metadata: The content of bundle.json.

    Returns:
        Markdown.
    """
    provenance, parity = metadata["provenance"], metadata["parity"]
    trained = provenance["trained"]
    counts = trained.get("images", {})
    needs = {"litert": "ai-edge-litert", "onnx": "onnxruntime", "keras": "tensorflow"}
    by_class = provenance["images_by_class"].items()
    rest = sorted(label for label, _ in by_class if label != metadata["labels"]["positive"])
    return TEXT.format(
        name=metadata["classifier"],
        **metadata["labels"],
        **{k: metadata[k] for k in ("threshold", "temperature", "runtime", "quantisation")},
        **{k: metadata["input"][k] for k in ("size", "channels", "fit")},
        **provenance["versions"],
        needs=needs[metadata["runtime"]],
        training=counts.get("training", "unknown"),
        validation=counts.get("validation", "unknown"),
        rest=" and ".join(rest),
        by_class=", ".join(f"{label}: {count}" for label, count in by_class),
        auc=_auc(trained.get("validation_roc_auc")),
        rule=trained.get("threshold_rule", "unknown"),
        images=parity["images"],
        role="validation" if parity["on"] == "validation" else "training",
        difference=parity["max_difference"],
        decisions=parity["decisions_that_differ"],
        constant=CONSTANT if metadata["constant"] else "",
        auc_exported=_auc(parity["roc_auc_exported"]),
        auc_trained=_auc(parity["roc_auc_trained"]),
        date=provenance["date"],
    )


def _auc(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"
