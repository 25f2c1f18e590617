"""How much each cell of a map matters to what a net makes of it."""

from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, is_classifier

from ..maps import LazyMaps
from ..neural_network._targets import regression_loss
from ..neural_network._torch import own_generator
from ..utils import as_numpy
from ..utils._typing import ArrayLike, MapsLike
from ._attributions import METHODS, attribute_by_captum
from ._layers import FittedNet
from ._panels import check_number


def input_gradients(
    estimator: BaseEstimator,
    X: MapsLike,
    target: Any = None,
    *,
    method: str | Callable = "gradient",
    wrt: str = "input",
    baseline: ArrayLike = 0.0,
    n_steps: int = 50,
    n_draws: int = 25,
    noise_level: float = 0.1,
    options: Mapping[str, Any] | None = None,
    random_state: int = 0,
) -> np.ndarray:
    r"""Derivative of an output of a fitted net with respect to each cell of maps.

    Outputs :math:`f` are those of the torch module: targets of a regressor in units of their
    standard deviation, where it normalizes them, and behind the link of the loss; of a
    classifier the logits before the softmax.

    Parameters
    ----------
    estimator : estimator
        A fitted `CNNRegressor`, `CNNClassifier` or `ConvAutoencoder`, or a pipeline, a search or a
        ``TransformedTargetRegressor`` that ends in one.
    X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        Maps, as the whole estimator takes them.
    target : int, tuple of int, label, array-like of labels or None, default=None
        Which output. Of a regressor the number of a target, None for the sum of all. Of a
        classifier a class, or one for each map, None for that which is predicted for each map.
        Of an autoencoder a channel, a tuple (channel, *cell) or None for the sum of all cells.
    method : str or callable, default="gradient"
        "gradient" is :math:`\partial f / \partial x`; "gradient_times_input" is that times
        :math:`x`; "smoothgrad" its mean over copies with noise [1]_; "integrated_gradients" its
        mean on the way from `baseline` times :math:`x` less `baseline` [2]_, whose sum over all
        cells is what the output differs by. Any other name is that of a class of
        ``captum.attr``, such as "DeepLift". A function is given a torch module that makes the
        chosen output of each map, and returns an object whose ``attribute(x)`` does the work:
        ``lambda module: NoiseTunnel(Saliency(module))``.
    wrt : {"input", "maps"}, default="input"
        With respect to what: the input of the net, or the maps themselves, back through the
        transformers before the net. These must take torch tensors, as those of this library do.
    baseline : float or array-like of the shape of a sample, default=0.0
        Where "integrated_gradients" starts, in the values of what `wrt` names.
    n_steps : int, default=50
        Steps of "integrated_gradients".
    n_draws : int, default=25
        Noisy copies of "smoothgrad".
    noise_level : float, default=0.1
        Standard deviation of the noise of "smoothgrad", over the range of values of each map.
    options : dict, default=None
        Further arguments of captum's ``attribute``.
    random_state : int, default=0
        Seed of the noise of "smoothgrad", 0 or more; also torch's, while captum works.

    Returns
    -------
    ndarray of the shape of X, or of the input of the net
        Derivatives, float32, in units of the output over those of the input, or contributions in
        units of the output.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it does not end in a net.
    ValueError
        If there is no such target or method, a parameter is out of its range, or a transformer
        cannot be differentiated.
    MapShapeError
        If samples have not the shape that was fitted.
    ImportError
        If the method is captum's, which is absent.

    See Also
    --------
    SaliencyDisplay : Draws them beside the maps.

    Notes
    -----
    The net predicts as it does in ``predict``, with dropout off and batch normalization fixed, and
    is left as it was, without gradients of weights. Symmetric views are not averaged over. With
    ``wrt="maps"`` a transformer that adds noise adds another one to each changed copy of a map, as
    it would in ``predict``, so that sums of "integrated_gradients" hold but for that.

    References
    ----------
    .. [1] D. Smilkov et al., "SmoothGrad: removing noise by adding noise", arXiv:1706.03825
       (2017).
    .. [2] M. Sundararajan, A. Taly, Q. Yan, "Axiomatic attribution for deep networks", ICML
       (2017), arXiv:1703.01365.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.inspection import input_gradients
    >>> from skastro.nets import ConvNet
    >>> from skastro.neural_network import CNNRegressor
    >>> maps = np.random.default_rng(0).normal(size=(6, 8, 9))
    >>> model = CNNRegressor(ConvNet(n_layers=1), max_epochs=1, random_state=0)
    >>> model.fit(maps, maps.std(axis=(1, 2)))
    CNNRegressor(...)
    >>> input_gradients(model, maps[:2]).shape
    (2, 8, 9)
    """
    owner = "input_gradients"
    if wrt not in ("input", "maps"):
        raise ValueError(
            f"The 'wrt' parameter of {owner} must be 'input' or 'maps'. Got {wrt!r} instead."
        )
    check_number(owner, "n_steps", n_steps, 1)
    check_number(owner, "n_draws", n_draws, 1)
    check_number(owner, "random_state", random_state, 0)
    if not isinstance(noise_level, Real) or not 0 <= noise_level < np.inf:
        raise ValueError(
            f"The 'noise_level' parameter of {owner} must be a finite number, 0 or more. Got "
            f"{noise_level!r} instead."
        )
    net = FittedNet(estimator, owner)
    if wrt == "maps":
        x = np.asarray(X if isinstance(X, LazyMaps) else as_numpy(X)).astype(np.float32)
        net.inputs(x)  # checks the maps
        shape, steps = x.shape, net.steps
    else:
        x = net.inputs(X)
        shape, steps = (len(x), *net.estimator.sample_shape_), []
    function = _ChosenOutput(net, steps)
    out = np.empty(x.shape, dtype=np.float32)
    baseline = _baseline(baseline, shape[1:], x.shape[1:])
    with net.looked_into() as device, own_generator(device):
        torch.manual_seed(random_state)
        for index, chosen in _indices(function, target, x, device):
            function.index = index
            for part in net.batches(len(chosen)):
                rows = chosen[part]
                batch = torch.tensor(x[rows]).to(device)
                if isinstance(method, str) and method in METHODS:
                    values = METHODS[method](
                        function,
                        batch,
                        baseline=torch.as_tensor(baseline, device=device),
                        n_steps=n_steps,
                        n_draws=n_draws,
                        noise_level=noise_level,
                        seeds=[(random_state, row) for row in rows.tolist()],
                    )
                else:
                    values = attribute_by_captum(method, function, batch, options)
                out[rows] = values.detach().float().cpu().numpy()
    return out.reshape(shape)


