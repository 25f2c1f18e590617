"""Fitted nets as files that need neither Python nor this library."""

import json
import logging
import warnings
from collections.abc import Mapping
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

import skastro

from ..datasets._checks import check_path, message
from ..exceptions import MapShapeError
from ..utils import replacing
from ..utils._typing import MapsLike, PathLike
from ._classifier import CNNClassifier
from ._field_regressor import FieldRegressor
from ._onnx_graph import Chain, Fields, Probabilities, Targets, Vectors
from ._onnx_steps import step_module
from ._regressor import CNNRegressor
from ._views import check_symmetries

_OWNER = "export_onnx"
_BATCH = "n_samples"


def export_onnx(
    estimator: BaseEstimator,
    path: PathLike,
    *,
    sample_shape: tuple[int, ...] | None = None,
    metadata: Mapping[str, str] | None = None,
    check: MapsLike | None = None,
    tolerance: float = 1e-4,
) -> Path:
    """Write a fitted net, and the transformers before it, as an ONNX file.

    Such a file is read by the ONNX runtime [1]_ and others, in many languages, without Python,
    torch and this library; it holds arithmetic and weights, and no code. Its input ``maps`` are
    raw maps, as `predict` takes them, any number at once; its outputs are in the user's units:
    ``y_mean``, and ``y_std`` after a fit with "gaussian_nll" or "moments"; ``probabilities`` in
    the order of ``classes_``; or ``fields``.

    Parameters
    ----------
    estimator : CNNRegressor, CNNClassifier, FieldRegressor or Pipeline
        The fitted estimator, or a pipeline of transformers of maps and such an estimator. Noise
        with ``when="fit"`` is left out, as in a prediction.
    path : path-like
        File to write, usually ``.onnx``. One that is there is replaced.
    sample_shape : tuple of int, default=None
        Shape of a sample that the file takes; None is that of the fit. A `FieldRegressor` may be
        exported for boxes of another size.
    metadata : dict of str to str, default=None
        Words to put into the file, such as units of maps and targets.
    check : array-like or LazyMaps of shape (n_samples, *sample_shape), default=None
        Maps for which the file, run by the package onnxruntime, is compared to the estimator. None
        checks that the file is valid ONNX.
    tolerance : float, default=1e-4
        Greatest difference that passes, over the greatest absolute value of an output; of each
        target by itself where there are several.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ImportError
        If onnx or onnxscript is absent, or onnxruntime where it is needed.
    TypeError
        If the estimator, or a step of the pipeline, is of another kind.
    MapShapeError
        If samples of `sample_shape` are not for the estimator, or maps of `check` have another
        shape.
    ValueError
        If a parameter is not as above, a step or the net cannot be exported, tiles are asked for,
        or the check fails; then no file is written.
    OSError
        If the file cannot be written.

    See Also
    --------
    predict_to_file : Predictions of maps larger than memory.

    Notes
    -----
    Predictions agree up to rounding in float32. Unlike `predict`, the file takes maps with NaN or
    infinity as they are. Boxes of a `FieldRegressor` go through whole. With
    ``average_symmetries=True`` all views of a map go through the net at once.

    The metadata of the file hold, as JSON, the version of the library, the kind of estimator, the
    shapes of a sample and of its outputs, and the classes.

    References
    ----------
    .. [1] https://onnxruntime.ai.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.nets import ConvNet
    >>> from skastro.neural_network import CNNRegressor, export_onnx
    >>> X = np.random.default_rng(0).normal(size=(20, 8, 9)).astype("float32")
    >>> model = CNNRegressor(ConvNet(1, 2), max_epochs=1, n_threads=1).fit(X, X.std((1, 2)))
    >>> path = export_onnx(model, "model.onnx", check=X)  # doctest: +SKIP
    >>> session = onnxruntime.InferenceSession(path)  # doctest: +SKIP
    >>> (y_mean,) = session.run(["y_mean"], {"maps": X})  # doctest: +SKIP
    """
    target = check_path(_OWNER, "path", path)
    onnx = _import("onnx", "onnxscript")[0]
    check_is_fitted(estimator)
    steps, model = _parts(estimator)
    words = _check_metadata(metadata)
    first = steps[0] if steps else model
    shape = _check_shape(getattr(first, "sample_shape_", ()), sample_shape)
    chain, names = _chain(steps, model, shape)
    maps = None if check is None else _check_maps(check, shape)
    made = _export(chain, shape, names)
    proto = made.model_proto
    sizes = _name_axes(proto)
    about = {
        "skastro_version": skastro.__version__,
        "estimator": type(model).__name__,
        "sample_shape": shape,
        "outputs": {name: size for name, size in sizes.items() if name in names},
    }
    if isinstance(model, CNNClassifier):
        about["classes"] = model.classes_.tolist()
    about = {key: json.dumps(value) for key, value in about.items()}
    onnx.helper.set_model_props(proto, words | about)
    onnx.checker.check_model(proto)
    content = proto.SerializeToString()
    if maps is not None:
        _compare(content, estimator, model, maps, tolerance)
    with replacing(target) as file:
        file.write(content)
    return target


