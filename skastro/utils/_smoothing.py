"""Averages of fields over spheres and Gaussians around each cell."""

import functools
import math

import numpy as np
from scipy import fft

from ._backend import is_torch, namespace

_CACHED_CELLS = 1 << 21  # transfer functions of larger maps are made anew for each field
_TRUNCATE = 4.0
_ROUNDING = 1e-9  # of a scale over the width of a cell
_NOISE = 8 * np.finfo(np.float64).eps


def smoothed(fields, scales, window, boundary):
    """Go through the scales of fields; one Fourier transform forward serves all of them.

    Rounding errors are about 2e-16 of the greatest mean. Means are held to the range of each
    field, and those above its least value by less than 2e-15 of the greatest mean are set to it.

    Parameters
    ----------
    fields : ndarray or torch.Tensor of shape (n, *spatial)
        Fields of one channel.
    scales : ndarray of shape (n_scales,) or (n_scales, dim)
        Radii or standard deviations in cells, above zero: one for all axes, or one for each.
    window : {"top_hat", "gaussian"}
        Cells whose centres are within the radius, with equal weights, or a Gaussian to four
        standard deviations.
    boundary : {"wrap", "reflect"}
        What is beyond the edge: the opposite side, or the mirror image.

    Yields
    ------
    ndarray or torch.Tensor of shape (n, *spatial)
        The means of each scale, float64.
    """
    xp, spatial = namespace(fields), tuple(fields.shape[1:])
    dim = len(spatial)
    scales = np.broadcast_to(np.reshape(scales, (len(scales), -1)), (len(scales), dim))
    reaches = [0] * dim
    if boundary == "reflect":
        reaches = [_reach(window, scale) for scale in scales.max(0)]
    grid = tuple(_padded(n, reach) for n, reach in zip(spatial, reaches, strict=True))
    axes = tuple(range(1, dim + 1))
    flat = (-1, *(1,) * dim)
    cells = fields.double() if is_torch(fields) else fields.astype(np.float64)
    low, high = xp.amin(cells, axes).reshape(flat), xp.amax(cells, axes).reshape(flat)
    spectrum = _transform(_extended(cells, reaches, grid), grid, axes)
    inside = tuple(slice(reach, reach + n) for n, reach in zip(spatial, reaches, strict=True))
    for scale in scales.tolist():
        transfer = _transfer(window, tuple(scale), grid)
        means = _inverse(spectrum, transfer, grid, axes)[(slice(None), *inside)]
        noise = _NOISE * xp.amax(abs(means), axes).reshape(flat)
        yield xp.minimum(xp.where(means - low < noise, low, means), high)


def within(small, large):
    """Whether a number is at most another, rounding aside."""
    return small <= large * (1 + _ROUNDING)


def _reach(window, scale):
    """Cells from the centre to the last one that counts."""
    if window == "gaussian":
        return int(_TRUNCATE * scale + 0.5)
    return math.floor(scale * (1 + _ROUNDING))


def _padded(size, reach):
    """Size of an axis with the mirrored cells, one that is fast to transform."""
    return fft.next_fast_len(size + 2 * reach, real=True) if reach else size


def _make_transfer(window, scales, grid):
    """Fourier transform, which is real, of weights with sum 1 on a periodic grid."""
    if window == "gaussian":
        lines = [_gaussian(scale, size) for scale, size in zip(scales, grid, strict=True)]
        halves = [*(fft.fft(line).real for line in lines[:-1]), fft.rfft(lines[-1]).real]
        transfer = functools.reduce(np.multiply.outer, halves)
    else:
        transfer = fft.rfftn(_ball(scales, grid), workers=1).real
    transfer.flat[0] = 1.0
    return transfer


def _gaussian(scale, size):
    reach = _reach("gaussian", scale)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / scale) ** 2)
    return _wrapped(weights / weights.sum(), 0, size)


def _ball(scales, grid):
    reaches = [_reach("top_hat", scale) for scale in scales]
    squares = [
        (np.arange(-reach, reach + 1) / scale) ** 2
        for reach, scale in zip(reaches, scales, strict=True)
    ]
    ball = (functools.reduce(np.add.outer, squares) <= 1 + _ROUNDING).astype(np.float64)
    ball /= ball.sum()
    for axis, size in enumerate(grid):
        ball = _wrapped(ball, axis, size)
    return ball


def _wrapped(weights, axis, size):
    """Add up the weights that fall on the same cell of a periodic axis."""
    out = np.zeros((*weights.shape[:axis], size, *weights.shape[axis + 1 :]))
    reach = weights.shape[axis] // 2
    places = np.arange(-reach, reach + 1) % size
    np.add.at(np.moveaxis(out, axis, 0), places, np.moveaxis(weights, axis, 0))
    return out


_cached_transfer = functools.lru_cache(maxsize=8)(_make_transfer)


def _transfer(window, scales, grid):
    cached = math.prod(grid) <= _CACHED_CELLS
    return (_cached_transfer if cached else _make_transfer)(window, scales, grid)


def _extended(cells, reaches, grid):
    """Mirror the cells at both edges; what fills the grid behind them reaches no cell inside."""
    xp = namespace(cells)
    for axis, (size, reach) in enumerate(zip(grid, reaches, strict=True), start=1):
        if not reach:
            continue
        places = np.pad(np.arange(cells.shape[axis]), reach, mode="symmetric")
        places = np.pad(places, (0, size - len(places)), mode="edge")
        if is_torch(cells):
            cells = cells.index_select(axis, xp.from_numpy(places).to(cells.device))
        else:
            cells = np.take(cells, places, axis)
    return cells


def _transform(cells, grid, axes):
    if is_torch(cells):
        return namespace(cells).fft.rfftn(cells, s=grid, dim=axes)
    return fft.rfftn(cells, s=grid, axes=axes, workers=1)


def _inverse(spectrum, transfer, grid, axes):
    if is_torch(spectrum):
        xp = namespace(spectrum)
        transfer = xp.from_numpy(transfer).to(spectrum.device)
        return xp.fft.irfftn(spectrum * transfer, s=grid, dim=axes)
    return fft.irfftn(spectrum * transfer, s=grid, axes=axes, workers=1, overwrite_x=True)
