"""Multiply float32 maps by factors that float32 itself may not hold."""

import math

import numpy as np

from ..utils import is_torch, namespace

_FLOAT32 = np.finfo(np.float32)
_MOST, _LEAST = float(_FLOAT32.max), float(_FLOAT32.smallest_normal)


def rescale(batch, factors, layout, units, parameter):
    """Multiply maps in float64, and return them in float32 where that can hold them.

    Parameters
    ----------
    batch : ndarray or torch.Tensor of shape (n_samples, [n_channels,] *spatial)
        Maps of float32.
    factors : ndarray of float64
        Factors that broadcast against `batch`; its first axis is 1 or n_samples.
    layout : MapLayout
        Axes of the batch.
    units : list of astropy units
        Units of the products, one for each channel, named in errors.
    parameter : str
        Parameter with these units, named in errors.

    Returns
    -------
    ndarray or torch.Tensor
        The products in float32.

    Raises
    ------
    ValueError
        If a product is larger than float32 can hold, or so small that digits are lost.
    """
    said = layout, units, parameter
    if is_torch(batch):
        exact = batch.double() * batch.new_tensor(factors, dtype=namespace(batch).float64)
        out = exact.to(batch.dtype)
        _check(batch.detach(), exact.detach(), out.detach(), *said)
        return out
    out = np.empty(batch.shape, dtype=np.float32)
    factors = np.broadcast_to(factors, (len(batch), *factors.shape[1:]))
    with np.errstate(over="ignore"):
        for i in range(len(batch)):
            one = slice(i, i + 1)
            exact = batch[one] * factors[one]
            out[one] = exact
            _check(batch[one], exact, out[one], *said)
    return out


def _check(batch, exact, out, layout, units, parameter):
    """Refuse products that float32 holds as infinity, or as zero or with fewer digits."""
    bad = (abs(exact) < _LEAST) & (exact != out)
    bad |= (abs(exact) > _MOST) & namespace(batch).isfinite(batch)
    if not bool(bad.any()):
        return
    exact, bad = (part.cpu().numpy() if is_torch(part) else part for part in (exact, bad))
    if not layout.has_channels:
        exact, bad = exact[:, None], bad[:, None]
    channel = int(np.argwhere(bad)[0, 1])
    worst = exact[:, channel][bad[:, channel]][0]
    raise ValueError(
        f"UnitConverter: channel {channel} has values of {worst:.3g} in '{units[channel]}', where "
        f"float32 holds 1.2e-38 to 3.4e38. Take another unit in '{parameter}', such as "
        f"{_better_unit(units[channel], exact[:, channel])}."
    )


def _better_unit(unit, values):
    """Name a unit in which values lie in the middle of what float32 holds."""
    from astropy.units import CompositeUnit

    size = np.abs(values[np.isfinite(values) & (values != 0)])
    if not size.size:
        return f"one much closer to '{unit}' than that of the maps"
    decade = math.floor((math.log10(size.min()) + math.log10(size.max())) / 2)
    return f"'{CompositeUnit(10.0**decade * unit.scale, unit.bases, unit.powers)}'"
