"""What loaders and mocks return."""

from sklearn.utils import Bunch

from ._html import bunch_html


class MapBunch(Bunch):
    """A Bunch of maps and what is known of them, shown as a table in notebooks.

    A `sklearn.utils.Bunch`, a dictionary whose keys are attributes as well.

    Parameters
    ----------
    **entries : object
        Maps, targets, groups, units and what else there is.

    See Also
    --------
    skastro.datasets.load_cmd : Makes one from files.
    skastro.simulation.make_camels_like : Makes one of mocks.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.maps import MapBunch
    >>> data = MapBunch(maps=np.zeros((4, 8, 8)), groups=np.array([0, 0, 1, 1]))
    >>> data.maps.shape
    (4, 8, 8)
    >>> "2 simulations of 2 samples" in data._repr_html_()
    True
    """

    def __init__(self, **entries: object) -> None:
        super().__init__(**entries)

    def _repr_html_(self) -> str:
        return bunch_html(self)
