"""What a model was trained on."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from ..utils import check_groups
from ._plain import as_json, from_lists
from ._record_checks import warn_of_data, warn_of_groups, warn_of_maps, warn_of_predictions
from ._record_made import from_data, from_model, group_hash, known_record
from ._record_values import check_values

Ranges = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class TrainingRecord:  # numpydoc ignore=PR02
    """What a model was trained on, and what it can be asked about.

    Made by `make` when a model is saved; `load` puts it on the model as ``training_record_``.
    What is not known is None, and is not checked. All values are plain: numbers, strings, tuples
    and dictionaries.

    Parameters
    ----------
    field_names : tuple of str, default=None
        Names of the channels.
    units : tuple of str, default=None
        Their units as astropy spells them, or one for all.
    frames : tuple of (str or None), default=None
        "comoving", "proper" or None for each channel, or one for all.
    redshift : tuple of float, default=None
        Lowest and highest.
    box_size, cell_size : float or tuple of float, default=None
        Lengths as the Bunch had them, comoving Mpc by the custom of this library.
    origin : dict of str to str, default=None
        Further words of the Bunch: its ``suite``, ``set`` and ``kind``.
    sample_shape : tuple of int, default=None
        Shape of a training map.
    n_samples, n_groups : int, default=None
        Number of maps and of the simulations that they are from.
    groups_hash : str, default=None
        Hash of the distinct groups, the same for the same set of simulations.
    groups : tuple of str, default=None
        Short hashes of the groups, if there are no more than 4096; see `trained_on`.
    classes : tuple, default=None
        Classes that a classifier knows.
    target_names : tuple of str, default=None
        Names of the targets, of a classifier those of its classes.
    target_range : dict of str to tuple of float, default=None
        Least and greatest value of each target.
    value_range : tuple of tuple of float, default=None
        Least and greatest value of each channel, in the maps that were read.
    statistics : dict of str to tuple of tuple of float, default=None
        Least and greatest mean, standard deviation, and quantiles of a map, for each channel.
    n_maps_read : int, default=None
        Number of maps that the last two are from: all, or some at equal steps where all take
        more than 1 GiB.
    noise : tuple of str, default=None
        Steps of `skastro.instrument` in the model, and when they act.
    history : dict of str to tuple of dict, default=None
        Losses of each epoch of each net, by the name of the net within the model.
    search : dict, default=None
        ``best_params`` (as text), ``best_score`` and ``n_candidates`` of a search.
    scores : dict, default=None
        Scores by name, as they were given.
    notes : str, default=None
        What the author says.

    See Also
    --------
    skastro.persistence.save : Makes one and writes it with the model.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.utils import Bunch
    >>> from skastro.persistence import TrainingRecord
    >>> from skastro.statistics import PowerSpectrum
    >>> rng = np.random.default_rng(0)
    >>> data = Bunch(maps=rng.normal(size=(20, 8, 8)), groups=np.arange(20), units=["mK"])
    >>> record = TrainingRecord.make(PowerSpectrum().fit(data.maps), data)
    >>> record.units, record.n_groups, record.trained_on([3, 20]).tolist()
    (('mK',), 20, [True, False])
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     record.check_maps(1e6 * rng.normal(size=(5, 8, 8)))
    >>> print(str(caught[0].message).partition(":")[0])
    5 of 5 maps that were looked at are unlike the training maps
    """

    field_names: tuple[str, ...] | None = None
    units: tuple[str | None, ...] | None = None
    frames: tuple[str | None, ...] | None = None
    redshift: tuple[float, float] | None = None
    box_size: float | tuple[float, ...] | None = None
    cell_size: float | tuple[float, ...] | None = None
    origin: dict[str, str] | None = None
    sample_shape: tuple[int, ...] | None = None
    n_samples: int | None = None
    n_groups: int | None = None
    groups_hash: str | None = None
    groups: tuple[str, ...] | None = None
    classes: tuple[Any, ...] | None = None
    target_names: tuple[str, ...] | None = None
    target_range: dict[str, tuple[float, float]] | None = None
    value_range: Ranges | None = None
    statistics: dict[str, Ranges] | None = None
    n_maps_read: int | None = None
    noise: tuple[str, ...] | None = None
    history: dict[str, tuple[dict[str, float], ...]] | None = None
    search: dict[str, Any] | None = None
    scores: dict[str, Any] | None = None
    notes: str | None = None

    @classmethod
    def make(
        cls,
        model: Any,
        data: Mapping[str, Any] | None = None,
        scores: Any = None,
        notes: str | None = None,
    ) -> Self:
        """Note what a fitted model was trained on.

        Parameters
        ----------
        model : estimator
            The fitted model.
        data : Bunch, default=None
            The training data, with ``maps`` and what else the loaders and mocks of this library
            give. Without it the record has what the model itself knows, or, of a model that was
            loaded and not fitted since, what its record says.
        scores : mapping, Comparison or DataFrame, default=None
            Scores by name: numbers, one for each fold, or again scores by name.
        notes : str, default=None
            What is to be remembered.

        Returns
        -------
        TrainingRecord
            The record.

        Raises
        ------
        TypeError
            If `data` is no Bunch with maps, `notes` no string or `scores` no scores.
        ValueError
            If `data` has maps of another shape than those that the model was trained on.
        """
        found = {} if data is not None else known_record(model)
        found |= from_model(model, scores, notes)
        return cls(**(found if data is None else found | from_data(model, data)))

    def to_json(self) -> dict[str, Any]:
        """Give all that is known as values that JSON has.

        Returns
        -------
        dict of str to object
            Strings, numbers, lists and dictionaries by the name of the attribute.
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: as_json(value) for name, value in values.items() if value is not None}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Take what `to_json` gave.

        Parameters
        ----------
        values : dict of str to object
            Values by name. Names that this version does not know are left out.

        Returns
        -------
        TrainingRecord
            The record.

        Raises
        ------
        ValueError
            If values are none that `to_json` gives.
        """
        known = {field.name for field in fields(cls)}
        found = {name: from_lists(values[name]) for name in values if name in known}
        check_values(found)
        return cls(**found)

    def check_maps(self, X: ArrayLike) -> None:
        """Warn of maps whose values are unlike those of the training maps.

        Mean, standard deviation, median and the quantiles of 1 and 99 % of each channel of each
        map are compared with their ranges over the training maps, to which half the width is
        added on each side (see Notes). There is a warning where more than a tenth of the maps
        that are looked at lie outside, and more than one of several. Of maps in memory 64 are
        looked at, or what 32 MiB hold, of lazy maps 8, at equal steps.

        Parameters
        ----------
        X : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps as the model is given them.

        Warns
        -----
        TrainingRangeWarning
            If maps are unlike those of the training.

        Notes
        -----
        Extremes do not count: those of skewed fields grow with the number of cells. Half the
        width of a range and half the spread within maps are added on each side. Where this would
        let a statistic of one sign change it, the range is widened by a factor instead: 1.5
        times the root of the ratio of its ends. So logarithms, fields in another order and
        factors of ten between units are mostly found; factors of two are not, nor small units
        of fields that are zero in some maps of the training.
        """
        warn_of_maps(self, X)

    def check_data(self, data: Mapping[str, Any]) -> None:
        """Warn of data that say of themselves that they are unlike those of the training.

        Fields and their order, units, frames, redshift, lengths of box and cell, shape and suite
        are compared, as far as both the record and the Bunch state them.

        Parameters
        ----------
        data : Bunch
            Data to predict on.

        Warns
        -----
        TrainingRangeWarning
            For each kind of difference.
        """
        warn_of_data(self, data)

    def check_predictions(self, y: ArrayLike) -> None:
        """Warn of predictions that lie outside the targets of the training.

        Parameters
        ----------
        y : array-like of shape (n_samples,), (n_samples, n_targets) or that of fields
            Predictions.

        Warns
        -----
        TrainingRangeWarning
            If more than one in a hundred predictions of a target lie outside its training range
            by more than a tenth of its width.
        """
        warn_of_predictions(self, y)

    def check_groups(self, groups: ArrayLike) -> None:
        """Warn of data of simulations that were trained on, where they are to be scored.

        Parameters
        ----------
        groups : array-like of shape (n_samples,)
            Simulation of each sample, named as in training.

        Warns
        -----
        LeakageWarning
            If the model was trained on some of them.
        """
        warn_of_groups(self, groups)

    def trained_on(self, groups: ArrayLike) -> np.ndarray:
        """Say which samples are of simulations that were trained on.

        Parameters
        ----------
        groups : array-like of shape (n_samples,)
            Simulation of each sample, named as in training: numbers are those of the same data
            set, as those of two suites count the same.

        Returns
        -------
        ndarray of bool of shape (n_samples,)
            True where the simulation was trained on.

        Raises
        ------
        ValueError
            If the groups of the training are not known.
        """
        if self.groups is None:
            raise ValueError(
                "TrainingRecord does not hold the groups of the training: none were given, or "
                "more than 4096. Compare all of them by groups_hash."
            )
        names, codes = np.unique(
            check_groups(groups, "TrainingRecord.trained_on"), return_inverse=True
        )
        known = set(self.groups)
        return np.array([group_hash(name) in known for name in names.tolist()], dtype=bool)[codes]
