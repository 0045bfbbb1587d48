"""The network of the SymAE authors' Example 1 in Keras on TensorFlow, with its compiled training step; for `symae_step.py`, in
an environment of its own.

For every number read it takes so many training steps and answers with the seconds they took. Layers are applied to the
instances by `TimeDistributed`, as the authors' code says, of which Keras 3 makes a loop, so that BatchNorm's statistics are of
one instance of every group (the Keras of the authors' time folded them); with the argument "folded", to all rows at once by a
reshape; with "once", dec1 once per group besides.
"""

import os
import sys
from time import monotonic

os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3")

import keras
import numpy as np
from keras import layers, ops

GROUPS, INSTANCES, K, P, Q = 18, 30, 100, 5, 10


def convs(number: int) -> list[layers.Layer]:
    return [layers.Conv1D(32, 5, padding="same", activation="elu") for _ in range(number)]


def head(outputs: int) -> list[layers.Layer]:
    return [layers.BatchNormalization(), layers.ELU(), layers.MaxPooling1D(2), layers.Flatten(), layers.Dense(outputs)]


def picture() -> keras.Sequential:
    start = [layers.Dense(50, activation="elu"), layers.Reshape((50, 1)), *convs(1), layers.UpSampling1D(2), *convs(1)]
    middle = [layers.Conv1D(32, 5, padding="same"), layers.BatchNormalization(), layers.ELU(), *convs(2)]
    return keras.Sequential([*start, *middle, layers.Conv1D(1, 5, padding="same"), layers.Flatten()])


class Folded(layers.Layer):
    """A net applied to every instance, with the axis of instances folded into that of groups."""

    def __init__(self, net: keras.Sequential):
        super().__init__()
        self.net = net

    def call(self, x, training=None):
        """(groups, instances, ...) to (groups, instances, ...)."""
        y = self.net(ops.reshape(x, (-1, *x.shape[2:])), training=training)
        return ops.reshape(y, (-1, INSTANCES, *y.shape[1:]))


def symae() -> keras.Model:
    def pool() -> layers.Layer:
        return layers.MaxPooling1D(2)

    rows = keras.Input((INSTANCES, K, 1))
    once = Folded if {"folded", "once"} & set(sys.argv) else layers.TimeDistributed
    features = once(keras.Sequential([*convs(2), pool(), *convs(2), pool()]))(rows)
    pooled = layers.Lambda(lambda f: ops.mean(f, axis=1), output_shape=(25, 32))(features)
    c = keras.Sequential([*convs(2), pool(), *convs(2), *head(P)])(pooled)
    blocks = [*convs(2), pool(), *convs(2), pool(), *convs(2), pool(), *convs(2)]
    n = layers.Dropout(0.5)(once(keras.Sequential([*blocks, *head(Q)]))(rows))
    if "once" in sys.argv:
        first = layers.RepeatVector(INSTANCES)(picture()(c))
    else:
        first = once(picture())(layers.RepeatVector(INSTANCES)(c))
    second = once(keras.Sequential([layers.Dense(2000), layers.Dense(500), layers.Dense(K)]))(n)
    return keras.Model(rows, once(picture())(layers.Multiply()([first, second])))


def main() -> None:
    keras.utils.set_random_seed(0)
    model = symae()
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="mse")
    x = np.random.default_rng(0).standard_normal((GROUPS, INSTANCES, K, 1)).astype(np.float32)
    for line in sys.stdin:
        start = monotonic()
        for _ in range(int(line)):
            model.train_on_batch(x, x[..., 0])
        print(monotonic() - start, keras.__version__, flush=True)


main()
