"""Types that the parameters of several functions share."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from astropy.units import Quantity
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator


class Splitter(Protocol):
    """What splits as the classes of `sklearn.model_selection` do."""

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Rows to train and to test on, for each fold."""

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Count the folds."""


CrossValidator: TypeAlias = int | Splitter | Iterable[tuple[ArrayLike, ArrayLike]]
Scoring: TypeAlias = str | Callable[[BaseEstimator, Any, Any], float]
ErrorScore: TypeAlias = float | Literal["raise"]
Candidates: TypeAlias = (
    Mapping[str, BaseEstimator] | Sequence[tuple[str, BaseEstimator]] | Sequence[BaseEstimator]
)
NoiseLevel: TypeAlias = float | tuple[float, float] | Quantity | BaseEstimator | None
NoiseLevels: TypeAlias = Sequence[NoiseLevel] | Mapping[str, NoiseLevel]
