"""Types that the parameters of several architectures share."""

from typing import Literal, TypeAlias

Activation: TypeAlias = Literal["elu", "gelu", "leaky_relu", "relu", "silu", "tanh"]
PaddingMode: TypeAlias = Literal["zeros", "circular"]
Stem: TypeAlias = Literal["imagenet", "small"]
