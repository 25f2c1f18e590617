"""Cubes of line intensity."""

import numpy as np
import pytest
from astropy import constants, units
from astropy.cosmology import FlatLambdaCDM
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad

from skastro.simulation import IntensityMapper, Li16, Padmanabhan18, PowerLaw, Silva15

EDGES = np.linspace(34.0, 26.0, 10)
THEIR_TEMPERATURE = 0.5 * 2.63083
THEIR_INTENSITY = 4.0204e-2
FLUX = constants.L_sun / units.Mpc**2 / units.GHz


def power_spectrum(cube, distances, fov):
    """Binned power spectrum of a cube (frequency, ra, dec), as limlam_mocker bins it."""
    cube = cube.transpose(1, 2, 0)
    edges = [np.deg2rad(np.linspace(-fov / 2, fov / 2, n + 1)) for n in cube.shape[:2]]
    edges = [angles * distances.mean() for angles in edges] + [distances]
    cells = [np.abs(np.mean(np.diff(lengths))) for lengths in edges]
    power = np.abs(np.fft.rfftn(cube)) ** 2 * np.prod(cells) / cube.size
    axes = [2 * np.pi * np.fft.fftfreq(n, d) for n, d in zip(cube.shape, cells, strict=True)]
    axes[2] = 2 * np.pi * np.fft.rfftfreq(cube.shape[2], cells[2])
    k = np.sqrt(sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij")))
    width = max(axis[1] for axis in axes)
    n_bins = int(np.ceil(max(axis.max() for axis in axes) / width))
    bins = np.linspace(0, n_bins * width, n_bins + 1)
    number, _ = np.histogram(k[k > 0], bins)
    return np.histogram(k[k > 0], bins, weights=power[k > 0])[0] / number, number


def their_distances(frequencies, cosmology, rest):
    """Distances of limlam_mocker: a sum from the far ends of 9999 steps up to redshift 4."""
    z = np.linspace(0, 4, 10000)
    e = np.sqrt(cosmology.omega_m * (1 + z) ** 3 + 1 - cosmology.omega_m)
    steps = 299792.458 / (100 * cosmology.h * e) * z[1]
    return np.interp(rest / frequencies - 1, z, np.cumsum(steps) - steps[0])


@pytest.mark.parametrize(
    "name",
    [
        "a_li",
        "a_li_alt",
        "a_li_noscatter",
        "a_li_noscatter_jysr",
        "a_padmanabhan",
        "c_subfield_li_noscatter",
    ],
)
def test_maps_agree_with_limlam_mocker(limlam, name):
    found, mapper, catalog = limlam(name)
    with_luminosities = found if hasattr(found, "halo_L") else limlam("a_li_noscatter")[0]
    cube = mapper.make_cube(catalog, with_luminosities.halo_L)
    if mapper.units == "uK":
        ratio = THEIR_TEMPERATURE / (constants.c**2 / (2 * constants.k_B) * FLUX / units.GHz**2)
        ratio = ratio.to_value(1 / units.uK)
    else:
        ratio = THEIR_INTENSITY / FLUX.to_value(units.Jy)
    theirs = found.map_cube.transpose(2, 0, 1)
    assert_allclose(cube * ratio, theirs, rtol=0, atol=1e-12 * theirs.max())
    assert_array_equal(cube > 0, theirs > 0)


def test_power_spectrum_agrees_with_limlam_mocker(limlam):
    found, mapper, catalog = limlam("a_li_noscatter")
    cube = mapper.make_cube(catalog, found.halo_L)
    cube *= found.map_cube.sum() / cube.sum()
    distances = their_distances(mapper.frequencies, catalog.cosmology, mapper.rest_frequency)
    power, n_modes = power_spectrum(cube, distances, 0.4)
    assert_allclose(power, found.Pk, rtol=1e-6)
    assert_array_equal(n_modes, found.Nmodes)
    size = mapper.box_size(catalog.cosmology)
    across = np.deg2rad(0.4) * distances.mean()
    assert_allclose(size, (np.ptp(distances), across, across), rtol=3e-4)
    assert_allclose(mapper.volume(catalog.cosmology), found.volume_Mpc3, rtol=5e-4)


def test_haloes_of_float32_fall_in_the_voxels_of_limlam_mocker(limlam):
    found, mapper, catalog = limlam("b_li_comap256")
    assert catalog.M.dtype == np.float32
    cube = mapper.make_cube(catalog, np.ones(len(catalog)))
    differ = (cube > 0) != (found.map_cube.transpose(2, 0, 1) > 0)
    assert differ.sum() <= 4


@pytest.mark.parametrize("unit", ["uK", "Jy/sr"])
def test_one_halo_by_units(unit, haloes):
    mapper = IntensityMapper((0.7, 0.9), (7, 9), EDGES, units=unit)
    halo = haloes([1e12], zhalo=[2.9], ra=[0.14], dec=[-0.31], chi=[6200.0])
    cube = mapper.make_cube(halo, [3e6])
    nu = 115.2712018 * units.GHz / 3.9
    solid_angle = (0.1 * units.deg) ** 2
    flux = 3e6 * units.L_sun / (4 * np.pi * (3.9 * 6200 * units.Mpc) ** 2)
    expected = flux / (8 / 9 * units.GHz) / solid_angle
    if unit == "uK":
        expected = (constants.c**2 * expected / (2 * constants.k_B * nu**2 / units.sr)).to(units.uK)
    else:
        expected = expected.to(units.Jy / units.sr)
    place = (int((34 - nu.value) / (8 / 9)), 4, 1)
    assert cube.shape == (9, 7, 9)
    assert_allclose(cube[place], expected.value, rtol=1e-12)
    assert np.count_nonzero(cube) == 1


def random_haloes(haloes, n=5000, seed=0):
    generator = np.random.default_rng(seed)
    return haloes(
        generator.uniform(1e11, 1e13, n),
        generator.uniform(2.3, 3.5, n),
        generator.uniform(-0.8, 0.8, n),
        generator.uniform(-0.6, 0.6, n),
        generator.uniform(5500, 6500, n),
    )


@pytest.mark.parametrize("even", [True, False])
def test_cube_is_a_histogram(even, haloes):
    edges = EDGES if even else 26.0 + 8.0 * np.linspace(1, 0, 10) ** 2
    mapper = IntensityMapper((1.4, 1.0), (7, 8), edges)
    found = random_haloes(haloes)
    L = found.M * 1e-6
    nu = mapper.rest_frequency / (1 + found.zhalo)
    width = np.abs(np.diff(edges))[::-1]
    bins = (edges[::-1], mapper.ra_edges, mapper.dec_edges)
    sample = np.transpose([nu, found.ra, found.dec])
    expected = np.histogramdd(sample, bins, weights=L / found.chi**2)[0] / width[:, None, None]
    cube = mapper.make_cube(found, L)
    scale = cube.sum() / expected.sum()
    assert_allclose(cube, scale * expected[::-1], rtol=1e-11)


def test_haloes_on_edges_go_where_the_histogram_puts_them(haloes):
    mapper = IntensityMapper((1.4, 0.9), (7, 9), EDGES)
    ra, dec = mapper.ra_edges, mapper.dec_edges
    found = haloes(np.ones(8), ra=ra, dec=np.full(8, dec[3]))
    counts = mapper.make_cube(found, found.M).sum(axis=0) > 0
    assert_array_equal(np.flatnonzero(counts.any(axis=0)), [3])
    weights = mapper.make_cube(found, found.M).sum(axis=(0, 2))
    assert_allclose(weights / weights.min(), [1, 1, 1, 1, 1, 1, 2], rtol=1e-12)
    assert mapper.contains(found).all()
    outside = haloes(np.ones(2), ra=[np.nextafter(ra[-1], 1), np.nan])
    assert not mapper.contains(outside).any()


def test_rising_edges_are_falling_ones_turned_over(haloes):
    found = random_haloes(haloes)
    falling = IntensityMapper(1.0, 5, EDGES).make_cube(found, found.M)
    rising = IntensityMapper(1.0, 5, EDGES[::-1]).make_cube(found, found.M)
    assert_allclose(rising, falling[::-1], rtol=1e-12)


def test_haloes_out_of_field_or_band_are_left_out(haloes):
    mapper = IntensityMapper(0.5, 4, EDGES)
    found = random_haloes(haloes)
    inside = mapper.contains(found)
    nu = mapper.rest_frequency / (1 + found.zhalo)
    expected = (np.abs(found.ra) <= 0.25) & (np.abs(found.dec) <= 0.25) & (nu >= 26) & (nu <= 34)
    assert_array_equal(inside, expected)
    kept = haloes(*(getattr(found, n)[inside] for n in ("M", "zhalo", "ra", "dec", "chi")))
    assert_array_equal(mapper.make_cube(found, found.M), mapper.make_cube(kept, kept.M))


def test_models_and_functions_make_luminosities(haloes):
    mapper = IntensityMapper(1.0, 4, EDGES)
    found = random_haloes(haloes)
    model = PowerLaw(sigma=0.4)
    expected = mapper.make_cube(found, model.luminosity(found, 3))
    assert_array_equal(mapper.make_cube(found, model, random_state=3), expected)
    by_function = mapper.make_cube(found, lambda catalog: 2e-6 * catalog.M)
    assert_allclose(by_function, mapper.make_cube(found, PowerLaw()), rtol=1e-13)


def test_line_of_the_model_is_that_of_the_mapper(haloes):
    mapper = IntensityMapper(1.0, 4, EDGES * 2, line="CO(2-1)")
    found = random_haloes(haloes)
    with pytest.raises(ValueError, match=r"of the line of the mapper, at rest at 230.538 GHz"):
        mapper.make_cube(found, Li16())
    with pytest.raises(ValueError, match="'luminosity' parameter of IntensityMapper"):
        mapper.make_cube(found, Silva15())
    for model in (Li16(line="CO(2-1)"), Li16(line=230.54), Li16(conversion=4e-4), PowerLaw()):
        assert mapper.make_cube(found, model).any()


def test_cube_of_float32(haloes):
    mapper = IntensityMapper(1.0, (4, 5), EDGES)
    found = random_haloes(haloes)
    cube = mapper.make_cube(found, found.M, dtype=np.float32)
    assert cube.dtype == np.float32
    assert_allclose(cube, mapper.make_cube(found, found.M, dtype="float64"), rtol=1e-5)
    with pytest.raises(ValueError, match="'dtype' parameter of IntensityMapper"):
        mapper.make_cube(found, found.M, dtype=np.int64)


def test_bins_of_nearly_even_and_uneven_edges(haloes):
    """Values on edges, beside them and beyond, against NumPy's histogram."""
    rng = np.random.default_rng(3)
    for shift in (0.0, 1e-5, 0.02, 0.4):
        edges = 26.0 + np.linspace(0, 8, 81) + 0.1 * shift * rng.uniform(-1, 1, 81)
        mapper = IntensityMapper(1.0, 1, edges, line=115.0)
        nu = np.concatenate([edges, rng.uniform(edges[0], edges[-1], 5000)])
        z = 115.0 / nu - 1
        nu = 115.0 / (1 + z)
        found = haloes(np.ones(nu.size), z)
        inside = mapper.contains(found)
        counts = mapper.make_cube(found, found.M)[:, 0, 0] * np.diff(edges)
        assert_allclose(
            counts / counts.sum(),
            np.histogram(np.clip(nu[inside], edges[0], edges[-1]), edges)[0] / inside.sum(),
            rtol=1e-12,
        )


def test_quantities_and_names():
    plain = IntensityMapper((1.0, 2.0), (3, 4), EDGES, line=115.2712018)
    other = IntensityMapper([60, 120] * units.arcmin, (3, 4), EDGES * 1e3 * units.MHz)
    assert_allclose(other.fov, plain.fov, rtol=1e-15)
    assert_allclose(other.frequencies, plain.frequencies, rtol=1e-15)
    assert other.rest_frequency == plain.rest_frequency
    assert IntensityMapper(1, 2, [40.0, 50.0], line=115 * units.GHz).rest_frequency == 115.0
    assert_allclose(plain.channel_frequencies, EDGES[:-1] - 4 / 9)
    assert "uK" in repr(plain)


def test_rest_frequencies():
    """CO is a rotor that stretches; the other lines are known by their wavelengths."""
    for upper in range(1, 8):
        rotor = 2 * 57.63596828 * upper - 4 * 1.835e-4 * upper**3
        found = IntensityMapper(1, 2, [26, 34], line=f"CO({upper}-{upper - 1})").rest_frequency
        assert_allclose(found, rotor, rtol=1e-7)
    microns = {"[CI](1-0)": 609.135, "[CI](2-1)": 370.415, "[CII]": 157.741, "[OIII]88": 88.356}
    for line, length in (microns | {"HI": 211061.14}).items():
        found = IntensityMapper(1, 2, [0.9, 1.1], line=line).rest_frequency
        assert_allclose(found, 299792.458 / length, rtol=1e-5)


def test_box_size_and_volume():
    mapper = IntensityMapper((1.4, 0.7), (4, 4), EDGES, line=115.27)
    cosmology = FlatLambdaCDM(70, 0.286, Tcmb0=0)

    def distance(z):
        return 299792.458 / 70 * quad(lambda x: (0.286 * (1 + x) ** 3 + 0.714) ** -0.5, 0, z)[0]

    chi = np.array([distance(115.27 / nu - 1) for nu in EDGES])
    expected = (chi[-1] - chi[0], np.deg2rad(1.4) * chi.mean(), np.deg2rad(0.7) * chi.mean())
    for given in (cosmology, {"omega_m": 0.286, "h": 0.7}):
        assert_allclose(mapper.box_size(given), expected, rtol=1e-6)
        shell = (chi[-1] ** 3 - chi[0] ** 3) / 3 * np.deg2rad(1.4) * 2 * np.sin(np.deg2rad(0.35))
        assert_allclose(mapper.volume(given), shell, rtol=1e-6)
    assert_allclose(mapper.redshift_range, (115.27 / 34 - 1, 115.27 / 26 - 1), rtol=1e-14)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"fov": 0.0}, ValueError, "'fov'"),
        ({"fov": (1.0, 2.0, 3.0)}, ValueError, "'fov'"),
        ({"fov": 1.0 * units.GHz}, ValueError, "'fov'"),
        ({"fov": "wide"}, TypeError, "'fov'"),
        ({"fov": "1.4"}, TypeError, "'fov'"),
        ({"fov": True}, TypeError, "'fov'"),
        ({"frequencies": [34 * units.GHz, 26 * units.GHz]}, TypeError, "'frequencies'"),
        ({"n_pixels": 0}, ValueError, "'n_pixels'"),
        ({"n_pixels": (2, 2.5)}, ValueError, "'n_pixels'"),
        ({"frequencies": [30.0]}, ValueError, "'frequencies'"),
        ({"frequencies": [26.0, 30.0, 29.0]}, ValueError, "'frequencies'"),
        ({"frequencies": [100.0, 120.0]}, ValueError, "115.271"),
        ({"frequencies": [26.0, np.nan]}, ValueError, "'frequencies'"),
        ({"line": "CO(9-1)"}, ValueError, "'line'"),
        ({"line": None}, TypeError, "'line'"),
        ({"units": "mK"}, ValueError, "'units'"),
    ],
)
def test_wrong_parameters(change, error, match):
    given = {"fov": 1.0, "n_pixels": 2, "frequencies": EDGES} | change
    with pytest.raises(error, match=match):
        IntensityMapper(**given)


