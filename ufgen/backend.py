"""What differs between TensorFlow and JAX: gradients, compilation, devices."""

from collections.abc import Callable
from contextlib import contextmanager
from typing import NamedTuple

import keras
from keras import ops


class Gradients(NamedTuple):
    """A loss, what else its function returned, and its slopes by variable and by input."""

    loss: object
    extra: object
    variables: list
    inputs: object


def on_tensorflow() -> bool:
    return keras.backend.backend() == "tensorflow"


def devices(batch: int) -> list[str]:
    """The devices that share a batch, in parts of the same size, multiples of four."""
    if on_tensorflow():
        import tensorflow as tf

        found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        found = [device.name for device in found]
    else:
        found = keras.distribution.list_devices()
    fitting = [n for n in range(2, len(found) + 1) if batch % (4 * n) == 0]
    return found[: max(fitting, default=1)]


def distribute(tensors, count: int, first_axis: str | None):
    """On JAX, place tensors on the devices, whole or split; on TensorFlow they stay."""
    shared_by = devices(count)
    if on_tensorflow() or len(shared_by) == 1:
        return tensors
    mesh = keras.distribution.DeviceMesh((len(shared_by),), ["batch"], shared_by)

    def place(tensor):
        axes = [first_axis if i == 0 and size else None for i, size in enumerate(tensor.shape)]
        layout = keras.distribution.TensorLayout(axes, mesh)
        return keras.distribution.distribute_tensor(tensor, layout)

    return keras.tree.map_structure(place, tensors)


def gradients(function: Callable, variables: list, inputs) -> Gradients:
    """`function(inputs)` returns (loss, extra); the loss is differentiated by both arguments.

    The function may read any variable, but must change none.
    """
    if on_tensorflow():
        import tensorflow as tf

        values = [v.value for v in variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([values, inputs])
            loss, extra = function(inputs)
        by_variable, by_input = tape.gradient(
            loss, (values, inputs), unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return Gradients(loss, extra, [tf.convert_to_tensor(g) for g in by_variable], by_input)
    import jax

    def stateless(values, inputs):
        with _scope(variables, values):
            return function(inputs)

    found = jax.value_and_grad(stateless, argnums=(0, 1), has_aux=True)
    (loss, extra), (by_variable, by_input) = found([v.value for v in variables], inputs)
    return Gradients(loss, extra, by_variable, by_input)


def vjp(function: Callable, variables: list, state: list) -> tuple:
    """`function()` and a function from d loss / d output to the slopes by variable.

    `state` lists the variables that `function` changes (moving averages).
    """
    if on_tensorflow():
        import tensorflow as tf

        values = [v.value for v in variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            output = function()

        def pull_back(slope):
            slopes = tape.gradient(
                output,
                values,
                output_gradients=slope,
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )
            return [tf.convert_to_tensor(slope) for slope in slopes]

        return output, pull_back
    import jax

    def stateless(values):
        with _scope([*variables, *state], [*values, *[v.value for v in state]]) as scope:
            output = function()
        return output, [scope.get_current_value(v) for v in state]

    output, pull, changed = jax.vjp(stateless, [v.value for v in variables], has_aux=True)
    for variable, value in zip(state, changed, strict=True):
        if value is not None:
            variable.assign(value)
    return output, lambda slope: pull(slope)[0]


def gradient_of(function: Callable, images):
    """D sum(function(images)) / d images: the shape of `images`."""
    if on_tensorflow():
        import tensorflow as tf

        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            value = ops.sum(function(images))
        return tape.gradient(value, images)
    import jax

    return jax.grad(lambda x: ops.sum(function(x)))(images)


def compiled(step: Callable, variables: list, names: list[str], count: int, batch: int) -> Callable:
    """Compile `count` calls of `step(constants)` in one program: a function of the constants.

    `step` changes `variables` and returns a dict of float32 numbers called `names`; the program
    returns their means over its steps. The constants are tensors that stay on the devices that
    share a `batch`. XLA compiles the program, but for TensorFlow on a CPU, where its own kernels
    are faster, and on several GPUs, which one XLA program cannot use there.
    """
    if on_tensorflow():
        import tensorflow as tf

        on_one_gpu = tf.config.list_logical_devices("GPU") and len(devices(batch)) == 1

        @tf.function(autograph=False, jit_compile=bool(on_one_gpu))
        def program(constants):
            if count == 1:
                return step(constants)

            def body(index, sums):
                numbers = step(constants)
                return index + 1, [s + numbers[name] for s, name in zip(sums, names, strict=True)]

            start = [0, [tf.zeros(()) for _ in names]]
            _, sums = tf.while_loop(lambda index, _: index < count, body, start)
            return {name: s / count for name, s in zip(names, sums, strict=True)}

        return program
    import jax

    def program(values, constants):
        def one(_, carried):
            values, sums = carried
            with _scope(variables, values) as scope:
                numbers = step(constants)
            values = [scope.get_current_value(v) for v in variables]
            return values, {name: sums[name] + numbers[name] for name in names}

        start = values, {name: jax.numpy.zeros(()) for name in names}
        values, sums = jax.lax.fori_loop(0, count, one, start)
        return values, {name: s / count for name, s in sums.items()}

    jitted = jax.jit(program, donate_argnums=0)

    def run(constants):
        values = distribute([v.value for v in variables], batch, None)
        values, numbers = jitted(values, constants)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return numbers

    return run


def function(call: Callable, variables: list) -> Callable:
    """Compile `call(*tensors)` as a function of (values, *tensors), tensors or arrays.

    Each call starts with `values` in `variables` (random states); what it leaves there means
    nothing to the next. It is compiled once for each shape, with XLA on JAX alone.
    """
    if on_tensorflow():
        import tensorflow as tf

        @tf.function(autograph=False)
        def program(values, *tensors):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
            return call(*tensors)

        return program
    import jax

    @jax.jit
    def program(values, *tensors):
        with _scope(variables, values):
            return call(*tensors)

    return program


_open_scopes: list[keras.StatelessScope] = []


@contextmanager
def _scope(variables: list, values: list):
    """A scope in which `variables` have `values`; what an outer one holds stays visible."""
    pairs = list(zip(variables, values, strict=True))
    with keras.StatelessScope(state_mapping=pairs) as scope:
        if _open_scopes:
            scope.state_mapping = {**_open_scopes[-1].state_mapping, **scope.state_mapping}
        _open_scopes.append(scope)
        try:
            yield scope
        finally:
            _open_scopes.pop()
