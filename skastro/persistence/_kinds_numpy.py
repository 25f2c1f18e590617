"""Arrays, numbers and random states of NumPy, and sparse arrays of SciPy."""

import math
import re
from itertools import pairwise
from typing import Any

import numpy as np

from ..exceptions import ModelFileError
from ._kind import Kind, Raw, Refusal, expect, expect_shape, kind
from ._raw import as_array, check_values

_DTYPE = re.compile(r"[<>|](?:[biufc]\d{1,2}|[SUV]\d{1,9}|[mM]8(?:\[\w{1,8}\])?)|\|O")
_MOST_GAPS = 8  # times the size of an array
_SPARSE = ("csr_matrix", "csc_matrix", "csr_array", "csc_array")


def dtype_parts(dtype: np.dtype) -> Any:
    """A dtype as text, or a structured one as lists."""
    if dtype.names is not None and dtype.fields is not None:
        fields = [(dtype.fields[name][0], dtype.fields[name][1]) for name in dtype.names]
        return {
            "names": list(dtype.names),
            "formats": [dtype_parts(field) for field, _ in fields],
            "offsets": [offset for _, offset in fields],
            "itemsize": dtype.itemsize,
        }
    if dtype.subdtype is not None:
        return [dtype_parts(dtype.subdtype[0]), list(dtype.subdtype[1])]
    if not _DTYPE.fullmatch(dtype.str) or dtype.kind not in "biufcSUVmMO":
        raise Refusal(f"of dtype {dtype}, which has no place in the file; convert it")
    return dtype.str


def dtype_from(parts: Any) -> np.dtype:
    """A dtype as `dtype_parts` gave it."""
    if isinstance(parts, dict):
        if set(parts) != {"names", "formats", "offsets", "itemsize"}:
            raise ModelFileError("a structured dtype is not complete")
        formats = [dtype_from(part) for part in expect(parts["formats"], list, "a dtype")]
        if any(part.hasobject for part in formats):
            raise ModelFileError("a structured array holds objects")
        names = [expect(name, str, "a field") for name in parts["names"]]
        described: Any = {**parts, "names": names, "formats": formats}
        return np.dtype(described)
    if isinstance(parts, list):
        base, shape = parts
        return np.dtype((dtype_from(base), expect_shape(shape)))
    if not _DTYPE.fullmatch(expect(parts, str, "a dtype")):
        raise ModelFileError(f"{parts!r} is no dtype")
    return np.dtype(parts)


