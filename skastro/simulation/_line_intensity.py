"""Mock line-intensity maps with the luminosity functions behind them."""

import os
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal

import numpy as np
from astropy import units as astropy_units
from joblib import Parallel, delayed

from ..datasets._checks import message
from ..maps import MapBunch
from ..utils._luminosity import LUMINOSITY_EDGES
from ..utils._seeds import seed_entropy
from ..utils._typing import ArrayLike, PathLike, RandomState
from ._checks import check_count
from ._halo_catalog import HaloCatalog
from ._halo_cosmology import CosmologyLike
from ._halo_lightcone import make_halo_lightcone
from ._intensity_mapper import IntensityMapper
from ._luminosity_base import Luminosities, LuminosityModel, check_line
from ._luminosity_function import luminosity_function
from ._luminosity_star_formation import Li16

_OWNER = "make_line_intensity_maps"
_MOST_DRAWS = 100
_LARGEST = np.finfo(np.float32).max
_DESCR = Path(__file__).parent / "descr" / "line_intensity_maps.rst"


def make_line_intensity_maps(
    catalogs: int | HaloCatalog | PathLike | Iterable[HaloCatalog | PathLike] = 1,
    *,
    model: Luminosities | Sequence[Luminosities] | None = None,
    priors: float | Literal["published"] | Mapping[str, Any] | None = 0.1,
    n_draws: int = 1,
    mapper: IntensityMapper | None = None,
    edges: ArrayLike | None = None,
    min_mass: float = 2.5e10,
    cosmology: CosmologyLike | None = None,
    n_jobs: int | None = None,
    random_state: RandomState = None,
) -> MapBunch:
    """Make line-intensity maps of haloes, and count the haloes by luminosity.

    Parameters
    ----------
    catalogs : int or iterable of HaloCatalog or path-like, default=1
        Number of light cones to make, of which each needs colossus, of the extra ``sim``; or
        catalogues, or peak-patch files of them.
    model : LuminosityModel, callable or sequence of them, default=None
        What gives haloes their luminosities; a function takes a `HaloCatalog` and returns
        luminosities in Lsun. Of several, each map is made by one that is drawn. None is `Li16`.
    priors : None, float, "published" or mapping, default=0.1
        What the parameters of a model are drawn from for each map: a number w takes
        ``model.priors_about(w)``, about the values of the model itself; None leaves them as they
        are; "published" takes ``model.priors``; a mapping has distributions of scipy.stats by
        the names of the parameters, of which each model takes those that it has. Functions and
        models without priors stay as they are. Maps from published priors spread over many
        orders of magnitude, and most are unlike the sky. Parameters whose map float32 cannot
        hold are drawn again.
    n_draws : int, default=1
        Maps of each catalogue, of other luminosities each.
    mapper : IntensityMapper, default=None
        Field, pixels, channels, line and units of the maps. None is a field of COMAP's size,
        1.4 degrees, in 64 x 64 pixels and 10 channels from 34 to 26 GHz, in uK.
    edges : array-like of shape (n_bins + 1,), default=None
        Edges of the bins of luminosity, in Lsun. None takes `LUMINOSITY_EDGES`.
    min_mass : float, default=2.5e10
        Least mass of the haloes of light cones that are made, in Msun.
    cosmology : HaloCosmology or mapping, default=None
        Cosmology of light cones that are made.
    n_jobs : int, default=None
        Catalogues to work on at once, as of joblib. Maps do not depend on it.
    random_state : int, RandomState instance or None, default=None
        Seed of light cones, parameters and scatter.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Samples are ordered by catalogue.

        maps : ndarray of float32, of shape (n_maps, n_frequencies, n_ra, n_dec)
            The maps. The frequencies are the channels of a 2D net, and the depth of a 3D net.
        target, counts : ndarray of float64, of shape (n_maps, n_bins)
            Haloes of the field and the band, in each bin of luminosity.
        groups : ndarray of shape (n_maps,)
            Group of the catalogue that a map is of; 0 where there is one catalogue without. Split
            by these: all maps of a catalogue show the same haloes. Files that note no group
            have their names as groups, and are one simulation where these are equal.
        model : ndarray of str, of shape (n_maps,)
            Name of the model of each map.
        parameters : list of dict
            Parameters that the model of each map has, where it is no function.
        luminosity_edges : ndarray of shape (n_bins + 1,)
            Edges of the bins, in Lsun.
        frequencies : ndarray of shape (n_frequencies + 1,)
            Edges of the channels, in GHz.
        fov : tuple of float
            Widths of the field, in degrees.
        box_size : tuple of float
            Comoving lengths along frequency, right ascension and declination, in Mpc.
        volume : float
            Comoving volume of the field and the band, in Mpc^3.
        redshift : tuple of float
            Least and greatest redshift of the band.
        units : astropy unit
            Unit of the maps.
        DESCR : str
            Description of the maps.

    Raises
    ------
    ImportError
        If light cones are to be made and colossus is not installed.
    ValueError
        If a parameter has none of its allowed values, a model is of another line than the mapper,
        catalogues are not of one cosmology, one of several has no group, one has no halo in
        the field and the band, or no parameters were found whose map float32 can hold.
    TypeError
        If a parameter has the wrong type.

    See Also
    --------
    skastro.preprocessing.LuminosityFunctionTransformer : Counts as targets.
    IntensityMapper : How haloes become a map.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.simulation import IntensityMapper, make_line_intensity_maps
    >>> mapper = IntensityMapper(0.3, 16, np.linspace(34, 32, 5))
    >>> data = make_line_intensity_maps(
    ...     2, n_draws=3, mapper=mapper, min_mass=1e12, random_state=0
    ... )
    >>> data.maps.shape, data.counts.shape
    ((6, 4, 16, 16), (6, 49))
    >>> len(set(data.groups))
    2
    """
    models = _checked_models(model)
    _check_priors(priors, models)
    check_count(_OWNER, "n_draws", n_draws, 1)
    if mapper is None:
        mapper = IntensityMapper(1.4, 64, np.linspace(34, 26, 11))
    elif not isinstance(mapper, IntensityMapper):
        raise TypeError(message(_OWNER, "mapper", "an IntensityMapper or None", mapper))
    for one in models:
        check_line(_OWNER, one, mapper.rest_frequency)
    entropy = seed_entropy(_OWNER, random_state)
    edges = np.array(LUMINOSITY_EDGES if edges is None else edges, dtype=np.float64)
    luminosity_function([], edges)
    sources = _sources(catalogs, mapper, entropy, min_mass, cosmology)
    fields = Parallel(n_jobs=n_jobs)(
        delayed(_draw_maps)(source, models, priors, int(n_draws), mapper, edges, (entropy, i))
        for i, source in enumerate(sources)
    )
    if not fields:
        raise ValueError(message(_OWNER, "catalogs", "at least one catalogue", catalogs))
    cosmologies = {field.cosmology for field in fields}
    if len(cosmologies) > 1:
        raise ValueError(
            message(_OWNER, "catalogs", "of one cosmology", sorted(map(str, cosmologies)))
        )
    cosmology = cosmologies.pop()
    groups = [field.group for field in fields]
    if None in groups:
        if len(groups) > 1:
            allowed = (
                "catalogues that each have a group, as HaloCatalog(..., group=...) gives it, "
                "for splits that keep each simulation whole"
            )
            raise ValueError(message(_OWNER, "catalogs", allowed, groups))
        groups = [0]
    counts = np.concatenate([field.counts for field in fields])
    return MapBunch(
        maps=np.concatenate([field.maps for field in fields]),
        target=counts.copy(),
        counts=counts,
        groups=np.repeat(np.array(groups), int(n_draws)),
        model=np.concatenate([field.model for field in fields]),
        parameters=[drawn for field in fields for drawn in field.parameters],
        luminosity_edges=edges,
        frequencies=mapper.frequencies.copy(),
        fov=mapper.fov,
        box_size=mapper.box_size(cosmology),
        volume=mapper.volume(cosmology),
        redshift=mapper.redshift_range,
        units=astropy_units.Unit(mapper.units),
        DESCR=_DESCR.read_text(encoding="utf-8"),
    )


