"""What differs between TensorFlow and JAX: gradients, compilation, devices."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import keras
from keras import ops

Tensor = Any  # of the backend: tf.Tensor, jax.Array or a tracer of it


class Gradients(NamedTuple):
    """A scalar loss, what else its function returned, and its gradients: see `gradients`."""

    loss: Tensor
    extra: Any
    variable_gradients: list[Tensor]
    input_gradient: Tensor


def on_tensorflow() -> bool:
    """Whether Keras computes with TensorFlow.

    Returns:
        True for TensorFlow, False for JAX.
    """
    return keras.backend.backend() == "tensorflow"


def devices(batch_size: int) -> list[str]:
    """The devices that share a batch in equal parts, each a multiple of four rows.

    Args:
        batch_size: Rows of the batch.

    Returns:
        Names of as many GPUs, or else CPUs, as can share the batch; at least one.
    """
    if on_tensorflow():
        import tensorflow as tf

        logical = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        available = [device.name for device in logical]
    else:
        available = keras.distribution.list_devices()
    fitting = [n for n in range(2, len(available) + 1) if batch_size % (4 * n) == 0]
    return available[: max(fitting, default=1)]


def compute_capabilities() -> list[tuple[int, ...]]:
    """The CUDA compute capability of each GPU, such as (8, 0); of GPUs without CUDA (0, 0).

    Returns:
        One tuple for each GPU that the backend uses.
    """
    if on_tensorflow():
        import tensorflow as tf

        details = tf.config.experimental.get_device_details
        gpus = tf.config.list_physical_devices("GPU")
        return [details(gpu).get("compute_capability", (0, 0)) for gpu in gpus]
    import jax

    gpus = [device for device in jax.devices() if device.platform in ("gpu", "cuda")]
    versions = [str(getattr(gpu, "compute_capability", "0.0")) for gpu in gpus]
    return [tuple(int(number) for number in version.split(".")) for version in versions]


def distribute(tensors: Any, batch_size: int, first_axis: str | None) -> Any:
    """Place tensors on the devices that share a batch; on TensorFlow they stay where they are.

    Args:
        tensors: Nested structure of tensors.
        batch_size: Rows of the batch.
        first_axis: "batch" to split the first axis over the devices, None to replicate all.

    Returns:
        The same structure.
    """
    shared_by = devices(batch_size)
    if on_tensorflow() or len(shared_by) == 1:
        return tensors
    mesh = keras.distribution.DeviceMesh((len(shared_by),), ["batch"], shared_by)

    def place(tensor: Tensor) -> Tensor:
        axes = [first_axis if i == 0 and size else None for i, size in enumerate(tensor.shape)]
        layout = keras.distribution.TensorLayout(axes, mesh)
        return keras.distribution.distribute_tensor(tensor, layout)

    return keras.tree.map_structure(place, tensors)


def gradients(
    function: Callable[[Tensor], tuple], variables: list[keras.Variable], inputs: Tensor
) -> Gradients:
    """Differentiate a loss with respect to variables and to its inputs.

    Args:
        function: From `inputs` to (loss, extra). It may read any variable, but must change none.
        variables: The variables to differentiate with respect to.
        inputs: Tensor of any shape.

    Returns:
        The loss, `extra`, d loss / d variable in the order of `variables`, and d loss / d inputs;
        zeros where the loss does not depend on them.
    """
    if on_tensorflow():
        import tensorflow as tf

        values = [v.value for v in variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([values, inputs])
            loss, extra = function(inputs)
        zero = tf.UnconnectedGradients.ZERO
        by_variable, by_input = tape.gradient(loss, (values, inputs), None, zero)
        return Gradients(loss, extra, [tf.convert_to_tensor(g) for g in by_variable], by_input)
    import jax

    def stateless(values: list[Tensor], inputs: Tensor) -> tuple[Tensor, Any]:
        with _scope(variables, values):
            return function(inputs)

    differentiate = jax.value_and_grad(stateless, argnums=(0, 1), has_aux=True)
    (loss, extra), (by_variable, by_input) = differentiate([v.value for v in variables], inputs)
    return Gradients(loss, extra, by_variable, by_input)


def vjp(
    function: Callable[[], Tensor], variables: list[keras.Variable], state: list[keras.Variable]
) -> tuple[Tensor, Callable[[Tensor], list[Tensor]]]:
    """The output of a function, and its vector-Jacobian product.

    Args:
        function: Takes nothing, returns a tensor computed from `variables`.
        variables: The variables to differentiate with respect to.
        state: The variables that `function` changes, such as moving statistics.

    Returns:
        The output, and a function from d loss / d output to d loss / d variable, for one call.
    """
    if on_tensorflow():
        import tensorflow as tf

        values = [v.value for v in variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            output = function()

        def backward(output_gradient: Tensor) -> list[Tensor]:
            zero = tf.UnconnectedGradients.ZERO
            by_variable = tape.gradient(output, values, output_gradient, zero)
            return [tf.convert_to_tensor(gradient) for gradient in by_variable]

        return output, backward
    import jax

    def stateless(values: list[Tensor]) -> tuple[Tensor, list[Tensor | None]]:
        with _scope([*variables, *state], [*values, *[v.value for v in state]]) as scope:
            output = function()
        return output, [scope.get_current_value(v) for v in state]

    output, pullback, new_state = jax.vjp(stateless, [v.value for v in variables], has_aux=True)
    for variable, value in zip(state, new_state, strict=True):
        if value is not None:
            variable.assign(value)
    return output, lambda output_gradient: pullback(output_gradient)[0]


def gradient_of(function: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Differentiate the sum of a function's values with respect to its input.

    Args:
        function: From `images` to a tensor of any shape.
        images: Tensor of any shape.

    Returns:
        d sum(function(images)) / d images, in the shape of `images`.
    """
    return gradients(lambda x: (ops.sum(function(x)), ()), [], images).input_gradient


