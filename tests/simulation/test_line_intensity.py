"""Mock line-intensity maps: shapes, counts, groups, seeds, models and errors."""

import numpy as np
import pytest
from astropy import units
from scipy import stats

from skastro.simulation import (
    HaloCatalog,
    IntensityMapper,
    Li16,
    Padmanabhan18,
    PowerLaw,
    luminosity_function,
    make_halo_lightcone,
    make_line_intensity_maps,
)

MAPPER = IntensityMapper((0.3, 0.4), (7, 8), np.linspace(34, 32, 6))
EDGES = np.logspace(4, 7, 10)


@pytest.fixture(scope="module")
def catalog():
    """A small light cone that reaches beyond the maps."""
    pytest.importorskip("colossus")
    return make_halo_lightcone(
        MAPPER.fov, MAPPER.redshift_range, min_mass=1e12, cell_size=16, random_state=5
    )


def make(catalogs, **parameters):
    """Maps on few voxels."""
    return make_line_intensity_maps(catalogs, mapper=MAPPER, edges=EDGES, **parameters)


def constant(catalog):
    """A user's model: all haloes alike."""
    return np.full(len(catalog), 2e5)


def test_what_comes_back(catalog):
    """Maps, counts and what goes with them have the shapes of the mapper."""
    other = catalog.rotate(2)
    data = make([catalog, other], n_draws=3, random_state=0)
    assert data.maps.shape == (6, 5, 7, 8)
    assert data.maps.dtype == np.float32
    assert data.counts.shape == (6, 9)
    np.testing.assert_array_equal(data.target, data.counts)
    np.testing.assert_array_equal(data.groups, [5] * 6)
    assert data.units == units.uK
    assert data.fov == (0.3, 0.4)
    assert data.volume == MAPPER.volume(catalog.cosmology)
    assert data.box_size == MAPPER.box_size(catalog.cosmology)
    assert set(data.model) == {"Li16"}
    np.testing.assert_array_equal(data.frequencies, MAPPER.frequencies)
    assert "haloes" in data.DESCR


def test_maps_and_counts_are_those_of_the_model(catalog):
    """A map is the cube of the mapper, its counts those of the haloes in it alone."""
    model = PowerLaw(A=1e-7)
    data = make(catalog, model=model, priors=None)
    inside = catalog.select(MAPPER.contains(catalog))
    assert 0 < len(inside) < len(catalog)
    L = model.luminosity(inside)
    np.testing.assert_allclose(data.maps[0], MAPPER.make_cube(inside, L), rtol=1e-6)
    np.testing.assert_array_equal(data.counts[0], luminosity_function(L, EDGES))
    assert data.counts.sum() > 0


def test_a_function_is_a_model(catalog):
    """A user's function gives luminosities; its name stands in the table."""
    data = make(catalog, model=constant)
    inside = MAPPER.contains(catalog).sum()
    np.testing.assert_array_equal(data.counts[0], np.histogram([2e5] * inside, EDGES)[0])
    assert data.model[0] == "constant"
    assert data.parameters == [{}]


@pytest.mark.parametrize(
    ("priors", "width"), [("published", 1.0), (0.1, 0.1), ({"alpha": stats.norm(1.3, 0.01)}, None)]
)
def test_parameters_are_drawn(catalog, priors, width):
    """Each map has parameters of its own, from the distributions that were asked for."""
    data = make(catalog, n_draws=4, priors=priors, random_state=1)
    alphas = {drawn["alpha"] for drawn in data.parameters}
    assert len(alphas) == 4
    if width is None:
        assert {drawn["beta"] for drawn in data.parameters} == {-1.74}
        assert all(abs(alpha - 1.3) < 0.06 for alpha in alphas)
    elif width == 0.1:
        assert all(abs(alpha - 1.37) < 0.25 for alpha in alphas)
    else:
        assert max(alphas) - min(alphas) > 0.25


def test_parameters_as_they_are(catalog):
    """Without priors only the scatter differs from map to map."""
    data = make(catalog, n_draws=2, priors=None)
    assert data.parameters[0] == data.parameters[1] == Li16().get_params(deep=False)
    assert (data.maps[0] != data.maps[1]).any()


def test_several_models(catalog):
    """Each map is of one of several models, drawn."""
    models = [Li16(), Padmanabhan18(), constant]
    data = make(catalog, model=models, n_draws=12, random_state=0)
    assert set(data.model) == {"Li16", "Padmanabhan18", "constant"}


def test_priors_go_to_the_models_that_have_them(catalog):
    """A mapping may name parameters that only some of the models have."""
    priors = {"alpha": stats.norm(1.3, 0.01)}
    data = make(catalog, model=[Li16(), Padmanabhan18()], n_draws=8, priors=priors, random_state=0)
    of_li = [drawn for drawn in data.parameters if "alpha" in drawn]
    assert 0 < len(of_li) < 8
    assert all(0 < abs(drawn["alpha"] - 1.3) < 0.06 for drawn in of_li)
    of_padmanabhan = [drawn for drawn in data.parameters if "alpha" not in drawn]
    assert of_padmanabhan == [Padmanabhan18().get_params(deep=False)] * len(of_padmanabhan)