@pytest.mark.parametrize("L", [[1.0], [1.0, np.nan], [1.0, -2.0], [1.0, np.inf]])
def test_wrong_luminosities(L, haloes):
    with pytest.raises(ValueError, match="'luminosity' parameter of IntensityMapper"):
        IntensityMapper(1.0, 2, EDGES).make_cube(haloes([1e12, 1e12]), L)


def test_box_and_volume_where_space_is_curved():
    mapper = IntensityMapper((1.4, 0.7), (4, 4), EDGES, line=115.27)
    open_universe = {"omega_m": 0.3, "omega_l": 0.0, "h": 0.7}
    scale, k = 299792.458 / 70, np.sqrt(0.7)
    chi = [
        quad(lambda x: (0.3 * (1 + x) ** 3 + k**2 * (1 + x) ** 2) ** -0.5, 0, 115.27 / nu - 1)[0]
        for nu in EDGES
    ]
    chi = np.array(chi)
    size = mapper.box_size(open_universe)
    assert_allclose(size[0], scale * np.ptp(chi), rtol=1e-6)
    across = scale * np.sinh(k * chi).mean() / k
    assert_allclose(size[1:], np.deg2rad([1.4, 0.7]) * across, rtol=1e-6)
    sides = np.deg2rad(1.4) * 2 * np.sin(np.deg2rad(0.35))
    within = (np.sinh(2 * k * chi) / (4 * k) - chi / 2) / k**2
    assert_allclose(mapper.volume(open_universe), sides * scale**3 * np.ptp(within), rtol=1e-6)


def test_wrong_cosmology():
    with pytest.raises(TypeError, match="'cosmology'"):
        IntensityMapper(1.0, 2, EDGES).box_size(0.3)


def test_no_haloes_make_an_empty_cube(haloes):
    cube = IntensityMapper(1.0, 2, EDGES).make_cube(haloes([]), Padmanabhan18())
    assert cube.shape == (9, 2, 2)
    assert not cube.any()
