"""The only file that knows TensorFlow from JAX: gradients and compilation."""

from collections.abc import Callable

import keras


def gradients(loss: Callable, variables: list, state: list) -> tuple:
    """The value of `loss()` and its gradients with respect to `variables`.

    `state` lists every variable that `loss` reads or changes (moving averages and the like).
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([v.value for v in variables])
            value = loss()
        return value, tape.gradient(value, [v.value for v in variables])
    import jax

    others = [v for v in state if all(v is not w for w in variables)]

    def stateless(values):
        pairs = [*zip(variables, values, strict=True), *[(v, v.value) for v in others]]
        with keras.StatelessScope(state_mapping=pairs) as scope:
            value = loss()
        return value, [scope.get_current_value(v) for v in others]

    inner = [v.value for v in variables]
    (value, changed), found = jax.value_and_grad(stateless, has_aux=True)(inner)
    for variable, new in zip(others, changed, strict=True):
        if new is not None:
            variable.assign(new)
    return value, found


def gradient_of(function: Callable, images):
    """d sum(function(images)) / d images: the shape of `images`."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(images)
            value = keras.ops.sum(function(images))
        return tape.gradient(value, images)
    import jax

    return jax.grad(lambda x: keras.ops.sum(function(x)))(images)


def compiled(step: Callable, variables: list) -> Callable:
    """Compile `step(batch)`, which changes `variables` and returns a dict of numbers.

    XLA, but for TensorFlow on a CPU: its own kernels are faster there.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        gpu = bool(keras.distribution.list_devices("gpu"))
        return tf.function(step, jit_compile=gpu)
    import jax

    def stateless(values, batch):
        pairs = list(zip(variables, values, strict=True))
        with keras.StatelessScope(state_mapping=pairs) as scope:
            numbers = step(batch)
        return [scope.get_current_value(v) for v in variables], numbers

    jitted = jax.jit(stateless, donate_argnums=0)

    def run(batch):
        values, numbers = jitted([v.value for v in variables], batch)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return numbers

    return run