def _checked_models(model):
    models = [Li16()] if model is None else model
    models = list(models) if isinstance(models, (list, tuple)) else [models]
    are_models = [
        isinstance(one, LuminosityModel) or (callable(one) and not isinstance(one, type))
        for one in models
    ]
    if not models or not all(are_models):
        allowed = (
            "a LuminosityModel (an object such as Li16(), no class), a function of a catalogue, or "
            "a list or tuple of them"
        )
        raise TypeError(message(_OWNER, "model", allowed, model))
    return models


def _check_priors(priors, models):
    is_width = isinstance(priors, Real) and not isinstance(priors, bool) and 0 < priors < np.inf
    named = isinstance(priors, str) and priors == "published"
    if not (priors is None or named or is_width or isinstance(priors, Mapping)):
        allowed = "None, a number above 0, 'published' or a mapping of distributions"
        raise ValueError(message(_OWNER, "priors", allowed, priors))
    if isinstance(priors, Mapping):
        known = {
            name
            for model in models
            if isinstance(model, LuminosityModel)
            for name in model.get_params(deep=False)
        }
        if not priors or set(priors) - known:
            allowed = f"a mapping of distributions for some of the parameters {sorted(known)}"
            raise ValueError(message(_OWNER, "priors", allowed, dict(priors)))


