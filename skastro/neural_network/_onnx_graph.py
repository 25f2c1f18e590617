"""All that a prediction does, as one torch module from raw maps to outputs in the user's units."""

import numpy as np
import torch
from torch import nn

from ._onnx_layers import plain_module
from ._symmetries import _turned_channels
from ._symmetry_group import element_tables, inverse_elements
from ._targets import regression_loss


class Chain(nn.Module):
    """Steps one after the other, and the net behind them.

    Parameters
    ----------
    steps : list of torch.nn.Module
        Transformers.
    body : torch.nn.Module
        The net with what is done to its outputs.
    """

    def __init__(self, steps, body):
        super().__init__()
        self.steps = nn.ModuleList(steps)
        self.body = body

    def forward(self, maps):
        """Turn raw maps into outputs."""
        for step in self.steps:
            maps = step(maps)
        return self.body(maps)


class Views(nn.Module):
    """Symmetric views of maps, one after the other along the axis of samples.

    Parameters
    ----------
    symmetries : Symmetries or None
        Whose elements there are; None leaves maps as they are.
    map_shape : tuple of int
        ``(n_channels, *spatial)``.
    """

    def __init__(self, symmetries, map_shape):
        super().__init__()
        self.map_shape = tuple(map_shape)
        spatial = self.map_shape[1:]
        self.elements = [None]
        if symmetries is not None:
            self.elements = symmetries.elements(spatial)[:, 0].tolist()
            self.order, self.sign, _ = element_tables(spatial)
            self.back = inverse_elements(spatial).tolist()
            self.fields = symmetries._fields(self.map_shape[0])

    def forward(self, x):
        """Turn ``(n, n_channels, *spatial)`` into ``(n_views * n, n_channels, *spatial)``."""
        if self.elements == [None]:
            return x
        return torch.cat([self._turned(self._channels(x, e), e) for e in self.elements])

    def average(self, fields):
        """Turn the fields of all views back, and average them."""
        if self.elements == [None]:
            return fields
        views = fields.unflatten(0, (len(self.elements), -1)).unbind(0)
        turned = [self._turned(view, e) for view, e in zip(views, self.back, strict=True)]
        return torch.stack(turned).mean(0)

    def _channels(self, x, element):
        """Components of vectors where they are to be, with their signs."""
        if not self.fields:
            return x
        chosen = np.array([element])
        source, factor = _turned_channels(chosen, self.map_shape[1:], self.fields, x.shape[1])
        factor = torch.from_numpy(factor[0]).to(x.dtype)
        x = x.index_select(1, torch.from_numpy(source[0]))
        return x * factor.reshape(1, -1, *(1,) * (x.ndim - 2))

    def _turned(self, x, element):
        """Maps under one element."""
        x = x.permute(0, 1, *(2 + self.order[element]).tolist())
        mirrored = (2 + np.flatnonzero(self.sign[element] < 0)).tolist()
        return x.flip(mirrored) if mirrored else x


class Vectors(nn.Module):
    """A net that makes some numbers of each map, and what is done to these.

    Parameters
    ----------
    estimator : NetEstimator
        The fitted estimator.
    finish : torch.nn.Module
        Takes outputs of all views in float64, ``(n_views, n_samples, n_outputs)``.
    """

    def __init__(self, estimator, finish):
        super().__init__()
        _, self.map_shape, (self.n_outputs,) = estimator._architecture
        symmetries = estimator.augmentation if estimator.average_symmetries else None
        self.views = Views(symmetries, self.map_shape)
        self.net = plain_module(estimator.net_.module_)
        self.finish = finish

    def forward(self, maps):
        """Turn maps into predictions."""
        maps = maps.reshape(-1, *self.map_shape)
        outputs = self.net(self.views(maps)).double()
        return self.finish(outputs.reshape(len(self.views.elements), -1, self.n_outputs))


class Targets(nn.Module):
    """Targets in the user's units, as `read_outputs` makes them.

    Parameters
    ----------
    estimator : CNNRegressor
        The fitted estimator.
    """

    def __init__(self, estimator):
        super().__init__()
        loss = regression_loss(estimator._fitted_loss)
        self.link, self.makes_std = loss.link, loss.outputs_per_target == 2
        self.n_targets = estimator._architecture[2][0] // loss.outputs_per_target
        self.single = estimator._single_target
        scaler = estimator.target_scaler_
        center = np.zeros(self.n_targets) if scaler is None else scaler.center_
        scale = np.ones(self.n_targets) if scaler is None else scaler.scale_
        self.register_buffer("center", torch.from_numpy(np.array(center, dtype=np.float64)))
        self.register_buffer("scale", torch.from_numpy(np.array(scale, dtype=np.float64)))

    def forward(self, outputs):
        """Turn ``(n_views, n_samples, n_outputs)`` into means, and standard deviations."""
        values = outputs[..., : self.n_targets]
        values = values.exp() if self.link == "log" else values
        values = values * self.scale + self.center
        values = values.expm1() if self.link == "log1p" else values
        mean = values.mean(0)
        if not self.makes_std:
            return mean[:, 0] if self.single else mean
        variances = ((outputs[..., self.n_targets :] / 2).exp() * self.scale) ** 2
        std = (variances.mean(0) + ((values - mean) ** 2).mean(0)).sqrt()
        return (mean[:, 0], std[:, 0]) if self.single else (mean, std)


class Probabilities(nn.Module):
    """Mean over the views of the probabilities of classes."""

    def forward(self, outputs):
        """Turn ``(n_views, n_samples, n_classes)`` into probabilities."""
        return outputs.softmax(2).mean(0)


class Fields(nn.Module):
    """A net that makes fields of whole boxes.

    Parameters
    ----------
    estimator : FieldRegressor
        The fitted estimator.
    spatial : tuple of int
        Cells of a box along each axis.
    """

    def __init__(self, estimator, spatial):
        super().__init__()
        spec, (n_channels, *_), (self.n_targets,) = estimator._architecture
        self.map_shape = (n_channels, *spatial)
        symmetries = estimator.augmentation if estimator.average_symmetries else None
        self.views = Views(symmetries, self.map_shape)
        (tile,) = estimator._windows(spec, None).tiles(tuple(spatial))
        self.inner = tile.inner
        axes = zip(tile.begin, tile.shape, spatial, strict=True)
        self.cells = [np.arange(begin, begin + size) % n for begin, size, n in axes]
        self.net = plain_module(estimator.net_.module_.net)
        self.of_fractions = estimator._fitted_output == "fraction"
        self.single = estimator._single_target
        scaler, per_target = estimator.target_scaler_, (-1, *(1,) * len(spatial))
        center, scale = (0.0, 1.0) if scaler is None else (scaler.center_, scaler.scale_)
        for name, values in (("center", center), ("scale", scale)):
            tensor = torch.as_tensor(values, dtype=torch.float32)
            self.register_buffer(name, tensor.reshape(per_target))

    def forward(self, maps):
        """Turn maps into fields."""
        x = self.views(maps.reshape(-1, *self.map_shape))
        for axis, cells in enumerate(self.cells, 2):
            if len(cells) != x.shape[axis]:
                x = x.index_select(axis, torch.from_numpy(cells))
        fields = self.net(x)[(..., *self.inner)]
        fields = fields.sigmoid() if self.of_fractions else fields
        fields = self.views.average(fields) * self.scale + self.center
        return fields[:, 0] if self.single else fields
