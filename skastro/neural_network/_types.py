"""Types that the parameters of several estimators share."""

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import torch
from skorch.callbacks import Callback

from ..nets import Net

NetLike: TypeAlias = Net | Callable[[tuple[int, ...], int], torch.nn.Module]
LossFunction: TypeAlias = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
RegressionLoss: TypeAlias = (
    Literal[
        "squared_error",
        "absolute_error",
        "huber",
        "squared_log_error",
        "poisson",
        "gaussian_nll",
        "moments",
    ]
    | LossFunction
)
FieldLoss: TypeAlias = (
    Literal["squared_error", "absolute_error", "huber", "cross_entropy", "dice"] | LossFunction
)
OptimizerLike: TypeAlias = Literal["adam", "adamw", "sgd"] | Callable[..., torch.optim.Optimizer]
Schedule: TypeAlias = Literal["one_cycle", "cosine", "plateau"]
Precision: TypeAlias = Literal["auto", "float32", "tf32", "bfloat16"]
Devices: TypeAlias = int | Literal["all"]
Callbacks: TypeAlias = Sequence[Callback | Callable[[], Callback]]
