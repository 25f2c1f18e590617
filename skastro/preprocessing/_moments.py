"""Mean, variance and range of channels, accumulated over chunks in float64."""

from typing import NamedTuple

import numpy as np


class RunningMoments(NamedTuple):
    """Statistics of the cells of each channel that were seen so far.

    Merged by the pairwise formula of Chan, Golub & LeVeque (1983, Am. Stat. 37, 242), which
    does not cancel when the mean is large beside the spread.

    Attributes
    ----------
    count : int
        Cells of a channel.
    mean, squares, minimum, maximum : ndarray of shape (n_channels,)
        Mean, sum of squared deviations from it, least and greatest value.
    """

    count: int  # type: ignore[assignment]  # tuple.count, not needed here
    mean: np.ndarray
    squares: np.ndarray
    minimum: np.ndarray
    maximum: np.ndarray

    @classmethod
    def of(cls, values):
        """Statistics of one chunk.

        Parameters
        ----------
        values : ndarray of shape (n_samples, n_channels, n_cells)
            The chunk.

        Returns
        -------
        RunningMoments
            Its statistics.
        """
        mean = values.mean(axis=(0, 2), dtype=np.float64)
        squares = np.zeros_like(mean)
        for sample in values:
            squares += np.square(sample - mean[:, None]).sum(axis=1)
        count = values.shape[0] * values.shape[2]
        return cls(count, mean, squares, values.min(axis=(0, 2)), values.max(axis=(0, 2)))

    def merged(self, other):
        """Statistics of two sets of cells together.

        Parameters
        ----------
        other : RunningMoments
            The other set.

        Returns
        -------
        RunningMoments
            Those of both.
        """
        count = self.count + other.count
        shift = other.mean - self.mean
        return RunningMoments(
            count,
            self.mean + shift * (other.count / count),
            self.squares + other.squares + shift**2 * (self.count * other.count / count),
            np.minimum(self.minimum, other.minimum),
            np.maximum(self.maximum, other.maximum),
        )

    @property
    def std(self):
        """Standard deviation of each channel (division by the count)."""
        return np.sqrt(self.squares / self.count)
