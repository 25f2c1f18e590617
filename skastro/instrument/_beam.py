"""The blur of a Gaussian beam."""

from collections.abc import Sequence
from numbers import Real
from typing import Literal

import numpy as np
from scipy import ndimage

from ..datasets._checks import message
from ..exceptions import UnitMismatchError
from ..maps import MapTransformer
from ..utils import is_torch, namespace
from ..utils._params import HasMethods, Interval, StrOptions
from ..utils._typing import ArrayLike, QuantityLike
from ._sky import n_frequencies, sky_shape
from ._units import in_unit, one_number

# Names of boundaries, in scipy.ndimage and in numpy.pad.
_MODES = {
    "zeros": ("constant", "constant"),
    "reflect": ("reflect", "symmetric"),
    "nearest": ("nearest", "edge"),
    "wrap": ("wrap", "wrap"),
}


class GaussianBeam(MapTransformer):
    """Convolve maps with a Gaussian beam on the sky.

    The last two axes are the sky; the axis before them, where there is one, is frequency, each
    channel of which is convolved by itself. Signals of one axis are convolved along it. Weights
    are those of `scipy.ndimage.gaussian_filter`: the Gaussian at the centres of the pixels, as
    far as `truncate` standard deviations, with sum 1. What comes out for a map does not depend
    on the maps beside it, bit for bit, and gradients pass through tensors.

    Parameters
    ----------
    fwhm : float, Quantity or array-like of these, default=2.0
        Full width at half maximum: in pixels, or in the unit of `pixel_size` where this is
        given. An array has one width for each frequency channel. Channels of width 0 stay as
        they are.
    pixel_size : float or Quantity, default=None
        Width of a pixel, in the unit of `fwhm`.
    boundary : {"zeros", "reflect", "nearest", "wrap"}, default="zeros"
        What is beyond the edge: nothing, the map mirrored with its edge pixel repeated, the
        edge pixel, or the opposite side of a periodic map. "reflect" and "wrap" keep the sum of
        each channel; with "zeros" flux is lost over the edge.
    truncate : float, default=4.0
        Radius of the beam in standard deviations, beyond which it is cut.

    Attributes
    ----------
    sigma_ : ndarray of shape (1,) or (n_frequencies,)
        Standard deviations in pixels, FWHM / sqrt(8 ln 2).
    sample_shape_ : tuple of int
        Shape of a sample in fit. The sizes of the sky may differ in transform.
    n_features_in_ : int
        Length of the first axis of a sample.

    See Also
    --------
    Telescope.beam : With the beam of a survey.

    Notes
    -----
    The Gaussian is not averaged over pixels: widths should be 1.5 pixels or more.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy import units as u
    >>> from skastro.instrument import GaussianBeam
    >>> source = np.zeros((1, 9, 9))
    >>> source[0, 4, 4] = 100.0
    >>> beam = GaussianBeam(4 * u.arcmin, pixel_size=120 * u.arcsec)
    >>> blurred = beam.fit_transform(source)
    >>> blurred[0, 4, 2:7].round(1)
    array([ 1.4, 11. , 22.1, 11. ,  1.4], dtype=float32)
    >>> round(float(blurred.sum()), 3)
    100.0
    """

    _free_size = True
    _parameter_constraints = {
        "fwhm": [Interval(Real, 0, None, closed="left"), "array-like", HasMethods(["to_value"])],
        "pixel_size": [
            Interval(Real, 0, None, closed="neither"),
            HasMethods(["to_value"]),
            None,
        ],
        "boundary": [StrOptions(set(_MODES))],
        "truncate": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        fwhm: QuantityLike | ArrayLike | Sequence[QuantityLike] = 2.0,
        *,
        pixel_size: QuantityLike | None = None,
        boundary: Literal["zeros", "reflect", "nearest", "wrap"] = "zeros",
        truncate: float = 4.0,
    ) -> None:
        self.fwhm = fwhm
        self.pixel_size = pixel_size
        self.boundary = boundary
        self.truncate = truncate

    def _fit(self, X):
        super()._fit(X)
        shape = tuple(X.shape[1:])
        widths = self._widths_in_pixels()
        if widths.shape not in ((), (n_frequencies(shape),)) or (widths < 0).any():
            allowed = (
                f"a number or quantity of at least 0, or {n_frequencies(shape)} of them, one for "
                f"each frequency channel"
            )
            raise ValueError(message(type(self).__name__, "fwhm", allowed, self.fwhm))
        self.sigma_ = np.atleast_1d(widths / np.sqrt(8 * np.log(2)))

    def _widths_in_pixels(self):
        owner = type(self).__name__
        if self.pixel_size is None:
            if _has_unit(self.fwhm):
                raise UnitMismatchError(
                    f"The 'fwhm' parameter of {owner} is {self.fwhm!r}, and nothing says how large "
                    f"a pixel is. Give 'pixel_size', or the width in pixels."
                )
            return in_unit(owner, "fwhm", self.fwhm, None)
        unit = getattr(self.pixel_size, "unit", None)
        if (unit is not None) != _has_unit(self.fwhm):
            raise UnitMismatchError(
                f"The 'pixel_size' parameter of {owner} is {self.pixel_size!r} and 'fwhm' is "
                f"{self.fwhm!r}. Give both as quantities, or both as numbers in one unit."
            )
        width = in_unit(owner, "fwhm", self.fwhm, unit)
        return width / one_number(owner, "pixel_size", self.pixel_size, unit)

    def _apply(self, batch):
        if len(self.sigma_) == 1 or (self.sigma_ == self.sigma_[0]).all():
            return self._convolve(batch, self.sigma_[0])
        n_channels = n_frequencies(tuple(batch.shape[1:]))
        if n_channels != len(self.sigma_):
            raise ValueError(
                f"GaussianBeam was fitted with a width for each of {len(self.sigma_)} frequency "
                f"channels; got maps with {n_channels}."
            )
        channels = [
            self._convolve(batch[..., i, :, :], sigma) for i, sigma in enumerate(self.sigma_)
        ]
        return namespace(batch).stack(channels, -3)

    def _convolve(self, batch, sigma):
        radius = int(self.truncate * sigma + 0.5)
        if radius == 0:
            return batch
        offsets = np.arange(-radius, radius + 1)
        weights = np.exp(-0.5 * (offsets / sigma) ** 2)
        weights /= weights.sum()
        convolve = _convolve_tensor if is_torch(batch) else _convolve_array
        for axis in range(-len(sky_shape(batch.shape[1:])), 0):
            batch = convolve(batch, weights, axis, *_MODES[self.boundary])
        return batch


def _has_unit(value):
    return hasattr(value, "unit") or (
        isinstance(value, list | tuple) and all(map(_has_unit, value))
    )


def _convolve_array(batch, weights, axis, mode, _):
    return ndimage.correlate1d(batch, weights, axis, mode=mode, cval=0.0)


def _convolve_tensor(batch, weights, axis, _, mode):
    """Sum of shifted maps, which is the same for a map alone and in a batch."""
    size, radius = batch.shape[axis], len(weights) // 2
    if mode == "constant":
        edge = batch.new_zeros(
            [radius if i == axis % batch.ndim else n for i, n in enumerate(batch.shape)]
        )
        padded = namespace(batch).concatenate([edge, batch, edge], axis)
    else:
        places = np.pad(np.arange(size), radius, mode=mode)
        padded = batch.index_select(axis, namespace(batch).from_numpy(places).to(batch.device))
    out = float(weights[radius]) * batch
    for i in range(radius):
        pair = padded.narrow(axis, i, size) + padded.narrow(axis, 2 * radius - i, size)
        out = out + float(weights[i]) * pair
    return out