def _baseline(baseline, sample_shape, shape):
    """Where integrated gradients start, one number or one for each cell."""
    try:
        values = np.asarray(baseline, dtype=np.float32)
    except (TypeError, ValueError):
        values = np.asarray(np.nan)
    if values.shape not in ((), tuple(sample_shape), tuple(shape)) or not np.isfinite(values).all():
        raise ValueError(
            f"The 'baseline' parameter of input_gradients must be one finite number, or an array "
            f"of them of the shape of a sample, {tuple(sample_shape)}. Got {baseline!r} instead."
        )
    return values.reshape(shape) if values.ndim else values


class _ChosenOutput(torch.nn.Module):
    """One number for each map: the output that is asked about, or the sum of several."""

    def __init__(self, net, steps):
        super().__init__()
        self.module = net.module
        self.net = net
        self.steps = steps
        self.index = None

    def forward(self, x):
        """Turn maps ``(n, ...)`` into ``(n,)``."""
        out = self.outputs(x)
        chosen = out[:, : self.n_targets] if self.index is None else out[:, *self.index]
        return chosen.flatten(1).sum(1) if chosen.ndim > 1 else chosen

    def outputs(self, x):
        """All outputs of the net, for maps on which the transformers act first."""
        for step in self.steps:
            needed_gradient = x.requires_grad
            x = step.transform(x)
            if not isinstance(x, torch.Tensor) or x.requires_grad != needed_gradient:
                raise ValueError(
                    f"input_gradients(wrt='maps') goes back through all steps before the net, and "
                    f"{type(step).__name__} does not make a differentiable tensor of a torch "
                    f"tensor. Use wrt='input', or transformers of skastro."
                )
        return self.module(x.reshape(len(x), *self.net.map_shape)).float()

    @property
    def output_shape(self):
        """Shape of what can be asked about; that of variances, which come behind, cannot."""
        n_outputs, *spatial = self.net.net.output_shape
        return n_outputs // self._outputs_per_target, *spatial

    @property
    def n_targets(self):
        """Outputs that are targets."""
        return self.output_shape[0]

    @property
    def _outputs_per_target(self):
        loss = getattr(self.net.estimator, "_fitted_loss", None)
        return 1 if loss is None else regression_loss(loss).outputs_per_target


def _indices(function, target, x, device):
    """Pairs of the index of an output and the rows of maps that it is asked of."""
    every = np.arange(len(x))
    if is_classifier(function.net.estimator):
        classes = _classes(function, target, x, device)
        return [((i,), every[classes == i]) for i in np.unique(classes).tolist()]
    if target is None:
        return [(None, every)]
    index = target if isinstance(target, tuple) else (target,)
    bounds = function.output_shape
    is_index = 0 < len(index) <= len(bounds) and all(
        isinstance(i, Integral) and not isinstance(i, bool) and 0 <= i < n
        for i, n in zip(index, bounds, strict=False)
    )
    if not is_index:
        what = "the number of a target" if len(bounds) == 1 else "a channel, (channel, *cell)"
        raise ValueError(
            f"The 'target' parameter of input_gradients must be None or {what}, from 0 on and "
            f"below {bounds[0] if len(bounds) == 1 else bounds}. Got {target!r} instead."
        )
    return [(tuple(map(int, index)), every)]


def _classes(function, target, x, device):
    """Number of a class for each map."""
    if target is None:
        with torch.no_grad():
            outputs = [
                function.outputs(torch.tensor(x[rows]).to(device))
                for rows in function.net.batches(len(x))
            ]
        return torch.cat(outputs).argmax(1).cpu().numpy()
    classes, labels = function.net.estimator.classes_, np.asarray(target)
    if labels.shape not in ((), (len(x),)) or not np.isin(labels, classes).all():
        raise ValueError(
            f"The 'target' parameter of input_gradients must be None, one of the classes "
            f"{classes.tolist()}, or one of them for each of {len(x)} maps. Got {target!r} "
            f"instead."
        )
    return np.broadcast_to(np.searchsorted(classes, labels), len(x))
