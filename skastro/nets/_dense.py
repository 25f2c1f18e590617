"""Fully connected network."""

import math
from collections.abc import Sequence
from numbers import Real
from typing import Literal

from torch import nn

from ..utils._params import DIM, Interval, StrOptions
from ._base import Net
from ._layers import ACTIVATIONS, dense_head
from ._types import Activation


class DenseNet(Net):
    """Fully connected network on all cells of a map.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(350,)
        Units of each hidden layer. The default, on patches of 50 x 50 and with 17 classes,
        is a 2500-350-17 network.
    activation : {"elu", "gelu", "leaky_relu", "relu", "silu", "tanh"}, default="relu"
        Activation behind each hidden layer.
    batch_norm : bool, default=False
        Whether hidden layers are normalized over the batch.
    dropout : float, default=0.0
        Probability of dropout behind each hidden layer.
    dim : {1, 2, 3}, default=None
        Number of spatial axes of the maps; None takes it from their shape.

    See Also
    --------
    ConvNet : Convolutional network.

    Examples
    --------
    >>> from skastro.nets import DenseNet
    >>> module = DenseNet().build((1, 50, 50), n_outputs=17)
    >>> sum(weights.numel() for weights in module.parameters())
    881317
    """

    _parameter_constraints = {
        "hidden_layer_sizes": [tuple, list],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "batch_norm": ["boolean"],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "dim": DIM,
    }

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (350,),
        *,
        activation: Activation = "relu",
        batch_norm: bool = False,
        dropout: float = 0.0,
        dim: Literal[1, 2, 3] | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.batch_norm = batch_norm
        self.dropout = dropout
        self.dim = dim

    def _build(self, map_shape, n_outputs):
        self._check_sizes("hidden_layer_sizes", self.hidden_layer_sizes)
        head = dense_head(
            math.prod(map_shape),
            self.hidden_layer_sizes,
            n_outputs,
            activation=self.activation,
            dropout=self.dropout,
            batch_norm=self.batch_norm,
        )
        return nn.Sequential(nn.Flatten(), *head)
