"""Predictions of maps larger than memory, into a file."""

import math
import os
from collections.abc import Sequence
from itertools import permutations
from numbers import Integral
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

import skastro

from ..datasets._checks import check_path, check_switch, message
from ..maps import LazyMaps, open_maps
from ..utils import fingerprint, progress_bar
from ..utils._typing import MapsLike, PathLike
from ._fitted_identity import fitted_identity
from ._prediction_file import PredictionFile

_OWNER = "predict_to_file"


def predict_to_file(
    estimator: BaseEstimator,
    X: PathLike | h5py.Dataset | MapsLike,
    path: PathLike,
    *,
    dataset: str | Sequence[str] = "predictions",
    method: str = "predict",
    memory: int = 2**28,
    resume: bool = True,
    verbose: int = 0,
    **params: Any,
) -> Path:
    """Predict a few samples at a time, and write what comes out to an HDF5 file.

    For maps, or fields made of them, that memory does not hold, and for runs that may be killed:
    called again with the same arguments, it goes on behind the last predictions that are on the
    disk, and the file has the bits that one run would have written. The bits are those of
    ``estimator.predict(X)`` where the prediction for a map does not depend on those beside it, as
    for all estimators of this package.

    Parameters
    ----------
    estimator : estimator
        Any fitted estimator or pipeline.
    X : path-like, h5py.Dataset, LazyMaps or array-like of shape \
            (n_samples, [n_channels,] *spatial)
        Maps; files are opened by `skastro.maps.open_maps`.
    path : path-like
        HDF5 file to write. It may be there already if it is of a former run.
    dataset : str or list of str, default="predictions"
        Name of the dataset, or a name for each of several outputs. With ``return_std=True`` one
        name is enough: standard deviations get the same with ``"_std"``.
    method : str, default="predict"
        Method of the estimator that makes predictions, such as "predict_proba" or "transform".
    memory : int, default=268435456
        Bytes of maps and predictions that may be held at once, beside what the estimator needs for
        a batch. One sample is held in any case. A run that goes on keeps the number of samples.
    resume : bool, default=True
        Whether a former run is gone on with; False writes its file anew.
    verbose : {0, 1}, default=0
        1 shows a progress bar.
    **params
        Further arguments of the method, such as ``return_std=True``. Arrays and lists with one
        entry for each sample, such as redshifts, are cut as the maps are.

    Returns
    -------
    pathlib.Path
        The file, with all predictions.

    Raises
    ------
    TypeError
        If the estimator has no such method, or makes neither numbers nor classes.
    FileExistsError
        If there is another kind of file.
    ValueError
        If the file is by another estimator or of other maps, or holds the maps, outputs have no
        names, or there is not one prediction for each sample.
    OSError
        If the file cannot be written, as where the disk is full. What is there is kept.
    MapSourceError
        If maps cannot be read.

    See Also
    --------
    skastro.maps.open_maps : Opens predictions of two or more axes, for the next estimator.
    export_onnx : Predictions without Python.

    Notes
    -----
    Datasets are contiguous and have their final size from the beginning. The scalar dataset
    ``n_predicted`` says how many of their rows are predictions; the others are zero. A former run
    is recognized by the version of the library, the fitted estimator, the maps, the arguments and
    the names of datasets; of maps in files by name, size, time of change and a few rows.

    Examples
    --------
    >>> import h5py, numpy as np, tempfile
    >>> from pathlib import Path
    >>> from skastro.maps import open_maps
    >>> from skastro.nets import FieldResNet
    >>> from skastro.neural_network import FieldRegressor, predict_to_file
    >>> X = np.random.default_rng(0).normal(size=(6, 8, 9)).astype("float32")
    >>> net = FieldResNet(n_blocks=1, n_filters=2)
    >>> model = FieldRegressor(net, max_epochs=1, n_threads=1, random_state=0).fit(X, 2 * X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = predict_to_file(model, X, Path(folder) / "fields.h5")
    ...     fields = open_maps(path)
    ...     print(fields.shape, np.array_equal(fields, model.predict(X)))
    (6, 8, 9) True
    """
    predict = getattr(estimator, method, None) if isinstance(method, str) else None
    if not callable(predict):
        allowed = f"the name of a method of {type(estimator).__name__}, such as 'predict'"
        raise TypeError(message(_OWNER, "method", allowed, method))
    check_is_fitted(estimator)
    path = check_path(_OWNER, "path", path)
    check_switch(_OWNER, "resume", resume)
    names = _check_names(dataset, params)
    if not isinstance(memory, Integral) or memory < 1:
        raise ValueError(message(_OWNER, "memory", "an integer of at least 1", memory))
    X = _open(X)
    if _is_file(getattr(X, "source", None), path):
        raise ValueError(
            f"{_OWNER} cannot write to {path}, which holds the maps. Give another path."
        )
    n_samples = len(X)
    if not n_samples:
        raise ValueError(f"{_OWNER} needs at least one sample; got X of shape {tuple(X.shape)}.")

    def outputs(start, stop):
        made = predict(X[start:stop], **_cut(params, n_samples, start, stop))
        return [np.asarray(one) for one in (made if isinstance(made, tuple) else (made,))]

    identity = (skastro.__version__, fitted_identity(estimator), fitted_identity(X))
    file = PredictionFile(path, fingerprint(*identity, method, params, names))
    if not file.find(n_samples, resume):
        first = outputs(0, 1)
        if len(first) != len(names):
            raise ValueError(
                f"The 'dataset' parameter of {_OWNER} must hold {len(first)} names, one for each "
                f"output of {type(estimator).__name__}.{method}. Got {dataset!r} instead."
            )
        if any(one.shape[:1] != (1,) for one in first):
            raise ValueError(
                f"{_OWNER} needs a prediction for each sample; {type(estimator).__name__}.{method} "
                f"makes arrays of shape {', '.join(str(one.shape) for one in first)} of one sample."
            )
        arrays = {
            name: (one.shape[1:], _dtype(one, estimator, method))
            for name, one in zip(names, first, strict=True)
        }
        about = {"estimator": type(estimator).__name__, "method": method}
        file.create(arrays, n_samples, _rows_at_once(X, first, memory), about)
    with progress_bar(verbose, _OWNER, n_samples, "samples", file.n_done) as advance:
        while file.n_done < n_samples:
            stop = min(file.n_done + file.rows_at_once, n_samples)
            made = outputs(file.n_done, stop)
            file.append([_stored(*pair) for pair in zip(made, file.dtypes(), strict=True)])
            advance(len(made[0]))
    return file.path


