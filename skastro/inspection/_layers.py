"""The net inside a fitted estimator, what stands before it, and its layers."""

from contextlib import contextmanager
from numbers import Integral

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ..maps import check_maps
from ..neural_network._base import NetEstimator
from ..neural_network._precision import computing_in
from ..neural_network._torch import thread_count
from ..utils import as_numpy
from ..utils._typing import MapsLike
from ._wrapped import wrapped

CONVOLUTIONS = torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d


class FittedNet:
    """A fitted net, and the transformers that maps go through before it.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator that trains a net, or a pipeline, a search or another estimator around
        one, which ends in it.
    owner : str
        Function or display to name in errors.

    Attributes
    ----------
    estimator : NetEstimator
        What was trained.
    steps : list of transformer
        What maps go through before.
    map_shape : tuple of int
        ``(n_channels, *spatial)``, what the net takes.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it does not end in a net.
    """

    def __init__(self, estimator, owner):
        check_is_fitted(estimator)
        self.owner = owner
        self.steps = []
        self.estimator = self._descend(estimator)
        if self.estimator is None:
            raise TypeError(
                f"{owner} takes a fitted CNNRegressor, CNNClassifier or ConvAutoencoder, or a "
                f"pipeline, a search or a TransformedTargetRegressor that ends in one; got "
                f"{estimator!r}. Of a pipeline that goes on behind the net give the first steps, "
                f"pipeline[:k]; of an ensemble one of estimators_."
            )
        check_is_fitted(self.estimator)
        self.map_shape = self.estimator._architecture[1]

    @property
    def net(self):
        """The skorch net."""
        return self.estimator.net_

    @property
    def module(self):
        """The torch module."""
        return self.net.module_

    @property
    def dim(self):
        """Number of spatial axes."""
        return len(self.map_shape) - 1

    def _descend(self, estimator):
        if isinstance(estimator, NetEstimator):
            return estimator
        if isinstance(estimator, Pipeline):
            *before, (_, last) = estimator.steps
            self.steps += [step for _, step in before if step not in (None, "passthrough")]
            return self._descend(last)
        inner = wrapped(estimator)
        return None if inner is None else self._descend(inner)

    def inputs(self, X):
        """Take maps through the transformers.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps as the whole estimator takes them.

        Returns
        -------
        ndarray of shape (n_samples, n_channels, *spatial)
            What the net takes, float32.

        Raises
        ------
        MapShapeError
            If samples have not the shape that was fitted.
        """
        for step in self.steps:
            X = step.transform(X)
        dim = getattr(self.estimator._architecture[0], "dim", None)
        X = np.asarray(as_numpy(check_maps(self.estimator, X, reset=False, dim=dim)))
        return X.reshape(len(X), *self.map_shape)

    def batches(self, n_samples):
        """Slices of samples that are put through the net at once."""
        size = self.net.batch_size
        return [slice(start, start + size) for start in range(0, n_samples, size)]

    @contextmanager
    def looked_into(self):
        """Let the net predict as in `predict`, and leave it as it was found.

        Yields
        ------
        torch.device
            Where the net is.
        """
        device = torch.device(self.net.device)
        training = {layer: layer.training for layer in self.module.modules()}
        self.module.eval()
        try:
            with thread_count(self.estimator.n_threads), computing_in("float32", device):
                yield device
        finally:
            for layer, flag in training.items():
                layer.training = flag

    @property
    def convolutions(self):
        """Names of the convolutions, in the order of the net."""
        layers = self.module.named_modules()
        return [name for name, part in layers if isinstance(part, CONVOLUTIONS)]

    def layer(self, layer):
        """Find a layer.

        Parameters
        ----------
        layer : int or str
            Number of a convolution, from 0 or backwards from -1, or name of any layer.

        Returns
        -------
        name : str
            Its name.
        module : torch.nn.Module
            The layer.

        Raises
        ------
        ValueError
            If there is none.
        """
        layers = dict(list(self.module.named_modules())[1:])
        found = self.convolutions
        if isinstance(layer, Integral) and not isinstance(layer, bool):
            if -len(found) <= layer < len(found):
                return found[layer], layers[found[layer]]
        elif isinstance(layer, str) and layer in layers:
            return layer, layers[layer]
        numbers = (
            f"an int from 0 to {len(found) - 1} that counts convolutions, or " if found else ""
        )
        none = "" if found else " The net has no convolutions."
        raise ValueError(
            f"The 'layer' parameter of {self.owner} must be {numbers}the name of a layer, one of "
            f"{list(layers)}. Got {layer!r} instead.{none}"
        )

    def outputs_of(self, layer, inputs):
        """What comes out of a layer.

        Parameters
        ----------
        layer : int or str
            The layer, see `layer`.
        inputs : ndarray of shape (n_samples, n_channels, *spatial)
            What the net takes.

        Returns
        -------
        ndarray of shape (n_samples, ...)
            Outputs of the layer, float32.

        Raises
        ------
        ValueError
            If there is no such layer, or nothing goes through it.
        """
        name, part = self.layer(layer)
        caught, outputs = [], []
        handle = part.register_forward_hook(lambda part, args, out: caught.append(_copy(out)))
        try:
            with self.looked_into(), torch.no_grad():
                for rows in self.batches(len(inputs)):
                    x = torch.tensor(inputs[rows])
                    self.net.put_through(self.module, x)
                    if not caught or caught[-1] is None:
                        raise ValueError(
                            f"The layer {name!r} that {self.owner} is to show gives no array for "
                            f"a batch of maps. Choose another one; layer_names(estimator) lists "
                            f"them."
                        )
                    outputs.append(caught.pop()[: len(x)].float().cpu().numpy())
                    caught.clear()
        finally:
            handle.remove()
        return np.ascontiguousarray(np.concatenate(outputs))