class _LightCone(dict):
    """Parameters of a light cone to be made."""


def _sources(catalogs, mapper, entropy, min_mass, cosmology):
    """What each catalogue comes from: itself, a path, or the parameters of a light cone."""
    if isinstance(catalogs, Integral) and not isinstance(catalogs, bool):
        check_count(_OWNER, "catalogs", catalogs, 1)
        shared = {
            "fov": mapper.fov,
            "redshift": mapper.redshift_range,
            "min_mass": min_mass,
            "cosmology": cosmology,
        }
        seeds = np.random.SeedSequence([entropy, 0]).generate_state(int(catalogs), np.uint32)
        return [_LightCone(shared, random_state=int(seed)) for seed in seeds]
    if isinstance(catalogs, (HaloCatalog, str, os.PathLike)):
        return [catalogs]
    if not isinstance(catalogs, Iterable):
        allowed = "a number of light cones, a HaloCatalog, a path, or an iterable of these"
        raise TypeError(message(_OWNER, "catalogs", allowed, catalogs))
    return catalogs


def _draw_maps(source, models, priors, n_draws, mapper, edges, key):
    """Maps of one catalogue."""
    catalog = source
    if isinstance(source, _LightCone):
        catalog = make_halo_lightcone(**source)
    elif isinstance(source, (str, os.PathLike)):
        catalog = HaloCatalog.read(source)
    elif not isinstance(source, HaloCatalog):
        raise TypeError(message(_OWNER, "catalogs", "of HaloCatalogs and paths", source))
    inside = np.flatnonzero(mapper.contains(catalog))
    # In this order the scatter needs no sort of its own.
    catalog = catalog.select(inside[np.argsort(catalog.M[inside])[::-1]])
    if not len(catalog):
        raise ValueError(
            f"{_OWNER} finds no halo of catalogue {catalog.group!r} in the field of {mapper.fov} "
            f"degrees at redshifts {mapper.redshift_range}. Give a catalogue of that place, "
            "another 'mapper', or a lower 'min_mass'."
        )
    rng = np.random.default_rng([*key, 1])
    maps = np.empty((n_draws, *mapper.shape), dtype=np.float32)
    counts = np.empty((n_draws, edges.size - 1))
    names, parameters = [], []
    for i in range(n_draws):
        model = models[rng.integers(len(models))]
        model, luminosity, maps[i] = _one_map(model, priors, catalog, mapper, rng)
        counts[i] = luminosity_function(luminosity, edges)
        if isinstance(model, LuminosityModel):
            names.append(type(model).__name__)
            parameters.append(model.get_params(deep=False))
        else:
            names.append(getattr(model, "__name__", type(model).__name__))
            parameters.append({})
    return MapBunch(
        maps=maps,
        counts=counts,
        group=catalog.group,
        model=names,
        parameters=parameters,
        cosmology=catalog.cosmology,
    )


def _one_map(model, priors, catalog, mapper, rng):
    """The model with its parameters drawn, its luminosities, and a cube that float32 can hold."""
    for _ in range(_MOST_DRAWS):
        drawn = _drawn(model, priors, rng)
        if isinstance(drawn, LuminosityModel):
            luminosity = drawn.luminosity(catalog, rng)
        else:
            luminosity = drawn(catalog)
        if drawn is model or np.isfinite(luminosity).all():
            cube = mapper.make_cube(catalog, luminosity)
            if cube.max() <= _LARGEST:
                return drawn, luminosity, cube
        if drawn is model:
            break
    raise ValueError(
        f"{_OWNER} makes maps of float32, and those of {drawn!r} are beyond {_LARGEST:.1e} "
        f"{mapper.units}. Give other parameters of 'model', or narrower 'priors' such as 0.1."
    )


def _drawn(model, priors, rng):
    """The model, or one with other parameters."""
    if priors is None or not isinstance(model, LuminosityModel):
        return model
    if isinstance(priors, Mapping):
        own = model.get_params(deep=False)
        distributions = {name: prior for name, prior in priors.items() if name in own}
    elif isinstance(priors, str):
        distributions = model.priors
    else:
        distributions = model.priors_about(float(priors))
    return model.draw(rng, distributions) if distributions else model