def _import(*names):
    """Import packages of the extra."""
    try:
        return [__import__(name) for name in names]
    except ImportError as error:
        raise ImportError(
            f"{_OWNER} needs the packages {' and '.join(names)}: pip install 'skastro[onnx]'."
        ) from error


def _parts(estimator):
    """Transformers and net; pipelines within pipelines are taken apart."""
    *steps, model = _flat(estimator)
    if not isinstance(model, CNNRegressor | CNNClassifier | FieldRegressor):
        raise TypeError(
            f"{_OWNER} takes a CNNRegressor, CNNClassifier or FieldRegressor, or a pipeline that "
            f"ends with one; got a {type(model).__name__}. Export the nets that it is made of."
        )
    return steps, model


def _flat(estimator):
    if not isinstance(estimator, Pipeline):
        return [estimator]
    steps = [step for _, step in estimator.steps if step not in (None, "passthrough")]
    return [part for step in steps for part in _flat(step)]


def _check_shape(fitted, sample_shape):
    """Shape of a sample that the file takes."""
    if sample_shape is None:
        return fitted
    sizes = sample_shape if isinstance(sample_shape, list | tuple) else [0]
    if not all(isinstance(size, Integral) and size > 0 for size in sizes):
        raise ValueError(message(_OWNER, "sample_shape", "None or a tuple of sizes", sample_shape))
    return tuple(map(int, sizes))


def _check_maps(check, shape):
    """Maps for which the file and the estimator are compared."""
    maps = np.asarray(check, dtype=np.float32)
    if maps.shape[1:] != shape or not len(maps):
        allowed = f"maps of shape (n_samples, {', '.join(map(str, shape))}), at least one"
        raise MapShapeError(message(_OWNER, "check", allowed, maps.shape))
    return maps


def _check_metadata(metadata):
    words = {} if metadata is None else metadata
    is_words = isinstance(words, dict) and all(
        isinstance(w, str) for w in [*words, *words.values()]
    )
    reserved = {"skastro_version", "estimator", "sample_shape", "outputs", "classes"}
    if not is_words or reserved & set(words):
        allowed = f"a dict of words to words, without the keys {sorted(reserved)}"
        raise ValueError(message(_OWNER, "metadata", allowed, metadata))
    return words


def _chain(steps, model, shape):
    """The module of all that a prediction does, and the names of its outputs."""
    modules = []
    for step in steps:
        module = step_module(step, shape, _OWNER)
        if module is not None:
            modules.append(module)
            shape = step._sample_shape(shape)
    fitted, of_fields = model.sample_shape_, isinstance(model, FieldRegressor)
    dim = len(model._architecture[1]) - 1
    same_axes = len(shape) == len(fitted) and shape[:-dim] == fitted[:-dim]
    if shape != fitted and not (of_fields and same_axes):
        raise MapShapeError(
            f"{type(model).__name__} was fitted on samples of shape {fitted}, and those of "
            f"sample_shape are of shape {shape} when they come to it. Set sample_shape=None."
        )
    if model.average_symmetries:
        check_symmetries(model, model._architecture[1])
    if not of_fields:
        body = Vectors(
            model, Probabilities() if isinstance(model, CNNClassifier) else Targets(model)
        )
        names = ["probabilities"] if isinstance(model, CNNClassifier) else ["y_mean"]
        return Chain(modules, body).eval(), names + ["y_std"] * getattr(
            body.finish, "makes_std", False
        )
    if model.tile_size is not None:
        raise ValueError(
            f"{_OWNER} puts boxes through the net whole; got "
            f"{type(model).__name__}(tile_size={model.tile_size}). Call set_params(tile_size=None) "
            f"and cut boxes that are too large yourself."
        )
    return Chain(modules, Fields(model, shape[-dim:])).eval(), ["fields"]


