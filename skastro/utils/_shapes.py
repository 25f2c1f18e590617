"""How the axes of an array of maps are read: samples, channels, space."""

from typing import NamedTuple

from ..exceptions import MapShapeError

_INFERRED = {2: (1, False), 3: (2, False), 4: (2, True), 5: (3, True)}


class MapLayout(NamedTuple):
    """Axes of an array of maps.

    Attributes
    ----------
    n_channels : int
        Number of channels; 1 where the array has no channel axis.
    spatial : tuple of int
        Sizes of the spatial axes.
    has_channels : bool
        Whether the array has a channel axis (axis 1).
    """

    n_channels: int
    spatial: tuple
    has_channels: bool

    @property
    def dim(self) -> int:
        """Number of spatial axes."""
        return len(self.spatial)

    @property
    def map_shape(self) -> tuple[int, ...]:
        """Shape of one sample with its channel axis, ``(n_channels, *spatial)``."""
        return (self.n_channels, *self.spatial)

    def sample_shape(self, spatial: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of one sample with other spatial sizes and the same channel axis.

        Parameters
        ----------
        spatial : tuple of int
            Sizes of the spatial axes.

        Returns
        -------
        tuple of int
            ``([n_channels,] *spatial)``.
        """
        return (self.n_channels, *spatial) if self.has_channels else tuple(spatial)

    def per_channel_shape(self) -> tuple[int, ...]:
        """Shape that broadcasts one value per channel against the array."""
        ones = (1,) * self.dim
        return (1, self.n_channels, *ones) if self.has_channels else (1, *ones)


def map_layout(shape: tuple[int, ...], dim: int | None = None, owner: str = "skastro") -> MapLayout:
    """Read the axes of an array of maps from its shape.

    Parameters
    ----------
    shape : tuple of int
        ``(n_samples, [n_channels,] *spatial)``.
    dim : int, default=None
        Number of spatial axes. By default it follows from the number of axes: 2 is a batch
        of signals ``(n, w)``, 3 of one-channel maps ``(n, h, w)``, 4 of maps with channels
        ``(n, c, h, w)``, 5 of cubes with channels ``(n, c, d, h, w)``.
    owner : str, default="skastro"
        Who asks, named in the error.

    Returns
    -------
    MapLayout
        The axes.

    Raises
    ------
    MapShapeError
        If the number of axes does not fit `dim`.

    Examples
    --------
    >>> from skastro.utils import map_layout
    >>> map_layout((100, 2, 64, 64))
    MapLayout(n_channels=2, spatial=(64, 64), has_channels=True)
    >>> map_layout((100, 32, 64, 64), dim=3)
    MapLayout(n_channels=1, spatial=(32, 64, 64), has_channels=False)
    """
    shape = tuple(shape)
    if dim is None:
        if len(shape) not in _INFERRED:
            raise MapShapeError(
                f"{owner} takes maps of shape (n_samples, [n_channels,] *spatial) with one to "
                f"three spatial axes, that is 2 to 5 axes; got an array of shape {shape}."
            )
        dim, has_channels = _INFERRED[len(shape)]
    elif len(shape) in (dim + 1, dim + 2):
        has_channels = len(shape) == dim + 2
    else:
        raise MapShapeError(
            f"{owner} with dim={dim} takes maps of {dim + 1} axes (n_samples, *spatial) or "
            f"{dim + 2} axes (n_samples, n_channels, *spatial); got an array of shape {shape}. "
            f"Reshape the maps or set `dim`."
        )
    first = 2 if has_channels else 1
    return MapLayout(shape[1] if has_channels else 1, shape[first:], has_channels)
