"""Convert the channels of maps between units, and between comoving and proper lengths."""

import copy
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Literal, Self

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from ..datasets._checks import message
from ..maps import LazyMaps, MapBunch, MapTransformer, check_maps
from ..utils._params import DIM, HasMethods, Interval, StrOptions
from ..utils._training_record import drop_records
from ..utils._typing import ArrayLike, Frame, Maps, MapsLike, UnitLike
from ._unit_channels import (
    FRAMES,
    channel_frames,
    channel_units,
    check_stated,
    frame_change,
    of_rows,
    plain,
)
from ._unit_factors import unit_factor
from ._unit_rescale import rescale

_UNITS = [str, "array-like", HasMethods(["decompose", "to_string"]), None]
_FRAME = [StrOptions(set(FRAMES)), "array-like", None]


class UnitConverter(MapTransformer):
    """Convert the channels of maps from one unit, and one frame, to another.

    A frame says whether the lengths in a unit are comoving or proper. Comoving lengths are
    (1 + z) times proper ones, so a density goes from proper to comoving by (1 + z)**-3. Only
    lengths that stand in the unit count, areas and volumes with their powers: 3 in cm3, none in
    erg, Jy or solLum, although these are defined through lengths.

    Parameters
    ----------
    from_units : str, astropy unit or list of these, default=None
        Unit of all channels, or of each. None is for `convert_bunch` alone: as the Bunch
        states. The Hubble parameter h [1]_ is ``littleh``, as in ``"Mpc / littleh"``.
    to_units : str, astropy unit or list of these, default=None
        Units wanted. None, for all channels or in the list, keeps the unit.
    from_frame : {"comoving", "proper"} or list of these and None, default=None
        Frame of all channels, or of each; None where it is not stated, see `convert_bunch`.
    to_frame : {"comoving", "proper"} or list of these and None, default=None
        Frame wanted. None keeps the frame.
    redshift : float, default=None
        Redshift of all samples, above -1. None where samples have redshifts of their own, which
        are given to the methods, or where frames do not change.
    hubble : float, default=None
        The Hubble parameter h = H0 / (100 km/s/Mpc), needed where units differ in their power of h.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. By default it follows from the shape.

    Attributes
    ----------
    from_units_, to_units_ : list of astropy units
        Units of each channel.
    from_frames_, to_frames_ : list of str or None
        Frame of each channel.
    factor_ : ndarray of shape (n_channels,)
        What is multiplied by for the units.
    power_ : ndarray of shape (n_channels,)
        Power of (1 + z) that is multiplied by for the frames.
    redshift_ : float or None
        Redshift of all samples, if it is one.
    sample_shape_ : tuple of int
        Shape of a sample in fit. Spatial sizes may differ in transform, channels may not.
    n_features_in_ : int
        Length of the first axis of a sample.

    See Also
    --------
    SignedLog : Compress a long tail next.

    Notes
    -----
    Products are computed in float64, as the factor may be one that float32 cannot hold: it is
    2.94e55 from g/cm3 to g/pc3, where float32 ends at 3.4e38. Maps whose converted values
    overflow float32, or lose digits below 1.2e-38, are refused with a unit that fits.

    In a pipeline with metadata routing (``sklearn.set_config(enable_metadata_routing=True)``),
    ``pipeline.fit(X, y, redshift=z)`` and ``pipeline.predict(X, redshift=z)`` hand the
    redshifts to this step; they are requested by default. Redshifts of lazy maps stay with their
    rows when rows are chosen, reordered or pickled.

    References
    ----------
    .. [1] Croton, D. 2013, "Damn you, little h! (Or, real-world applications of the Hubble
       constant using observed and simulated data)", PASA 30, e052.

    Examples
    --------
    The density of hydrogen, in units that authors use:

    >>> import numpy as np
    >>> from skastro.preprocessing import UnitConverter
    >>> gas = np.full((1, 4, 4, 4), 1e-28)
    >>> converter = UnitConverter("g / cm3", "g / pc3", dim=3).fit(gas)
    >>> f"{converter.factor_[0]:.4g}"
    '2.938e+55'
    >>> f"{converter.transform(gas)[0, 0, 0, 0]:.4g}"
    '2.938e+27'
    >>> solar = UnitConverter("g / cm3", "Msun / Mpc3", dim=3).fit_transform(gas)
    >>> f"{solar[0, 0, 0, 0]:.4g}"
    '1.478e+12'

    With a parsec rounded to 3.09e18 cm the first factor is 2.95e55, 0.4 % more. Factors of
    earlier work may differ from those of astropy by as much:

    >>> f"{3.09e18**3:.4g}, {100 * (3.09e18**3 / converter.factor_[0] - 1):.1f} %"
    '2.95e+55, 0.4 %'

    From proper to comoving at redshift 7, and back:

    >>> comoving = UnitConverter(
    ...     "g / cm3", "Msun / Mpc3", from_frame="proper", to_frame="comoving", dim=3
    ... )
    >>> converted = comoving.fit_transform(gas, redshift=[7.0])
    >>> (solar / converted)[0, 0, 0, 0]
    np.float32(512.0)
    >>> comoving.inverse_transform(converted, redshift=[7.0])[0, 0, 0, 0]
    np.float32(1e-28)
    """

    _parameter_constraints = {
        "from_units": _UNITS,
        "to_units": _UNITS,
        "from_frame": _FRAME,
        "to_frame": _FRAME,
        "redshift": [Interval(Real, -1, None, closed="neither"), None],
        "hubble": [Interval(Real, 0, None, closed="neither"), None],
        "dim": DIM,
    }
    # The name can mean but one thing, so it is requested unless the user says otherwise.
    __metadata_request__fit = {"redshift": True}
    __metadata_request__transform = {"redshift": True}
    __metadata_request__inverse_transform = {"redshift": True}

    def __init__(
        self,
        from_units: UnitLike | Sequence[UnitLike] | None = None,
        to_units: UnitLike | Sequence[UnitLike] | None = None,
        *,
        from_frame: Frame | Sequence[Frame | None] | None = None,
        to_frame: Frame | Sequence[Frame | None] | None = None,
        redshift: float | None = None,
        hubble: float | None = None,
        dim: Literal[1, 2, 3] | None = None,
    ) -> None:
        self.from_units = from_units
        self.to_units = to_units
        self.from_frame = from_frame
        self.to_frame = to_frame
        self.redshift = redshift
        self.hubble = hubble
        self.dim = dim

    def fit(self, X: MapsLike, y: object = None, redshift: ArrayLike | None = None) -> Self:
        """Find the factors, and check that all they need is there.

        Parameters
        ----------
        X : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Training maps. Values of lazy maps are not read.
        y : None
            Ignored.
        redshift : float or array-like of shape (n_samples,), default=None
            Redshifts of the samples, where frames change and the parameter is None.

        Returns
        -------
        self
            The fitted converter.

        Raises
        ------
        UnitMismatchError
            If units of a channel are of different dimensions, or have other powers of length.
        MapShapeError
            If `X` has no shape of maps.
        ValueError
            If a redshift, a frame or h is missing, or a parameter is out of its range.
        """
        self._validate_params()
        X = check_maps(self, X, reset=True, dim=self.dim)
        self._fit(X)
        self._redshifts(redshift, len(X))
        return self

    def _fit(self, X):
        n_channels = self._layout(X).n_channels
        if self.from_units is None:
            raise ValueError(
                "The 'from_units' parameter of UnitConverter must be given where maps are no "
                "Bunch: an array states no unit. Give it, or call convert_bunch(data)."
            )
        sources = channel_units("from_units", self.from_units, n_channels)
        targets = channel_units("to_units", self.to_units, n_channels)
        units = [(s, s if t is None else t) for s, t in zip(sources, targets, strict=True)]
        self.from_units_, self.to_units_ = map(list, zip(*units, strict=True))
        self.factor_ = np.array(
            [unit_factor("UnitConverter", i, *pair, self.hubble) for i, pair in enumerate(units)]
        )
        self.from_frames_ = channel_frames("from_frame", self.from_frame, n_channels)
        wanted = channel_frames("to_frame", self.to_frame, n_channels)
        frames = zip(units, self.from_frames_, wanted, strict=True)
        found = [frame_change(i, pair, *both) for i, (pair, *both) in enumerate(frames)]
        self.to_frames_ = [frame for frame, _ in found]
        self.power_ = np.array([power for _, power in found])
        self.redshift_ = None if self.redshift is None else float(self.redshift)

    def fit_transform(
        self, X: MapsLike, y: object = None, redshift: ArrayLike | None = None
    ) -> Maps:
        """Find the factors and convert maps.

        Parameters
        ----------
        X : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Training maps.
        y : None
            Ignored.
        redshift : float or array-like of shape (n_samples,), default=None
            Redshifts of the samples, see `fit`.

        Returns
        -------
        ndarray, torch.Tensor or LazyMaps
            What was given, converted, float32.
        """
        return self.fit(X, y, redshift=redshift).transform(X, redshift=redshift)

    def transform(self, X: MapsLike, redshift: ArrayLike | None = None) -> Maps:
        """Convert maps.

        Parameters
        ----------
        X : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps.
        redshift : float or array-like of shape (n_samples,), default=None
            Redshifts of the samples, where frames change and the parameter is None.

        Returns
        -------
        ndarray, torch.Tensor or LazyMaps
            What was given, converted, float32. Lazy maps are converted when they are read.

        Raises
        ------
        MapShapeError
            If samples have not the channels that were fitted.
        ValueError
            If a redshift is missing, or float32 cannot hold a converted value.
        """
        check_is_fitted(self)
        return self._convert(X, redshift)

    def inverse_transform(self, X: MapsLike, redshift: ArrayLike | None = None) -> Maps:
        """Convert maps back.

        Parameters
        ----------
        X : array-like, torch.Tensor or LazyMaps
            Converted maps.
        redshift : float or array-like of shape (n_samples,), default=None
            Redshifts of the samples, see `transform`.

        Returns
        -------
        ndarray, torch.Tensor or LazyMaps
            Maps in the original units and frames, float32.
        """
        check_is_fitted(self)
        return self._inverted()._convert(X, redshift)

    def convert_bunch(self, data: MapBunch) -> MapBunch:
        """Convert the maps of a Bunch that states their units.

        The converter need not be fitted, and stays as it is.

        Parameters
        ----------
        data : Bunch
            Has ``maps`` and ``units``; where frames change, also ``frames`` and ``redshift``,
            a number or one for each sample. ``units`` and ``frames`` are one for all channels or
            a list. Where `from_units` or `from_frame` is given, the Bunch must agree with it.

        Returns
        -------
        Bunch
            The same with ``maps`` converted and ``units`` and ``frames`` those of each channel;
            all else, such as a target, as it was.

        Raises
        ------
        TypeError
            If `data` holds no maps.
        UnitMismatchError
            If the units of the Bunch are not those of `from_units`, or cannot be converted.
        ValueError
            If the frames of the Bunch are not `from_frame`, or something is missing.
        """
        if not isinstance(data, Mapping) or "maps" not in data:
            raise TypeError(
                f"UnitConverter.convert_bunch takes a Bunch with 'maps'; got a "
                f"{type(data).__name__}. Convert arrays with fit_transform."
            )
        stated = {"from_units": data.get("units"), "from_frame": data.get("frames")}
        given = {name: value for name, value in stated.items() if value is not None}
        missing = {name: value for name, value in given.items() if getattr(self, name) is None}
        converter = clone(self).set_params(**missing)
        maps, redshift = data["maps"], data.get("redshift")
        claims = clone(converter).set_params(to_units=None, to_frame=None, **given)
        converter.fit(maps, redshift=redshift)
        check_stated(converter, claims.fit(maps[:1]))
        converted = converter.transform(maps, redshift=redshift)
        found = {"units": converter.to_units_, "frames": converter.to_frames_}
        return MapBunch(**(dict(data) | {"maps": converted} | found))

    def _inverted(self):
        """The fitted converter the other way round."""
        other = copy.copy(self)
        drop_records(other)
        other.factor_, other.power_ = 1 / self.factor_, -self.power_
        other.from_units_, other.to_units_ = self.to_units_, self.from_units_
        other.from_frames_, other.to_frames_ = self.to_frames_, self.from_frames_
        other._target = "from_units" if self._target == "to_units" else "to_units"
        return other

    _target = "to_units"  # the parameter to change where float32 cannot hold what comes out
    _rows = _row_redshifts = None

    def _convert(self, X, redshift):
        X = check_maps(self, X, reset=False, dim=self.dim, free_size=self._free_size)
        redshifts = self._redshifts(redshift, len(X))
        if not isinstance(X, LazyMaps):
            return self._scaled(X, redshifts)
        step = copy.copy(self)
        if redshifts.size > 1 or (redshifts.size and self.redshift_ is None):
            step._rows, step._row_redshifts = of_rows(X.rows, redshifts)
            step._random = True  # which has the numbers of the rows handed on
        return X.with_step(step)

    def _redshifts(self, redshift, n_samples):
        """Redshifts of samples: none where frames stay, one, or one for each."""
        if not self.power_.any():
            return np.empty(0)
        given = self.redshift_ if redshift is None else redshift
        if given is None:
            channel = int(np.flatnonzero(self.power_)[0])
            raise ValueError(
                f"UnitConverter brings channel {channel} from {self.from_frames_[channel]} to "
                f"{self.to_frames_[channel]} lengths, for which it needs redshifts. Give the "
                f"parameter 'redshift', or one for each sample: transform(X, redshift=z); in a "
                f"pipeline, with sklearn.set_config(enable_metadata_routing=True)."
            )
        values = np.asarray(given)
        sizes = ((), (n_samples,))
        real = values.dtype.kind in "iuf" and values.shape in sizes
        if not real or not (np.isfinite(values) & (values > -1)).all():
            allowed = f"one finite number above -1, or {n_samples} of them, one for each sample"
            raise ValueError(message(type(self).__name__, "redshift", allowed, given))
        values = np.atleast_1d(values).astype(np.float64)
        if self.redshift_ is not None and (values != self.redshift_).any():
            raise ValueError(
                f"The 'redshift' parameter of UnitConverter is {self.redshift_}, and other "
                f"redshifts came with the maps. Set redshift=None to take those of the maps."
            )
        return values[:1] if values.size and (values == values[0]).all() else values

    def _apply(self, batch):
        """Convert a batch whose samples share a redshift or need none."""
        return self._scaled(batch, self._redshifts(None, len(batch)))

    def _apply_random(self, batch, samples, epoch):
        """Convert a batch by the redshifts of its rows in the source."""
        places = np.searchsorted(self._rows, samples)
        return self._scaled(batch, self._row_redshifts[places])

    def _scaled(self, batch, redshifts):
        layout = self._layout(batch)
        growth = 1 + redshifts[:, None] if redshifts.size else np.ones((1, 1))
        factors = self.factor_ * growth**self.power_
        shape = (len(factors), *layout.per_channel_shape()[1:])
        return rescale(batch, factors.reshape(shape), layout, self.to_units_, self._target)

    def _identity(self):
        """What tells this converter from others, equal in every process."""
        return {name: plain(value) for name, value in vars(self).items()}
