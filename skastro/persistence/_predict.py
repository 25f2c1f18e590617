"""Predict, with all that is known of the training checked."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ._guard import record_on
from ._walk import first_component


def predict(model: Any, data: Any, **params: Any) -> Any:
    """Predict, and warn where the data or the predictions are unlike those of the training.

    What a Bunch says of its maps is checked: fields and their order, units, redshift, sizes. The
    values of the maps are checked by the model itself, whoever calls its ``predict``; where a
    step of scikit-learn sees them first, they are checked here. Predictions are those of
    ``model.predict``.

    Parameters
    ----------
    model : estimator
        A model that `skastro.persistence.load` gave.
    data : Bunch, array-like or LazyMaps
        Maps of shape ``(n_samples, [n_channels,] *spatial)``, or a Bunch that has them as
        ``maps``, as the functions of `skastro.datasets` return it.
    **params
        Further arguments of ``predict``, such as ``return_std=True``.

    Returns
    -------
    ndarray or tuple of ndarray
        What ``model.predict`` returns.

    Raises
    ------
    TypeError
        If the model has no record of its training, or `data` is a Bunch without maps.

    Warns
    -----
    TrainingRangeWarning
        If data or predictions lie outside the ranges of the training, see `TrainingRecord`.

    See Also
    --------
    TrainingRecord : Says what is compared, and when it warns.
    skastro.neural_network.predict_to_file : Predictions that do not fit into memory.

    Examples
    --------
    >>> import tempfile, warnings
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from skastro.ensemble import SliceRegressor
    >>> from skastro.persistence import load, predict, save
    >>> from sklearn.dummy import DummyRegressor
    >>> from sklearn.utils import Bunch
    >>> cubes = np.random.default_rng(0).normal(size=(10, 4, 4, 4))
    >>> data = Bunch(maps=cubes, target=np.arange(10.0), field_names=["density"])
    >>> model = SliceRegressor(DummyRegressor()).fit(data.maps, data.target)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save(model, Path(folder) / "mean.skastro", data=data)
    ...     model = load(path)
    >>> predict(model, cubes[:3])
    array([4.5, 4.5, 4.5])
    >>> other = Bunch(maps=cubes[:1], field_names=["pressure"])
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     predict(model, other)
    array([4.5])
    >>> print(str(caught[0].message).partition(".")[0])
    The model was trained on the fields density and is given pressure
    """
    record = record_on(model)
    if record is None:
        raise TypeError(
            f"skastro.persistence.predict takes a model with a record of its training, as load "
            f"gives it. Got {type(model).__name__} without one, or fitted since. Save it with "
            f"save(model, path, data=...) and load it, or call its own predict."
        )
    maps = data
    if isinstance(data, Mapping):
        if data.get("maps") is None:
            raise TypeError(
                f"The 'data' parameter of skastro.persistence.predict must be maps or a Bunch "
                f"with 'maps'. Got one with {', '.join(map(str, data)) or 'nothing'} instead."
            )
        record.check_data(data)
        maps = data["maps"]
    if first_component(model) is None:
        record.check_maps(maps)
    found = model.predict(maps, **params)
    record.check_predictions(found[0] if isinstance(found, tuple) else np.asarray(found))
    return found