def _export(chain, shape, names):
    """Let torch write a module down."""
    sample = torch.ones(2, *shape)
    with _quiet():
        try:
            program = _trace(chain, sample)
            return torch.onnx.export(
                program,
                dynamo=True,
                input_names=["maps"],
                output_names=names,
                verbose=False,
            )
        except Exception as error:
            reason = error
            while reason.__cause__ is not None:
                reason = reason.__cause__
            said = str(reason).strip().partition("\n")[0]
            raise ValueError(f"{_OWNER} cannot export {_culprit(chain, sample)}: {said}") from error


def _trace(module, sample):
    """Graph of a module for any number of samples."""
    number = {0: torch.export.Dim(_BATCH, min=1)}
    with torch.no_grad():
        return torch.export.export(module, (sample,), dynamic_shapes=(number,), strict=False)


def _culprit(chain, sample):
    """Name the part that cannot be exported."""
    with torch.no_grad():
        for step in chain.steps:
            try:
                torch.onnx.export(_trace(step, sample), dynamo=True, verbose=False)
            except Exception:
                owner = getattr(step, "transformer", step)
                return (
                    f"the step {type(owner).__name__}. Apply it before, and export the rest of the "
                    f"pipeline. What torch says"
                )
            sample = step(sample)
    return (
        "the net, which must be made of operations that ONNX has, for any number of samples: let "
        "modules ask for x.shape[0] in place of len(x). What torch says"
    )


def _name_axes(proto):
    """Give the axis of samples its name; return shapes of inputs and outputs."""
    (symbol,) = {proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param}
    sizes = {}
    for value in [*proto.graph.input, *proto.graph.output, *proto.graph.value_info]:
        axes = value.type.tensor_type.shape.dim
        for i, axis in enumerate(axes):
            is_output = not i and any(value is one for one in proto.graph.output)
            if axis.dim_param == symbol or is_output:
                axis.dim_param = _BATCH
        sizes[value.name] = [axis.dim_param or axis.dim_value for axis in axes]
    return sizes


def _compare(content, estimator, model, maps, tolerance):
    """Raise unless the file and the estimator predict the same."""
    (runtime,) = _import("onnxruntime")
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    found = session.run(None, {"maps": maps})
    if isinstance(model, CNNClassifier):
        wanted = [estimator.predict_proba(maps)]
    else:
        wanted = estimator.predict(maps, **({"return_std": True} if len(found) == 2 else {}))
        wanted = wanted if isinstance(wanted, tuple) else [wanted]
    of_targets = not (isinstance(model, CNNClassifier) or model._single_target)
    for output, one, other in zip(session.get_outputs(), found, wanted, strict=True):
        axes = tuple(axis for axis in range(one.ndim) if axis != 1 or not of_targets)
        greatest = np.abs(other).max(axes)
        differences = np.abs(one - other).max(axes) / np.where(greatest > 0, greatest, 1.0)
        difference = np.max(differences)
        if not difference <= tolerance:
            raise ValueError(
                f"{_OWNER}: {output.name!r} of the file and the predictions of "
                f"{type(model).__name__} differ by {difference:.2g} of the greatest value, and "
                f"tolerance={tolerance:g}. No file was written. Raise 'tolerance' if that will do."
            )


@contextmanager
def _quiet():
    """Keep back what torch has to say about itself while it exports."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