def test_draws_beyond_float32_are_made_again(catalog):
    """No map is infinite, however far the priors reach; those that always are, are refused."""
    far = {"beta": stats.uniform(-110, 110)}
    data = make(catalog, n_draws=10, priors=far, random_state=0)
    assert np.isfinite(data.maps).all()
    assert len({drawn["beta"] for drawn in data.parameters}) == 10
    for model, priors in ((Li16(beta=-400.0), 0.1), (Li16(beta=-90.0), None)):
        with pytest.raises(ValueError, match="maps of float32"):
            make(catalog, model=model, priors=priors)


def test_groups_of_unknown_origin(catalog):
    """One catalogue without a group is one simulation; of several it is not known."""

    def unknown():
        columns = ("M", "position", "velocity", "zhalo", "zcos")
        return HaloCatalog(*(getattr(catalog, name) for name in columns))

    np.testing.assert_array_equal(make(unknown(), n_draws=2).groups, [0, 0])
    with pytest.raises(ValueError, match=r"'catalogs' parameter .* each have a group"):
        make([unknown(), catalog])


def test_seeds(catalog):
    """Equal seeds give equal maps whatever the number of jobs; others differ."""
    catalogs = [catalog, catalog.rotate()]
    one = make(catalogs, n_draws=2, random_state=3)
    two = make(iter(catalogs), n_draws=2, random_state=3, n_jobs=2)
    np.testing.assert_array_equal(one.maps, two.maps)
    np.testing.assert_array_equal(one.counts, two.counts)
    other = make(catalogs, n_draws=2, random_state=4)
    assert (one.maps != other.maps).any()
    assert one.parameters[0] != one.parameters[2]
    again = make([catalog, catalog], priors=None, random_state=3)
    assert (again.maps[0] != again.maps[1]).any()


def test_light_cones_are_made():
    """A number makes as many light cones; the first ones do not depend on the number."""
    pytest.importorskip("colossus")
    two = make(2, min_mass=3e12, random_state=0)
    one = make(1, min_mass=3e12, random_state=0)
    assert len(set(two.groups)) == 2
    np.testing.assert_array_equal(one.maps, two.maps[:1])
    assert (two.maps[0] != two.maps[1]).any()


def test_files(catalog, tmp_path):
    """Files of catalogues are read."""
    path = tmp_path / "catalog.npz"
    catalog.write(path)
    from_file = make(path, priors=None, random_state=0)
    np.testing.assert_array_equal(from_file.maps, make(catalog, priors=None, random_state=0).maps)
    np.testing.assert_array_equal(make([path, path], priors=None).maps.shape, (2, 5, 7, 8))


@pytest.mark.parametrize(
    ("parameters", "error", "words"),
    [
        ({"model": 3}, TypeError, "'model' parameter"),
        ({"model": []}, TypeError, "'model' parameter"),
        ({"model": Li16}, TypeError, r"an object such as Li16\(\), no class"),
        ({"model": [PowerLaw(), Li16(line="CO(2-1)")]}, ValueError, "of the line of the mapper"),
        ({"priors": {}}, ValueError, "'priors' parameter"),
        ({"priors": {"alpha": 1.0}}, ValueError, "distributions of scipy.stats"),
        ({"model": constant, "priors": {"alpha": stats.norm()}}, ValueError, "'priors' parameter"),
        ({"priors": "wide"}, ValueError, "'priors' parameter"),
        ({"priors": -1.0}, ValueError, "'priors' parameter"),
        ({"priors": {"gamma": stats.norm()}}, ValueError, "gamma"),
        ({"n_draws": 0}, ValueError, "'n_draws' parameter"),
    ],
)
def test_wrong_parameters(catalog, parameters, error, words):
    """Errors name the parameter."""
    with pytest.raises(error, match=words):
        make(catalog, **parameters)


@pytest.mark.parametrize("catalogs", [0, True, 2.5, [], [3], [{"fov": 1.0}]])
def test_wrong_catalogs(catalogs):
    """There is at least one catalogue."""
    with pytest.raises((TypeError, ValueError), match="'catalogs' parameter"):
        make(catalogs)


def test_wrong_mapper_and_edges(catalog):
    """A mapper is one, and edges rise."""
    with pytest.raises(TypeError, match="'mapper' parameter"):
        make_line_intensity_maps(catalog, mapper=(1.4, 64))
    with pytest.raises(ValueError, match="'edges' parameter"):
        make_line_intensity_maps(catalog, mapper=MAPPER, edges=[2, 1])


def test_catalogs_of_elsewhere(catalog):
    """A catalogue out of the band, and catalogues of several cosmologies, are refused."""
    far = HaloCatalog(
        catalog.M, catalog.position, catalog.velocity, catalog.zhalo + 3, catalog.zcos
    )
    with pytest.raises(ValueError, match="finds no halo"):
        make(far)
    other = HaloCatalog(
        catalog.M,
        catalog.position,
        catalog.velocity,
        catalog.zhalo,
        catalog.zcos,
        cosmology={"omega_m": 0.3},
    )
    with pytest.raises(ValueError, match="of one cosmology"):
        make([catalog, other])