def compiled(
    step: Callable, variables: list[keras.Variable], names: list[str], steps: int, batch_size: int
) -> Callable[[Any], dict[str, Tensor]]:
    """Compile several training steps into one program.

    XLA compiles the program, but for TensorFlow on a CPU, where its own kernels are faster, and on
    several GPUs, which one XLA program cannot use there.

    Args:
        step: Takes constants, changes `variables`, returns float32 scalars by name.
        variables: All variables that `step` reads or changes.
        names: The names of the scalars.
        steps: Steps of one program.
        batch_size: Rows of a batch, which the devices share.

    Returns:
        The program: from constants (tensors that stay on the devices) to the scalars' means.
    """
    if on_tensorflow():
        return _tensorflow_program(step, names, steps, batch_size)
    return _jax_program(step, variables, names, steps, batch_size)


def _tensorflow_program(step: Callable, names: list[str], steps: int, batch_size: int) -> Callable:
    import tensorflow as tf

    on_one_gpu = tf.config.list_logical_devices("GPU") and len(devices(batch_size)) == 1

    @tf.function(autograph=False, jit_compile=bool(on_one_gpu))
    def program(constants: Any) -> dict[str, Tensor]:
        if steps == 1:
            return step(constants)

        def body(index: Tensor, sums: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
            metrics = step(constants)
            return index + 1, [s + metrics[name] for s, name in zip(sums, names, strict=True)]

        start = [0, [tf.zeros(()) for _ in names]]
        _, sums = tf.while_loop(lambda index, _: index < steps, body, start)
        return {name: s / steps for name, s in zip(names, sums, strict=True)}

    return program


def _jax_program(
    step: Callable, variables: list[keras.Variable], names: list[str], steps: int, batch_size: int
) -> Callable:
    import jax

    def program(values: list[Tensor], constants: Any) -> tuple[list[Tensor], dict[str, Tensor]]:
        def body(_: Tensor, carried: tuple) -> tuple:
            values, sums = carried
            with _scope(variables, values) as scope:
                metrics = step(constants)
            values = [scope.get_current_value(v) for v in variables]
            return values, {name: sums[name] + metrics[name] for name in names}

        start = values, {name: jax.numpy.zeros(()) for name in names}
        values, sums = jax.lax.fori_loop(0, steps, body, start)
        return values, {name: s / steps for name, s in sums.items()}

    jitted = jax.jit(program, donate_argnums=0)

    def run(constants: Any) -> dict[str, Tensor]:
        values = distribute([v.value for v in variables], batch_size, None)
        values, metrics = jitted(values, constants)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return metrics

    return run


def compile_with_state(call: Callable, variables: list[keras.Variable]) -> Callable:
    """Compile a function, once per input shape, whose variables are set before each call.

    Args:
        call: Takes tensors, returns tensors; changes of `variables` are discarded on JAX.
        variables: The variables that are set to the given values before each call.

    Returns:
        A function of (values, *tensors), tensors or arrays, with one value for each variable.
    """
    if on_tensorflow():
        import tensorflow as tf

        @tf.function(autograph=False)
        def stateful(values: list, *tensors: Tensor) -> Any:
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
            return call(*tensors)

        return stateful
    import jax

    @jax.jit
    def stateless(values: list, *tensors: Tensor) -> Any:
        with _scope(variables, values):
            return call(*tensors)

    return stateless


_open_scopes: list[keras.StatelessScope] = []


@contextmanager
def _scope(variables: list[keras.Variable], values: list[Tensor]) -> Iterator[keras.StatelessScope]:
    """A scope in which `variables` have `values`; assignments of an outer scope stay visible."""
    pairs = list(zip(variables, values, strict=True))
    with keras.StatelessScope(state_mapping=pairs) as scope:
        if _open_scopes:
            scope.state_mapping = {**_open_scopes[-1].state_mapping, **scope.state_mapping}
        _open_scopes.append(scope)
        try:
            yield scope
        finally:
            _open_scopes.pop()
