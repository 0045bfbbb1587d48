"""Nets of a user in place of those of the package."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Key

from ..errors import InputError


def made(net: Any, key: Key[Array, ""]) -> Any:
    """A net as it is, or made by a function of a key.

    Raises:
        InputError: if it is neither.
    """
    if not callable(net):
        raise InputError(f"{net!r} is no net; an Equinox module, or a function of a key that makes one, is needed.")
    return net if isinstance(net, eqx.Module) else net(key)


def output_shape(net: Any, name: str, inputs: tuple[int, ...], needed: tuple[int, ...] | None = None) -> tuple[int, ...]:
    """The shape that a net of the user makes of one row, without running it.

    Raises:
        InputError: if it is not what is needed, naming the net and both shapes.
    """
    if isinstance(net, eqx.nn.StatefulLayer) and net.is_stateful():
        raise InputError(f"the net {name} keeps state in its layers; your own nets must be without.")
    try:
        result = eqx.filter_eval_shape(net, jnp.zeros(inputs)).shape
    except Exception as error:
        raise InputError(f"the net {name} does not take a row of shape {inputs}: {str(error).splitlines()[0]}") from error
    if needed and result != needed:
        raise InputError(f"the net {name} makes {result} of a row of shape {inputs}; {needed} is needed.")
    return result