def _copy(out):
    """A copy, since a later layer may change it in place."""
    return out.detach().clone() if isinstance(out, torch.Tensor) else None


def layer_names(estimator: BaseEstimator) -> list[str]:
    """Names of the layers of a fitted net.

    Parameters
    ----------
    estimator : estimator
        A fitted `CNNRegressor`, `CNNClassifier` or `ConvAutoencoder`, or a pipeline, a search or a
        ``TransformedTargetRegressor`` that ends in one.

    Returns
    -------
    list of str
        Names as torch has them, blocks before the layers within.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it does not end in a net.

    See Also
    --------
    feature_maps : What comes out of a layer.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.inspection import layer_names
    >>> from skastro.nets import ConvNet
    >>> from skastro.neural_network import CNNRegressor
    >>> model = CNNRegressor(ConvNet(n_layers=1, pooling=None), max_epochs=1)
    >>> layer_names(model.fit(np.zeros((4, 8, 8)), np.arange(4)))
    ['features', 'features.layer_1', 'features.layer_1.0', 'features.layer_1.1', 'readout', 'head',
     'head.0']
    """
    net = FittedNet(estimator, "layer_names")
    return [name for name, _ in net.module.named_modules()][1:]


def feature_maps(estimator: BaseEstimator, X: MapsLike, layer: int | str = 0) -> np.ndarray:
    """What comes out of a layer of a fitted net.

    Parameters
    ----------
    estimator : estimator
        A fitted `CNNRegressor`, `CNNClassifier` or `ConvAutoencoder`, or a pipeline, a search or a
        ``TransformedTargetRegressor`` that ends in one.
    X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        Maps, as the whole estimator takes them.
    layer : int or str, default=0
        Number of a convolution, whose output is that before the activation, or the name of any
        layer, see `layer_names`.

    Returns
    -------
    ndarray of shape (n_samples, n_filters, *spatial)
        Feature maps, float32; of a layer that makes no maps, its values.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it does not end in a net.
    ValueError
        If there is no such layer.
    MapShapeError
        If samples have not the shape that was fitted.

    See Also
    --------
    FeatureMapDisplay : Draws those of one map.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.inspection import feature_maps
    >>> from skastro.nets import ConvNet
    >>> from skastro.neural_network import CNNRegressor
    >>> maps = np.random.default_rng(0).normal(size=(6, 8, 9))
    >>> model = CNNRegressor(ConvNet(n_layers=2, n_filters=5), max_epochs=1, random_state=0)
    >>> model.fit(maps, maps.std(axis=(1, 2)))
    CNNRegressor(...)
    >>> feature_maps(model, maps).shape
    (6, 5, 8, 9)
    >>> feature_maps(model, maps, "features.layer_2").shape
    (6, 10, 2, 2)
    """
    net = FittedNet(estimator, "feature_maps")
    net.layer(layer)
    return net.outputs_of(layer, net.inputs(X))
