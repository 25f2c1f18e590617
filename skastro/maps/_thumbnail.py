"""Small pictures of maps, for notebooks."""

import base64
import io
import math
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ._lazy import LazyMaps

_CELLS = 96  # along the longer side
_WIDTH = 112  # pixels on the screen
_MOST_BYTES = 1 << 26
_MOST_CHANNELS = 4
_WIDE_RANGE = 100.0  # of values that are seen only on a logarithmic scale


def thumbnails(maps: "np.ndarray | LazyMaps") -> str:
    """Pictures of the first sample, a channel each.

    Parameters
    ----------
    maps : ndarray or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        The maps, of which one sample is read. Of a cube the middle slice across its shortest
        axis is drawn.

    Returns
    -------
    str
        HTML; empty where there is nothing to draw, or no Matplotlib to draw with.
    """
    if find_spec("matplotlib") is None:
        return ""
    sample_bytes = math.prod(maps.shape[1:]) * 4
    if len(maps) == 0 or len(maps.shape) < 3 or not 0 < sample_bytes <= _MOST_BYTES:
        return ""
    sample = np.asarray(maps[0], dtype=np.float32)
    channels = sample[None] if sample.ndim == 2 else sample
    pictures = [_image(_plane(channel)) for channel in channels[:_MOST_CHANNELS]]
    left = len(channels) - len(pictures)
    return "".join(pictures) + (f" and {left} more" if left else "")


def _plane(channel):
    """The two longest axes of a channel, cut in the middle of others, thinned to what fits."""
    while channel.ndim > 2:
        axis = channel.ndim - 1 - np.argmin(channel.shape[::-1])
        channel = channel.take(channel.shape[axis] // 2, axis=axis)
    if channel.ndim < 2:
        channel = channel[:, None]
    step = max(1, -(-max(channel.shape) // _CELLS))
    return channel[::step, ::step]


def _image(values):
    """An image element, first axis to the right and second axis up."""
    from matplotlib.image import imsave

    low, high = np.nanpercentile(values, [1, 99]) if np.isfinite(values).any() else (0, 1)
    if low > 0 and high > _WIDE_RANGE * low:
        with np.errstate(all="ignore"):
            values, low, high = np.log10(values), np.log10(low), np.log10(high)
    content = io.BytesIO()
    high = high if high > low else low + 1.0
    imsave(content, values.T, format="png", origin="lower", cmap="viridis", vmin=low, vmax=high)
    code = base64.b64encode(content.getvalue()).decode("ascii")
    return (
        f'<img src="data:image/png;base64,{code}" width="{_WIDTH}" alt="a channel of a map" '
        f'style="image-rendering: pixelated; margin: 2px">'
    )
