"""Conversion of a network to LiteRT (float32, dynamic or int8), ONNX, or Keras weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from classifiers.backbones import Network
from classifiers.explanation.grad_cam import with_heatmap
from ufgen import environment
from ufgen.errors import UserError

OPSET = 18
ROUNDED_SIXTH = 0.16667
FLOAT_OPERATIONS = ("FULLY_CONNECTED", "BATCH_MATMUL")  # of head and heatmap, not of convolutions
QUANTISATIONS = {
    "none": "none",
    "dynamic": "int8 weights, activations quantised dynamically, float32 input and output",
    "int8": "int8 weights and activations up to the feature maps, float32 input, head and output",
}


def with_logit(network: Network) -> keras.Model:
    """A model that returns the logit and the heatmap for the positive class.

    Args:
        network: A classifier.

    Returns:
        From pixels (N, size, size, channels) in 0..255 to logits (N, 1) and heatmaps (N, h, w).
    """
    heatmaps = with_heatmap(network).outputs[1]
    return keras.Model(network.model.inputs, [network.logits.outputs[0], heatmaps])


def write(
    network: Network,
    runtime: str,
    file: Path,
    quantisation: str = "none",
    examples: np.ndarray | None = None,
) -> None:
    """Write a network for a runtime, with batch size 1.

    Args:
        network: A classifier.
        runtime: litert, onnx or keras.
        file: File to write.
        quantisation: For litert: "none", "dynamic" (weights per channel, activations with the range
            of each image), or "int8" (weights per channel, activations per tensor with ranges from
            `examples`; head and heatmap stay in float32).
        examples: A representative dataset for int8, uint8 (N, size, size, channels).

    Raises:
        UserError: If the runtime's converter is missing, or cannot convert the network.
    """
    if runtime == "keras":
        network.model.save_weights(file)
        return
    if keras.backend.backend() != "tensorflow":
        raise UserError(f"--format {runtime} needs KERAS_BACKEND=tensorflow")
    if runtime == "onnx":
        _write_onnx(network, file)
    else:
        file.write_bytes(_litert(network, quantisation, examples))


def _module(network: Network) -> Any:
    """A tf.Module whose function `run` maps one image to logit and heatmap.

    Their names, "logit" and "evidence", are part of the format of bundles.
    """
    import tensorflow as tf

    model = with_logit(network)

    @tf.function(
        input_signature=[tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, "images")],
        autograph=False,
    )
    def run(images: Any) -> dict[str, Any]:
        logit, heatmaps = model(images, training=False)
        return {"logit": logit, "evidence": heatmaps}

    module = tf.Module()
    module.run, module.weights = run, [v.value for v in model.variables]
    return module


def _litert(network: Network, quantisation: str, examples: np.ndarray | None) -> bytes:
    import tensorflow as tf

    with _separate_swish(network, apply=quantisation == "int8"):
        module = _module(network)
        function = module.run.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
    if quantisation != "none":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    try:
        with environment.silence():
            if quantisation == "int8" and examples is not None:
                return _int8(converter, examples.astype("float32")[:, None])
            return converter.convert()
    except Exception as error:
        raise UserError(f"LiteRT cannot represent this network: {str(error)[:300]}") from None


def _int8(converter: Any, examples: np.ndarray) -> bytes:
    """Quantise all but `FLOAT_OPERATIONS`; only the QuantizationDebugger can exclude operations.

    A few extreme logits among the examples would leave two or three int8 levels for all others,
    and the heatmap would be rounded to 0.
    """
    from tensorflow import lite

    def dataset() -> Iterator[list[np.ndarray]]:
        return ([image] for image in examples)

    converter.representative_dataset = dataset
    both = [lite.OpsSet.TFLITE_BUILTINS_INT8, lite.OpsSet.TFLITE_BUILTINS]
    converter.target_spec.supported_ops = both
    options = lite.experimental.QuantizationDebugOptions(denylisted_ops=list(FLOAT_OPERATIONS))
    debugger = lite.experimental.QuantizationDebugger(
        converter=converter, debug_dataset=dataset, debug_options=options
    )
    return debugger.get_nondebug_quantized_model()


@contextmanager
def _separate_swish(network: Network, apply: bool) -> Iterator[None]:
    """Decompose hard swish into products and sums, as XNNPACK has no int8 hard swish.

    Left whole, it takes more than half the time of an int8 MobileNetV3. With 1/6 in place of
    `ROUNDED_SIXTH`, the converter would fuse it again.
    """
    activated = [
        layer
        for backbone in network.backbones
        for layer in backbone.layers
        if getattr(layer, "activation", None) is keras.activations.hard_swish and apply
    ]
    for layer in activated:
        layer.activation = lambda x: x * ops.relu6(x + 3.0) * ROUNDED_SIXTH
    try:
        yield
    finally:
        for layer in activated:
            layer.activation = keras.activations.hard_swish


def _write_onnx(network: Network, file: Path) -> None:
    try:
        import tf2onnx
    except ModuleNotFoundError as error:
        raise UserError(
            f"--format onnx needs {error.name}, which is not installed: pip install 'ufgen[deploy]'"
        ) from None
    run = _module(network).run
    tf2onnx.convert.from_function(run, run.input_signature, opset=OPSET, output_path=str(file))