def _open(X):
    """Maps that can be cut: files are opened, arrays stay as they are."""
    if isinstance(X, str | os.PathLike | h5py.Dataset):
        return open_maps(X)
    return X if hasattr(X, "shape") else np.asarray(X)


def _is_file(source, path):
    """Whether maps are read from a file, also where they are put together from several."""
    members = getattr(source, "members", ())
    if any(_is_file(member.source, path) for member in members):
        return True
    found = getattr(source, "path", None)
    return found is not None and path.exists() and found.exists() and path.samefile(found)


def _check_names(dataset, params):
    """Names of the datasets."""
    if isinstance(dataset, str):
        names = [dataset, f"{dataset}_std"] if params.get("return_std") else [dataset]
    else:
        names = list(dataset) if isinstance(dataset, list | tuple) else []
    are_words = all(isinstance(name, str) and name.strip("/.") for name in names)
    if not names or not are_words or not _are_apart(names):
        allowed = "a name, or a list of names, none of which is another or a group of another"
        raise ValueError(message(_OWNER, "dataset", allowed, dataset))
    if not _are_apart([*names, "n_predicted"]):
        raise ValueError(
            f"The 'dataset' parameter of {_OWNER} must not be 'n_predicted', under which the "
            f"number of predictions is stored. Give another name."
        )
    return names


def _are_apart(names):
    """Whether all datasets of these names can be in one file."""
    places = [name.strip("/") + "/" for name in names]
    return not any(one.startswith(other) for one, other in permutations(places, 2))


def _cut(params, n_samples, start, stop):
    """Arguments of some samples."""

    def has_samples(value):
        if isinstance(value, str | bytes | dict) or not hasattr(value, "__len__"):
            return False
        return getattr(value, "ndim", 1) > 0 and len(value) == n_samples

    return {
        name: value[start:stop] if has_samples(value) else value for name, value in params.items()
    }


def _dtype(array, estimator, method):
    """Type in which an output is stored; classes that are words as UTF-8 of fixed length."""
    if array.dtype.kind in "fiub":
        return array.dtype
    classes = getattr(estimator, "classes_", None)
    if array.dtype.kind not in "UO" or classes is None or not all(map(_is_word, classes)):
        raise TypeError(
            f"{_OWNER} stores numbers, and words where these are classes; "
            f"{type(estimator).__name__}.{method} makes an array of {array.dtype}. Take another "
            f"method, such as 'predict_proba'."
        )
    return np.dtype(f"S{max(len(word.encode()) for word in classes)}")


def _is_word(value):
    return isinstance(value, str)


def _stored(array, dtype):
    """An output in the type of its dataset."""
    if dtype.kind == "S" and array.dtype.kind in "UO":
        return np.char.encode(array.astype(str), "utf-8").astype(dtype)
    return array if array.dtype == dtype else array.astype(dtype, casting="safe")


def _rows_at_once(X, first, memory):
    """Samples whose maps, as read and as transformed, and predictions fit into memory."""
    cells = math.prod(X.shape[1:])
    if isinstance(X, LazyMaps):
        cells = max(cells, math.prod(X.source.shape[1:]))
    per_sample = 8 * cells + 2 * sum(one.nbytes for one in first)
    return max(1, int(memory) // per_sample)
