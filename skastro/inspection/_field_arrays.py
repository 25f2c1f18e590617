"""How displays of fields read what they are given."""

from collections.abc import Mapping
from numbers import Integral

import numpy as np

from ..datasets._checks import message
from ..exceptions import MapShapeError
from ..utils import as_numpy, map_layout
from ._looks import COLOURS

_CHUNK_CELLS = 2**22


def shape_of(values):
    """Shape of an array, of lazy maps, or of what can be made an array."""
    return tuple(values.shape) if hasattr(values, "shape") else np.shape(values)


def read(values):
    """Values in float64."""
    return np.asarray(as_numpy(values), dtype=np.float64)


def chunk_rows(shape):
    """Slices of rows, each of about 4 million cells."""
    step = max(1, _CHUNK_CELLS // max(1, int(np.prod(shape[1:]))))
    return [slice(start, start + step) for start in range(0, shape[0], step)]


def read_channel(owner, name, values, rows, channel, dim):
    """Read one channel of some samples.

    Parameters
    ----------
    owner, name : str
        Display and parameter to name in errors.
    values : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        Fields.
    rows : slice
        The samples, with start and stop.
    channel : int or None
        The channel; None takes the only one.
    dim : int or None
        Number of spatial axes, see `skastro.utils.map_layout`.

    Returns
    -------
    ndarray of shape (n_rows, *spatial)
        The fields, in float64.

    Raises
    ------
    MapShapeError
        If the shape is none of fields, or has several channels and none is chosen.
    ValueError
        If there is no such channel, or a value is NaN or infinite.
    """
    shape = shape_of(values)
    layout = map_layout(shape, dim, owner)
    if channel is None and layout.n_channels != 1:
        raise MapShapeError(
            f"{owner} draws one channel, and {name} of shape {shape} is read as "
            f"{layout.n_channels} channels of {layout.dim} spatial axes. Choose one with "
            f"'channel', or give 'dim' if there is no axis of channels."
        )
    channel = 0 if channel is None else channel
    is_number = isinstance(channel, Integral) and not isinstance(channel, bool)
    if not is_number or not 0 <= channel < layout.n_channels:
        allowed = f"an int from 0 to {layout.n_channels - 1} for {name} of shape {shape}"
        raise ValueError(message(owner, "channel", allowed, channel))
    fields = read(values[rows]).reshape(-1, *layout.map_shape)[:, channel]
    if not np.isfinite(fields).all():
        row, *cell = (int(i) for i in np.argwhere(~np.isfinite(fields))[0])
        raise ValueError(
            f"{owner} takes fields without NaN and infinity; {name} has {fields[row, *cell]} in "
            f"sample {rows.start + row}, cell {tuple(cell)}. Mask or fill such cells."
        )
    return fields


def read_pairs(owner, y_true, y_pred, channel, dim):
    """Read truths and predictions, a few samples at a time.

    Parameters
    ----------
    owner : str
        Display to name in errors.
    y_true, y_pred : array-like, torch.Tensor or LazyMaps of shape (n, [n_channels,] *spatial)
        True and predicted fields.
    channel : int or None
        The channel; None takes the only one.
    dim : int or None
        Number of spatial axes.

    Yields
    ------
    truth, prediction : ndarray of shape (n_rows, *spatial)
        Fields of one channel.

    Raises
    ------
    MapShapeError
        If the shapes do not fit.
    """
    check_counts(owner, y_true, y_pred)
    for rows in chunk_rows(shape_of(y_true)):
        truth = read_channel(owner, "y_true", y_true, rows, channel, dim)
        prediction = read_channel(owner, "y_pred", y_pred, rows, channel, dim)
        check_cells(owner, truth.shape[1:], prediction.shape[1:])
        yield truth, prediction


def check_counts(owner, y_true, y_pred):
    """Refuse other numbers of predictions than of truths."""
    counts = shape_of(y_true)[0], shape_of(y_pred)[0]
    if counts[0] != counts[1]:
        raise MapShapeError(
            f"{owner} takes one prediction for each truth; y_true has {counts[0]} samples and "
            f"y_pred has {counts[1]}."
        )


def check_cells(owner, truth, prediction):
    """Refuse predicted fields of other spatial sizes than the truth."""
    if truth != prediction:
        raise MapShapeError(
            f"{owner} takes predictions of the cells of the truth, {truth}; got {prediction}."
        )


def named_predictions(owner, y_pred):
    """Predictions by name, those of one method as "prediction"."""
    named = y_pred if isinstance(y_pred, Mapping) else {"prediction": y_pred}
    if not named or "truth" in named:
        words = "predictions, or a dict of some by names other than 'truth'"
        raise ValueError(message(owner, "y_pred", words, y_pred))
    return named


def field_dim(estimator, X):
    """Number of spatial axes that an estimator was told, or else that of maps with channels.

    Parameters
    ----------
    estimator : estimator
        Its parameters, and those of what it holds, are looked through for ``dim``.
    X : array-like, torch.Tensor or LazyMaps
        The maps that it takes.

    Returns
    -------
    int or None
        The number; None where it is not known.
    """
    told = set()
    if hasattr(estimator, "get_params"):
        parameters = estimator.get_params().items()
        told = {value for name, value in parameters if name.split("__")[-1] == "dim"} - {None}
    if len(told) == 1:
        return told.pop()
    return 3 if len(shape_of(X)) == 5 else None


def check_labels(owner, name, labels, n_samples):
    """Read one label for each sample.

    Parameters
    ----------
    owner, name : str
        Display and parameter to name in the error.
    labels : array-like of shape (n_samples,) or None
        Numbers or strings; numbers that differ by less than 1e-6 are one label.
    n_samples : int
        Number of samples.

    Returns
    -------
    values : list
        Distinct labels in ascending order; ``[None]`` for no labels.
    members : ndarray of shape (n_samples,)
        Position of each sample's label in `values`.

    Raises
    ------
    ValueError
        If there is not one label for each sample, or one is not finite.
    """
    if labels is None:
        return [None], np.zeros(n_samples, dtype=int)
    labels = np.asarray(labels)
    known = labels.dtype.kind in "iufUS" and labels.shape == (n_samples,)
    if known and labels.dtype.kind == "f":
        known = bool(np.isfinite(labels).all())
        labels = np.round(labels.astype(np.float64), 6)
    if not known:
        allowed = f"one finite number or string for each of {n_samples} samples"
        raise ValueError(message(owner, name, allowed, labels))
    values, members = np.unique(labels, return_inverse=True)
    return values.tolist(), members


def line_colours(values):
    """Colours of labels: along a scale where they are numbers, of a palette where not."""
    if len(values) > 1 and not isinstance(values[0], str):
        from matplotlib import colormaps
        from matplotlib.colors import to_hex

        # The bright end of the scale is too faint for lines.
        return [to_hex(colour) for colour in colormaps["plasma"](np.linspace(0, 0.85, len(values)))]
    return [COLOURS[i % len(COLOURS)] for i in range(len(values))]


def label_text(name, value):
    """What a legend says of a label."""
    text = f"{value:g}" if isinstance(value, (int, float)) else str(value)
    return f"{name} = {text}" if name else text


def mean_and_spread(values):
    """Mean over the first axis and sample standard deviation, over what is not NaN.

    Parameters
    ----------
    values : ndarray of shape (n, ...)
        Values, NaN where there is none.

    Returns
    -------
    mean, spread : ndarray
        NaN where there is no value, and for the spread where there is only one.
    """
    known = np.isfinite(values)
    counts = known.sum(axis=0)
    filled = np.where(known, values, 0.0)
    mean = np.where(counts > 0, filled.sum(axis=0) / np.maximum(counts, 1), np.nan)
    squares = np.where(known, (values - mean) ** 2, 0.0).sum(axis=0)
    return mean, np.where(counts > 1, np.sqrt(squares / np.maximum(counts - 1, 1)), np.nan)
