"""Transformers of maps as torch modules."""

import math

import numpy as np
import torch
from torch import nn

from ..instrument._random import RandomTransformer
from ..maps import MapTransformer, check_maps
from ..preprocessing import SignedLog, SmoothedCopies, UnitConverter


def step_module(transformer, shape, owner):
    """Turn a fitted transformer into a module.

    Parameters
    ----------
    transformer : object
        A step of a pipeline.
    shape : tuple of int
        Shape of a sample before it.
    owner : str
        Function that is named in errors.

    Returns
    -------
    torch.nn.Module or None
        Takes a float32 batch and returns the transformed one; None where a prediction leaves the
        step out.

    Raises
    ------
    TypeError
        If it is no transformer of maps.
    ValueError
        If it depends on more than the map.
    MapShapeError
        If samples of that shape are not for it.
    """
    name = type(transformer).__name__
    if not isinstance(transformer, MapTransformer):
        raise TypeError(
            f"{owner} takes pipelines of transformers of maps, such as FieldScaler, SignedLog and "
            f"BlockPool, and a net; got a step {transformer!r}. Apply it before, and export the "
            f"rest of the pipeline: {owner}(pipeline[i:], ...)."
        )
    sample = np.ones((1, *shape), dtype=np.float32)
    check_maps(
        transformer, sample, reset=False, dim=transformer.dim, free_size=transformer._free_size
    )
    if isinstance(transformer, RandomTransformer):
        if transformer.when == "fit":
            return None
        raise ValueError(
            f"{owner} cannot export {name}(when={transformer.when!r}), which adds noise to the "
            f"maps of predictions, drawn by the library. Set when='fit', or take the step out of "
            f"the pipeline, where maps have noise of their own."
        )
    if isinstance(transformer, UnitConverter):
        return _Factors(transformer, shape, owner)
    if isinstance(transformer, SignedLog) and transformer.floor_ is None:
        return _SignedLog(transformer)
    return (_Copies if isinstance(transformer, SmoothedCopies) else _Traced)(transformer)


class _SignedLog(nn.Module):
    """Signed logarithms, in float64 as ONNX has no logarithm that is exact near one."""

    def __init__(self, transformer):
        super().__init__()
        self.transformer = transformer

    def forward(self, x):
        """Take the logarithms."""
        scale = self.transformer._per_channel(self.transformer.scale_, x)
        return (x.sign() * (1 + (x.abs() / scale).double()).log() / math.log(10)).float()


class _Traced(nn.Module):
    """What a transformer does to a batch of tensors."""

    def __init__(self, transformer):
        super().__init__()
        self.transformer = transformer

    def forward(self, x):
        """Transform a batch."""
        return self.transformer._apply(x)


class _Factors(nn.Module):
    """Factors of units and frames, in float64; what float32 cannot hold becomes infinite."""

    def __init__(self, converter, shape, owner):
        super().__init__()
        if converter.power_.any() and converter.redshift_ is None:
            raise ValueError(
                f"{owner} cannot export UnitConverter(redshift=None), which is given the redshifts "
                f"of samples beside the maps. Set 'redshift' where all samples have the same, or "
                f"convert before: {owner}(pipeline[1:], ...)."
            )
        growth = 1.0 if converter.redshift_ is None else 1 + converter.redshift_
        factors = converter.factor_ * growth**converter.power_
        layout = converter._layout(np.empty((1, *shape)))
        factors = factors.reshape(layout.per_channel_shape())
        self.register_buffer("factors", torch.from_numpy(factors))

    def forward(self, x):
        """Convert a batch."""
        return (x.double() * self.factors).float()


class _Copies(nn.Module):
    """Maps and their averages over spheres."""

    def __init__(self, transformer):
        super().__init__()
        self.transformer = transformer

    def forward(self, x):
        """Append the copies."""
        step = self.transformer
        fields = x if step._layout(x).has_channels else x[:, None]
        copies = [copy for i in step.channels_ for copy in step._smoothed(fields[:, i])]
        stacked = torch.stack(copies, 1)
        return torch.cat([fields, stacked], 1) if step.keep else stacked
