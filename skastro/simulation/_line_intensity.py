"""Mock line-intensity maps with the luminosity functions behind them."""

from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from astropy import units as astropy_units
from joblib import Parallel, delayed
from sklearn.utils import Bunch

from ..datasets._checks import message
from ._checks import check_count, seed_entropy
from ._halo_catalog import HaloCatalog
from ._halo_lightcone import make_halo_lightcone
from ._intensity_mapper import IntensityMapper
from ._luminosity_base import LuminosityModel
from ._luminosity_function import LUMINOSITY_EDGES, luminosity_function
from ._luminosity_star_formation import Li16

_OWNER = "make_line_intensity_maps"
_DESCR = Path(__file__).parent / "descr" / "line_intensity_maps.rst"


def make_line_intensity_maps(
    catalogs=1,
    *,
    model=None,
    priors="published",
    n_draws=1,
    mapper=None,
    edges=None,
    min_mass=2.5e10,
    cosmology=None,
    n_jobs=None,
    random_state=None,
):
    """Make line-intensity maps of haloes, and count the haloes by luminosity.

    Parameters
    ----------
    catalogs : int or iterable of HaloCatalog or path-like, default=1
        Number of light cones to make, of which each needs colossus, of the extra ``sim``; or
        catalogues, or peak-patch files of them.
    model : LuminosityModel, callable or sequence of them, default=None
        What gives haloes their luminosities; a function takes a `HaloCatalog` and returns
        luminosities in Lsun. Of several, each map is made by one that is drawn. None is `Li16`.
    priors : "published", None, float or mapping, default="published"
        What the parameters of a model are drawn from for each map: the priors of its paper; None
        leaves them as they are; a number w takes ``model.priors_about(w)``, about the values of
        the model itself; a mapping has distributions of scipy.stats by the names of the
        parameters. Functions and models without priors stay as they are.
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
            Group of the catalogue that a map is of. Split by these: all maps of a catalogue show
            the same haloes.
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
        If a parameter has none of its allowed values, catalogues are not of one cosmology, or
        have haloes neither in the field nor in the band.
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
    ...     2, n_draws=3, priors=0.1, mapper=mapper, min_mass=1e12, random_state=0
    ... )
    >>> data.maps.shape, data.counts.shape
    ((6, 4, 16, 16), (6, 49))
    >>> len(set(data.groups))
    2
    """
    models = _checked_models(model)
    priors = _checked_priors(priors)
    check_count(_OWNER, "n_draws", n_draws, 1)
    if mapper is None:
        mapper = IntensityMapper(1.4, 64, np.linspace(34, 26, 11))
    elif not isinstance(mapper, IntensityMapper):
        raise TypeError(message(_OWNER, "mapper", "an IntensityMapper or None", mapper))
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
    counts = np.concatenate([field.counts for field in fields])
    return Bunch(
        maps=np.concatenate([field.maps for field in fields]),
        target=counts.copy(),
        counts=counts,
        groups=np.repeat(np.array([field.group for field in fields]), int(n_draws)),
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
    if not models or not all(isinstance(one, LuminosityModel) or callable(one) for one in models):
        allowed = "a LuminosityModel, a function of a catalogue, or a sequence of them"
        raise TypeError(message(_OWNER, "model", allowed, model))
    return models


def _checked_priors(priors):
    is_width = isinstance(priors, Real) and not isinstance(priors, bool) and 0 < priors < np.inf
    named = isinstance(priors, str) and priors == "published"
    if not (priors is None or named or is_width or isinstance(priors, Mapping)):
        allowed = "'published', None, a number above 0 or a mapping of distributions"
        raise ValueError(message(_OWNER, "priors", allowed, priors))
    return priors


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
        return [shared | {"random_state": int(seed)} for seed in seeds]
    if isinstance(catalogs, (HaloCatalog, str, Path)):
        return [catalogs]
    if not isinstance(catalogs, Iterable):
        allowed = "a number of light cones, a HaloCatalog, a path, or an iterable of these"
        raise TypeError(message(_OWNER, "catalogs", allowed, catalogs))
    return catalogs


def _draw_maps(source, models, priors, n_draws, mapper, edges, key):
    """Maps of one catalogue."""
    catalog = source
    if isinstance(source, Mapping):
        catalog = make_halo_lightcone(**source)
    elif not isinstance(source, HaloCatalog):
        catalog = HaloCatalog.read(source)
    inside = np.flatnonzero(mapper.contains(catalog))
    # In this order the scatter needs no sort of its own.
    catalog = catalog.select(inside[np.argsort(catalog.M[inside])[::-1]])
    if not len(catalog):
        raise ValueError(
            f"{_OWNER} finds no halo of catalogue {catalog.group!r} in the field of {mapper.fov} "
            f"degrees at redshifts {mapper.redshift_range}. Give a catalogue of that place, or "
            f"another 'mapper'."
        )
    rng = np.random.default_rng([*key, 1])
    maps = np.empty((n_draws, *mapper.shape), dtype=np.float32)
    counts = np.empty((n_draws, edges.size - 1))
    names, parameters = [], []
    for i in range(n_draws):
        model = _drawn(models[rng.integers(len(models))], priors, rng)
        if isinstance(model, LuminosityModel):
            luminosity = model.luminosity(catalog, rng)
            names.append(type(model).__name__)
            parameters.append(model.get_params(deep=False))
        else:
            luminosity = model(catalog)
            names.append(getattr(model, "__name__", type(model).__name__))
            parameters.append({})
        maps[i] = mapper.make_cube(catalog, luminosity)
        counts[i] = luminosity_function(luminosity, edges)
    return Bunch(
        maps=maps,
        counts=counts,
        group=catalog.group,
        model=names,
        parameters=parameters,
        cosmology=catalog.cosmology,
    )


def _drawn(model, priors, rng):
    """The model, or one with other parameters."""
    if priors is None or not isinstance(model, LuminosityModel):
        return model
    if isinstance(priors, Mapping):
        return model.draw(rng, priors)
    distributions = model.priors if isinstance(priors, str) else model.priors_about(float(priors))
    return model.draw(rng, distributions) if distributions else model
