"""A split that puts maps of each simulation on both sides, as some published studies do."""

import warnings
from collections.abc import Iterator
from numbers import Integral

import numpy as np
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_consistent_length

from ..exceptions import LeakageWarning
from ..utils import check_groups
from ..utils._typing import ArrayLike, MapsLike, RandomState

_LEAST = {"n_train": 1, "n_validation": 0, "n_test": 1, "n_splits": 1}


class PerGroupSplit(BaseCrossValidator):
    """Numbers of samples of each group for training, validation and test.

    This leaks, and is here to repeat studies that split so: with 9, 3 and 3 of the 15 maps of
    each simulation. Maps of one simulation share their matter and their parameters, so a model
    that knows by heart which simulation a map is from seems to know the parameters. For scores
    on new simulations take ``sklearn.model_selection.GroupKFold`` or ``GroupShuffleSplit``.

    Parameters
    ----------
    n_train : int, default=9
        Samples of each group to train on, 1 or more.
    n_validation : int, default=3
        Samples of each group that are in neither of the two parts of `split`; see
        `split_with_validation`.
    n_test : int, default=3
        Samples of each group to test on, 1 or more. What a group has beyond the three numbers
        is in no part.
    n_splits : int, default=1
        Number of splits. More than one need ``shuffle=True``.
    shuffle : bool, default=False
        Whether the samples of a group are put into random order. In the order that they have,
        the first are for training, the next for validation, the next for the test.
    random_state : int, numpy.random.RandomState or None, default=None
        Whence the random order comes; only with ``shuffle=True``. An int gives equal splits in
        each call.

    Raises
    ------
    ValueError
        If a number is out of its range, or parameters do not go together.

    See Also
    --------
    sklearn.model_selection.GroupKFold : Keeps each group on one side.
    sklearn.model_selection.GroupShuffleSplit : The same, with random groups.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from skastro.exceptions import LeakageWarning
    >>> from skastro.model_selection import PerGroupSplit
    >>> maps, groups = np.zeros((10, 8, 8)), np.arange(10) // 5
    >>> splitter = PerGroupSplit(n_train=3, n_validation=1, n_test=1)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", LeakageWarning)
    ...     [(train, test)] = splitter.split(maps, groups=groups)
    >>> train
    array([0, 1, 2, 5, 6, 7])
    >>> test
    array([4, 9])
    """

    # scikit-learn routes groups to the splitter without being asked.
    __metadata_request__split = {"groups": True}

    def __init__(
        self,
        n_train: int = 9,
        n_validation: int = 3,
        n_test: int = 3,
        *,
        n_splits: int = 1,
        shuffle: bool = False,
        random_state: RandomState = None,
    ) -> None:
        self.n_train = n_train
        self.n_validation = n_validation
        self.n_test = n_test
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
                raise ValueError(
                    f"The {name!r} parameter of PerGroupSplit must be an int, {least} or more. "
                    f"Got {value!r} instead."
                )
        if not isinstance(shuffle, (bool, np.bool_)):
            raise ValueError(
                f"The 'shuffle' parameter of PerGroupSplit must be True or False. Got {shuffle!r} "
                f"instead."
            )
        check_random_state(random_state)
        if not shuffle and n_splits > 1:
            raise ValueError(
                f"PerGroupSplit(n_splits={n_splits}, shuffle=False) would make equal splits. Set "
                f"shuffle=True, or n_splits=1."
            )
        if not shuffle and random_state is not None:
            raise ValueError(
                f"PerGroupSplit(random_state={random_state!r}, shuffle=False) draws no random "
                f"numbers. Set shuffle=True, or leave random_state out."
            )

    def split(
        self, X: MapsLike, y: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Choose samples of each group to train and to test on.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, ...)
            Samples, of which only the number matters.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Targets, which do not matter.
        groups : array-like of shape (n_samples,)
            Which simulation a sample is from.

        Returns
        -------
        iterator of (train, test)
            Positions of samples, in order, as arrays of int.

        Raises
        ------
        ValueError
            If groups are missing, or a group has too few samples.

        Warns
        -----
        LeakageWarning
            Always.
        """
        return iter([(train, test) for train, _, test in self._parts(X, y, groups)])

    def split_with_validation(
        self, X: MapsLike, y: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Choose samples of each group to train, to validate and to test on.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, ...)
            Samples, of which only the number matters.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Targets, which do not matter.
        groups : array-like of shape (n_samples,)
            Which simulation a sample is from.

        Returns
        -------
        iterator of (train, validation, test)
            Positions of samples, in order, as arrays of int. With an int as `random_state`,
            train and test are those of `split`.

        Raises
        ------
        ValueError
            If groups are missing, or a group has too few samples.

        Warns
        -----
        LeakageWarning
            Always.
        """
        return iter(self._parts(X, y, groups))

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:
        """Number of splits.

        Parameters
        ----------
        X : object, default=None
            Does not matter.
        y : object, default=None
            Does not matter.
        groups : object, default=None
            Does not matter.

        Returns
        -------
        int
            The parameter `n_splits`.
        """
        return self.n_splits

    def _parts(self, X, y, groups):
        """Three arrays of rows for each split, with the warning for who called `split`."""
        if groups is None:
            raise ValueError(
                "PerGroupSplit.split needs 'groups', the simulation of each sample; got None. "
                "Hand on those of the data set: split(X, y, groups=data.groups)."
            )
        groups = check_groups(groups, "PerGroupSplit.split")
        check_consistent_length(X, y, groups)
        names, group, counts = np.unique(groups, return_inverse=True, return_counts=True)
        needed = self.n_train + self.n_validation + self.n_test
        if not len(names):
            raise ValueError("PerGroupSplit.split needs samples; got none.")
        if counts.min() < needed:
            few = counts.argmin()
            raise ValueError(
                f"{self!r} needs {needed} samples of each group, and group {names.tolist()[few]!r} "
                f"has {counts[few]}. Lower n_train, n_validation or n_test, or leave the group "
                f"out."
            )
        warnings.warn(
            f"PerGroupSplit puts samples of each of {len(names)} groups on both sides of the "
            f"split. Samples of one simulation share their matter and their parameters, so "
            f"scores do not tell what a model knows of new simulations. Use GroupKFold or "
            f"GroupShuffleSplit.",
            LeakageWarning,
            stacklevel=3,
        )
        rows = [np.flatnonzero(group == number) for number in range(len(names))]
        # Without a seed NumPy's global state is left alone.
        seed = self.random_state
        rng = np.random.RandomState() if seed is None else check_random_state(seed)
        return [self._part(rows, rng) for _ in range(self.n_splits)]

    def _part(self, rows, rng):
        """One split: the first, the next and the next rows of each group."""
        if self.shuffle:
            rows = [rng.permutation(of_group) for of_group in rows]
        stops = np.cumsum([self.n_train, self.n_validation, self.n_test])
        parts = zip(*(np.split(of_group, stops)[:3] for of_group in rows), strict=True)
        return tuple(np.sort(np.concatenate(part)) for part in parts)