def _in_memory(array: np.ndarray) -> tuple[list[int], list[int]] | None:
    """Axes in their order in memory, and their lengths with gaps; None for plain C order."""
    # Products of matrices depend on these in their last bits.
    if array.flags.c_contiguous or not array.size or min(array.strides) <= 0:
        return None
    axes = sorted(range(array.ndim), key=lambda axis: -array.strides[axis])
    steps = [array.strides[axis] for axis in axes] + [array.itemsize]
    pairs = list(pairwise(steps))
    lengths = [array.shape[axes[0]], *(before // after for before, after in pairs)]
    enough = all(n >= array.shape[axis] for n, axis in zip(lengths, axes, strict=False))
    if any(before % after for before, after in pairs) or not enough:
        return None
    return (axes, lengths) if _few_gaps(lengths, array.size) else None


def _few_gaps(lengths: list[int] | tuple[int, ...], size: int) -> bool:
    return math.prod(lengths) <= _MOST_GAPS * size


def _spread(array: np.ndarray, lengths: Any) -> np.ndarray:
    """An array with gaps between its values in memory."""
    lengths = expect_shape(lengths)
    if (
        len(lengths) != array.ndim + 1
        or not all(n >= m for n, m in zip(lengths, (*array.shape, 1), strict=True))
        or not _few_gaps(lengths, array.size)
    ):
        raise ModelFileError("an array lies in memory in an impossible way")
    held = np.zeros(lengths, dtype=array.dtype)
    inside: Any = (*(slice(n) for n in array.shape), 0)
    view = held[inside]
    view[...] = array
    return view


def _pack_array(array: np.ndarray, encoder: Any) -> dict[str, Any]:
    if type(array) is np.memmap:
        array = np.asarray(array)
    if type(array) is not np.ndarray:
        raise Refusal("an array of an unknown class; use a plain array instead")
    parts = {"dtype": dtype_parts(array.dtype), "shape": list(array.shape)}
    if array.dtype == object:
        return parts | {"items": array.ravel().tolist()}
    if array.dtype.hasobject:
        raise Refusal("a structured array with objects in it; use plain fields")
    layout = _in_memory(array)
    if layout is not None:
        parts |= {"axes": layout[0], "lengths": layout[1]}
        array = array.transpose(layout[0])
    return parts | {"data": Raw(np.ascontiguousarray(array).reshape(array.shape))}


def _unpack_array(
    dtype: Any,
    shape: Any,
    items: Any = None,
    axes: Any = None,
    lengths: Any = None,
    data: Any = None,
) -> np.ndarray:
    dtype, shape = dtype_from(dtype), expect_shape(shape)
    if dtype.hasobject:
        return _objects(shape, expect(items, list, "the items of an array"))
    raw = expect(data, Raw, "the data of an array").array
    if axes is None:
        array = as_array(raw, dtype, shape)
        check_values(array)
        return array
    if sorted(expect(axes, list, "axes")) != list(range(len(shape))):
        raise ModelFileError("an array lies in memory in an impossible way")
    array = as_array(raw, dtype, tuple(shape[axis] for axis in axes))
    check_values(array)
    return _spread(array, lengths).transpose(np.argsort(axes))


def _objects(shape: tuple[int, ...], items: list) -> np.ndarray:
    """An array of objects."""
    if math.prod(shape) != len(items):
        raise ModelFileError(f"an array of shape {shape} has {len(items)} items")
    array = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        array[i] = item
    return array.reshape(shape)


def _pack_scalar(value: np.generic, encoder: Any) -> dict[str, Any]:
    if isinstance(value, np.void):
        raise Refusal("a row of a structured array; use an array instead")
    return {"dtype": dtype_parts(value.dtype), "digits": value.tobytes().hex()}


def _unpack_scalar(dtype: Any, digits: Any) -> Any:
    raw = np.frombuffer(bytes.fromhex(expect(digits, str, "a number")), dtype=np.uint8)
    array = as_array(raw, dtype_from(dtype), ())
    check_values(array)
    return array[()]


def _pack_masked(value: np.ma.MaskedArray, encoder: Any) -> dict[str, Any]:
    if type(value) is not np.ma.MaskedArray:
        raise Refusal("an array of an unknown class; use a plain array instead")
    fill = value.fill_value if value._fill_value is not None else None  # type: ignore[attr-defined]
    return {"data": np.asarray(value.data), "mask": np.ma.getmaskarray(value), "fill": fill}


def _unpack_dtype(dtype: Any) -> np.dtype:
    return dtype_from(dtype)


def _unpack_masked(data: Any, mask: Any, fill: Any) -> np.ma.MaskedArray:
    expect(data, np.ndarray, "a masked array")
    if expect(mask, np.ndarray, "a mask").shape != data.shape or mask.dtype != bool:
        raise ModelFileError("a masked array has a mask of another shape")
    scalars = (type(None), bool, int, float, complex, str, bytes, np.generic, np.ndarray)
    expect(fill, scalars, "what fills a masked array")
    return np.ma.MaskedArray(data, mask=mask, fill_value=fill)


def _pack_sparse(value: Any, encoder: Any) -> dict[str, Any]:
    name = type(value).__name__
    if name not in _SPARSE:
        raise Refusal("a sparse array in a format that is not kept; convert it by tocsr()")
    parts = {"data": value.data, "indices": value.indices, "indptr": value.indptr}
    return {"format": name, "shape": list(value.shape), **parts}


def _unpack_sparse(format: Any, shape: Any, data: Any, indices: Any, indptr: Any) -> Any:  # noqa: A002
    from scipy import sparse

    if format not in _SPARSE:
        raise ModelFileError(f"{format!r} is no format of a sparse array")
    for part in (data, indices, indptr):
        expect(part, np.ndarray, "a part of a sparse array")
    array = getattr(sparse, format)((data, indices, indptr), shape=expect_shape(shape))
    array.check_format(full_check=True)
    return array


def _pack_random_state(value: np.random.RandomState, encoder: Any) -> dict[str, Any]:
    return {"state": value.get_state(legacy=False)}


def _unpack_random_state(state: Any) -> np.random.RandomState:
    made = np.random.RandomState(0)
    _check_like(state, made.get_state(legacy=False))
    made.set_state(state)
    return made


_BIT_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")


def _pack_generator(value: np.random.Generator, encoder: Any) -> dict[str, Any]:
    source = value.bit_generator
    seeds = getattr(source, "seed_seq", None)
    if type(source).__name__ not in _BIT_GENERATORS or type(seeds) is not np.random.SeedSequence:
        raise Refusal("a generator of an unknown kind; use numpy.random.default_rng")
    return {"state": source.state, "seeds": seeds}


def _unpack_generator(state: Any, seeds: Any) -> np.random.Generator:
    name = expect(state, dict, "a state").get("bit_generator")
    expect(seeds, np.random.SeedSequence, "the seed of a generator")
    if name not in _BIT_GENERATORS:
        raise ModelFileError(f"{name!r} is no generator of random numbers")
    source = getattr(np.random, name)(seeds)
    _check_like(state, source.state)
    source.state = state
    return np.random.Generator(source)


def _check_like(state: Any, model: Any, name: str = "") -> None:
    """Refuse states of generators that are not made like theirs, or point outside a buffer."""
    if isinstance(model, dict):
        if not isinstance(state, dict) or set(state) != set(model):
            raise ModelFileError("the state of a generator of random numbers is not complete")
        for key in model:
            _check_like(state[key], model[key], key)
    elif isinstance(model, np.ndarray):
        if not isinstance(state, np.ndarray) or (state.shape, state.dtype) != (
            model.shape,
            model.dtype,
        ):
            raise ModelFileError("the state of a generator of random numbers has a wrong shape")
    elif isinstance(model, str):
        if state != model:
            raise ModelFileError(f"{state!r} is another generator of random numbers")
    elif name == "gauss":
        expect(state, (int, float), "a number of a generator")
    else:
        highest = {"pos": 624, "buffer_pos": 4, "has_gauss": 1, "has_uint32": 1}.get(name)
        highest = (1 << 128) - 1 if highest is None else highest
        if not 0 <= int(expect(state, (int, np.integer), "a number of a generator")) <= highest:
            raise ModelFileError("a number of a generator of random numbers is out of its range")


def _pack_seeds(value: np.random.SeedSequence, encoder: Any) -> dict[str, Any]:
    return {
        "entropy": value.entropy,
        "spawn_key": list(value.spawn_key),
        "pool_size": value.pool_size,
        "n_children": value.n_children_spawned,
    }


def _unpack_seeds(entropy: Any, spawn_key: Any, pool_size: Any, n_children: Any) -> Any:
    if not 4 <= expect(pool_size, int, "a size") <= 64:
        raise ModelFileError("a seed has a pool of an absurd size")
    keys = tuple(expect(key, int, "a seed") for key in expect(spawn_key, list, "seeds"))
    for number in entropy if isinstance(entropy, (list, tuple)) else [entropy]:
        expect(number, (int, np.integer, type(None)), "a seed")
    return np.random.SeedSequence(
        entropy, spawn_key=keys, pool_size=pool_size, n_children_spawned=n_children
    )


_MASKED = kind("masked array", "data mask fill", _pack_masked, _unpack_masked, shared=True)
_ARRAY = kind(
    "array",
    "dtype shape",
    _pack_array,
    _unpack_array,
    optional="items axes lengths data",
    shared=True,
)

EXACT: dict[str, Kind] = {
    "numpy.ndarray": _ARRAY,
    "numpy.ma.MaskedArray": _MASKED,
    "numpy.random.mtrand.RandomState": kind(
        "random state", "state", _pack_random_state, _unpack_random_state, shared=True
    ),
    "numpy.random._generator.Generator": kind(
        "generator", "state seeds", _pack_generator, _unpack_generator, shared=True
    ),
    "numpy.random.bit_generator.SeedSequence": kind(
        "seeds", "entropy spawn_key pool_size n_children", _pack_seeds, _unpack_seeds, shared=True
    ),
}
FAMILIES: dict[str, Kind] = {
    "numpy.ma.MaskedArray": _MASKED,
    "numpy.ma.core.MaskedArray": _MASKED,
    "numpy.ndarray": _ARRAY,
    "numpy.generic": kind("number", "dtype digits", _pack_scalar, _unpack_scalar),
    "numpy.dtype": kind(
        "dtype",
        "dtype",
        lambda value, encoder: {"dtype": dtype_parts(value)},
        _unpack_dtype,
    ),
    **{
        f"scipy.sparse.{home}": kind(
            "sparse array",
            "format shape data indices indptr",
            _pack_sparse,
            _unpack_sparse,
            shared=True,
        )
        for home in ("_base._spbase", "_base.spmatrix", "_base.sparray")
    },
}
