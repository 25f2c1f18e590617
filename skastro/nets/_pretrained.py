"""A net that starts from weights that were trained before."""

import copy
from typing import Literal

import torch
from torch import nn

from ..exceptions import MapShapeError
from ..utils._params import DIM
from ._base import Net


class Pretrained(Net):
    """Net that starts from the weights of a module that was trained before.

    For transfer: a net that has learned from many mocks goes on to learn from few simulations.
    Unlike a warm start it survives ``clone``, so that each fold of a cross-validation starts
    from the same weights.

    Parameters
    ----------
    module : torch.nn.Module
        The trained module, such as ``model.net_.module_`` of a fitted `CNNClassifier`. It is
        copied and stays as it is.
    freeze : bool, default=False
        Whether all weights but those of the last dense layer stay as they are. Batch normalization
        takes its means and variances from the new maps all the same.
    dim : {1, 2, 3}, default=None
        Number of spatial axes, as the net of the module had it.

    Notes
    -----
    Where the number of outputs differs from that of the module, its last dense layer is replaced
    by a new one. Maps must have as many channels as those that the module was trained on, scaled in
    the same way.

    References
    ----------
    .. [1] J. Yosinski, J. Clune, Y. Bengio, H. Lipson, "How transferable are features in deep
       neural networks?", NIPS (2014), arXiv:1411.1792.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.nets import ConvNet, Pretrained
    >>> from skastro.neural_network import CNNRegressor
    >>> rng = np.random.default_rng(0)
    >>> mocks, maps = rng.normal(size=(40, 8, 8)), rng.normal(size=(10, 8, 8))
    >>> net = ConvNet(n_layers=1, readout="mean")
    >>> first = CNNRegressor(net, max_epochs=3, n_threads=1, random_state=0)
    >>> first = first.fit(mocks, mocks.std((1, 2)))
    >>> second = CNNRegressor(Pretrained(first.net_.module_), lr=1e-4, max_epochs=2, n_threads=1)
    >>> second.fit(maps, maps.std((1, 2))).predict(maps).shape
    (10,)
    """

    _parameter_constraints = {"module": [nn.Module], "freeze": ["boolean"], "dim": DIM}

    def __init__(
        self, module: nn.Module, *, freeze: bool = False, dim: Literal[1, 2, 3] | None = None
    ) -> None:
        self.module = module
        self.freeze = freeze
        self.dim = dim

    def __getstate__(self):
        return super().__getstate__() | {"module": copy.deepcopy(self.module).cpu()}

    def _build(self, map_shape, n_outputs):
        module = copy.deepcopy(self.module)
        # Weights without values, as of a file that is checked before it is read, stay so.
        module = module if next(module.parameters(), torch.empty(0)).is_meta else module.cpu()
        layers = [name for name, layer in module.named_modules() if isinstance(layer, nn.Linear)]
        if not layers:
            raise ValueError(
                f"The 'module' parameter of Pretrained must have a dense layer (torch.nn.Linear), "
                f"which makes its {n_outputs} outputs. Got a {type(module).__name__} without one."
            )
        last = module.get_submodule(layers[-1])
        if last.out_features != n_outputs:
            fresh = nn.Linear(last.in_features, n_outputs, bias=last.bias is not None)
            if layers[-1]:
                parent, _, name = layers[-1].rpartition(".")
                setattr(module.get_submodule(parent), name, fresh)
            else:
                module = fresh
            last = fresh
        _check_maps(module, map_shape)
        for weight in module.parameters():
            weight.requires_grad_(not self.freeze)
        last.requires_grad_(True)
        return module.train()


def _check_maps(module, map_shape):
    """Raise where a module cannot take maps of a shape."""
    try:
        with torch.no_grad():
            module.eval()(torch.zeros(1, *map_shape))
    except (RuntimeError, IndexError) as error:
        raise MapShapeError(
            f"The 'module' parameter of Pretrained cannot take maps of shape {map_shape}, of "
            f"channels and spatial axes ({error}). Give maps with the channels and size of those "
            f"that it was trained on."
        ) from error
