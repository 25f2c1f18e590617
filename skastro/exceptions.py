"""Errors and warnings that skastro raises by name."""

__all__ = [
    "CheckpointWarning",
    "DatasetFormatError",
    "DatasetNotFoundError",
    "DivergenceError",
    "LeakageWarning",
    "MapShapeError",
    "MapSourceError",
    "ModelFileError",
    "ModelVersionWarning",
    "PerformanceWarning",
    "TrainingRangeWarning",
    "UnitMismatchError",
]


class MapShapeError(ValueError):
    """Maps have a shape that an estimator cannot take, or not the shape it was fitted on."""


class MapSourceError(OSError):
    """The file behind lazy maps is gone, unreadable or no longer holds what it held."""


class ModelFileError(ValueError):
    """A model cannot be written as a file, or a file holds no model that can be trusted."""


class UnitMismatchError(ValueError):
    """A quantity has a unit that cannot be converted to the one that is needed."""


class DatasetNotFoundError(FileNotFoundError):
    """A data set is not where it was looked for."""


class DatasetFormatError(ValueError):
    """A file of a data set does not hold what its format promises."""


class DivergenceError(ArithmeticError):
    """The loss of a training run became NaN or infinite."""


class CheckpointWarning(UserWarning):
    """A checkpoint could not be written, or the one that was found could not be read."""


class LeakageWarning(UserWarning):
    """Training and test data are not independent, so that scores are too good.

    The remedy is a split that keeps what shares its origin, such as the maps of one simulation,
    on one side: ``sklearn.model_selection.GroupKFold`` or ``GroupShuffleSplit``.
    """


class PerformanceWarning(UserWarning):
    """Something takes much more time than it has to, for a reason that can be put right."""


class ModelVersionWarning(UserWarning):
    """A model was saved by other versions than those that load it."""


class TrainingRangeWarning(UserWarning):
    """A model is given data unlike those it was trained on, so that it extrapolates."""
