"""Mock light cones of haloes."""

from collections.abc import Sequence
from numbers import Real
from typing import Literal, NamedTuple

import numpy as np
from scipy import fft

from ..datasets._checks import check_choice, message
from ..utils._seeds import seed_entropy
from ..utils._typing import Floats, RandomState
from ._halo_abundance import BIASES, MASS_FUNCTIONS, SPEED_OF_LIGHT, halo_universe
from ._halo_catalog import HaloCatalog
from ._halo_cosmology import CosmologyLike, check_cosmology
from ._halo_field import draw_linear_fields

_OWNER = "make_halo_lightcone"
_MIN_BOX = 512.0  # Mpc
_GAP = 64.0  # Mpc
_VELOCITY_REACH = 6.0
_MAX_CELLS = 2**30


def make_halo_lightcone(
    fov: Floats = 1.4,
    redshift: Sequence[float] = (2.39, 3.44),
    *,
    min_mass: float = 2.5e10,
    max_mass: float = 3e14,
    cell_size: float = 5.0,
    cosmology: CosmologyLike | None = None,
    mass_function: Literal["press74", "sheth99", "tinker08"] = "tinker08",
    bias: Literal["cole89", "sheth01", "tinker10"] = "tinker10",
    padding: Floats = 0.05,
    random_state: RandomState = None,
) -> HaloCatalog:
    r"""Make a mock light cone of dark matter haloes.

    Haloes of each mass are a Poisson sample of a lognormal density [1]_ of their bias, and
    move with the linear velocities of the same density. Their numbers are those of a mass function
    fitted to N-body simulations. Such a light cone takes a second and stands in for
    catalogues of N-body or peak-patch simulations [2]_, whose files
    :meth:`HaloCatalog.read` reads. Needs colossus, of the extra ``sim``.

    Parameters
    ----------
    fov : float or sequence of two float, default=1.4
        Sides of the field along right ascension and declination, in degrees, up to 60.
    redshift : sequence of two float, default=(2.39, 3.44)
        Lowest and highest observed redshift of the band, above 0 and up to 20.
    min_mass, max_mass : float, default=2.5e10, 3e14
        Range of masses, in Msun.
    cell_size : float, default=5.0
        Side of the cells of the density, in comoving Mpc.
    cosmology : HaloCosmology, mapping or None, default=None
        A flat cosmology, or some of its parameters by name; None for the defaults of
        :class:`HaloCosmology`.
    mass_function : {"press74", "sheth99", "tinker08"}, default="tinker08"
        Mass function, by its name in colossus. Masses of "tinker08" [3]_ are those within 200
        times the mean density of matter.
    bias : {"cole89", "sheth01", "tinker10"}, default="tinker10"
        Bias of haloes [4]_, by its name in colossus.
    padding : float or sequence of two float, default=0.05
        How far the haloes go beyond each edge of the field, in degrees, and beyond both ends
        of the band, in redshift. One number is for both.
    random_state : int, RandomState instance or None, default=None
        Seed of the density and of the haloes.

    Returns
    -------
    HaloCatalog
        The haloes, with arrays of float32. Its `group` is the seed, and its `zcos` the redshift
        without the peculiar velocity.

    Raises
    ------
    ImportError
        If colossus is not installed.
    ValueError
        If a parameter has none of its allowed values, or there would be too many cells.
    TypeError
        If a parameter has the wrong type.

    See Also
    --------
    HaloCatalog : What is returned.

    Notes
    -----
    The linear density contrast :math:`\delta` of cells, smoothed by a Gaussian of half a cell and
    of variance :math:`\sigma^2` today, has the power spectrum of Eisenstein and Hu. A cell of
    volume V at redshift z holds haloes of a narrow range of masses by the Poisson distribution of
    mean

    .. math:: n(M, z) V \exp(b D \delta - b^2 D^2 \sigma^2 / 2)

    with their bias b(M, z) and the growth factor D(z), so that the number is n V on average.
    Within a cell haloes are uniform. Their density has the linear bias where it varies little, and
    on scales of a few cells more power than that, as lognormal fields do: with cells smaller than
    the default the variance of rare haloes becomes too large.

    Displacements :math:`i k \delta_k / k^2` times :math:`a H f D` are the velocities, which
    shift haloes along the line of sight in the linear theory of Kaiser [5]_:
    zhalo = zcos + (1 + zcos) v_r / c. Haloes within a cell move alike.

    The density is periodic, in a box of at least 512 Mpc a side and 64 Mpc more than the light cone
    takes. Longer modes are missing; in the smallest box the rms of velocities is 6 % lower for it.

    References
    ----------
    .. [1] P. Coles and B. Jones, "A lognormal model for the cosmological mass distribution",
       MNRAS 248, 1 (1991).
    .. [2] G. Stein, M. A. Alvarez and J. R. Bond, "The mass-Peak Patch algorithm for fast
       generation of deep all-sky dark matter halo catalogues and its N-body validation",
       MNRAS 483, 2236 (2019).
    .. [3] J. Tinker et al., "Toward a halo mass function for precision cosmology: the limits of
       universality", ApJ 688, 709 (2008).
    .. [4] J. L. Tinker et al., "The large-scale bias of dark matter halos: numerical calibration
       and model tests", ApJ 724, 878 (2010).
    .. [5] N. Kaiser, "Clustering in real space and in redshift space", MNRAS 227, 1 (1987).

    Examples
    --------
    >>> from skastro.simulation import make_halo_lightcone
    >>> catalog = make_halo_lightcone(0.5, (2.6, 2.8), min_mass=1e12, random_state=0)
    >>> catalog.group
    0
    >>> field = catalog.subfield(0.5, redshift=(2.6, 2.8))
    >>> len(field) < len(catalog)
    True
    """
    fov = _pair("fov", fov, 0, 60)
    low, high = _band(redshift)
    margin, margin_redshift = _pair("padding", padding, 0, 20, closed=True)
    min_mass = _number("min_mass", min_mass)
    max_mass = _number("max_mass", max_mass)
    if min_mass >= max_mass:
        raise ValueError(message(_OWNER, "max_mass", f"above min_mass={min_mass:g}", max_mass))
    cell_size = _number("cell_size", cell_size)
    cosmology = check_cosmology(_OWNER, cosmology)
    if abs(cosmology.omega_m + cosmology.omega_l - 1) > 1e-6:
        raise ValueError(message(_OWNER, "cosmology", "flat", cosmology))
    check_choice(_OWNER, "mass_function", mass_function, MASS_FUNCTIONS)
    check_choice(_OWNER, "bias", bias, BIASES)
    if margin_redshift >= low:
        allowed = f"below the redshift {low:g} where the band begins"
        raise ValueError(message(_OWNER, "padding", allowed, padding))
    seed = _seed(random_state)

    universe = halo_universe(cosmology)
    low, high = low - margin_redshift, high + margin_redshift
    sides = [side + 2 * margin for side in fov]
    table = universe.distances(high + 1)
    reach = [
        _VELOCITY_REACH * universe.growth_rate(z) * universe.growth(z) * universe.displacement_rms
        for z in (low, high)
    ]
    near, far = np.interp([low, high], *table)
    cells = _light_cone(sides, max(near - reach[0], 0), far + reach[1], cell_size)

    field_rng, halo_rng = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(2))
    redshifts = np.interp(cells.shells, *table[::-1])
    growth = universe.growth(redshifts)
    speeds = growth * universe.growth_rate(redshifts) * universe.expansion(redshifts)
    speeds /= 1 + redshifts
    contrast, displacements, variance = draw_linear_fields(
        cells.box, cell_size, universe.power, field_rng
    )
    haloes = universe.haloes(redshifts, min_mass, max_mass, mass_function, bias)
    M, where = _draw_masses(
        haloes, cells.shell, contrast[cells.inside], variance, growth, cell_size**3, halo_rng
    )
    position = np.empty((3, len(M)), np.float32)
    velocity = np.empty_like(position)
    speed = speeds.astype(np.float32)[cells.shell]
    # The axes of the box are z, x and y.
    for axis, displacement in zip((2, 0, 1), displacements, strict=True):
        velocity[axis] = (speed * displacement[cells.inside])[where]
        position[axis] = halo_rng.random(len(M), np.float32)
        position[axis] *= np.float32(cell_size)
        position[axis] += cells.corner[axis][where]

    x, y, z = position
    chi = np.sqrt(x.astype(float) ** 2 + y.astype(float) ** 2 + z.astype(float) ** 2)
    zcos = np.interp(chi, *table[::-1])
    radial = (x * velocity[0] + y * velocity[1] + z * velocity[2]) / chi
    zhalo = zcos + (1 + zcos) * radial / SPEED_OF_LIGHT
    catalog = HaloCatalog(
        M,
        position.T,
        velocity.T,
        zhalo.astype(np.float32),
        zcos.astype(np.float32),
        cosmology,
        group=seed,
    )
    return catalog.subfield(sides, redshift=(low, high))


class _Cells(NamedTuple):
    """Cells that touch the light cone.

    Attributes
    ----------
    box : tuple of three int
        Cells of the periodic box along z, x and y.
    inside : tuple of three ndarray
        Indices of the cells in the box.
    corner : list of three ndarray of float32
        Least x, y and z of each, in Mpc.
    shells : ndarray
        Distances of shells of one cell's depth, in Mpc.
    shell : ndarray of int
        Number of the shell of each cell.
    """

    box: tuple
    inside: tuple
    corner: list
    shells: np.ndarray
    shell: np.ndarray


def _light_cone(sides, near, far, cell_size):
    """Cells of a pyramid of `sides` in degrees, between two distances."""
    half_ra, half_dec = np.deg2rad(sides) / 2
    start = near * np.cos(half_ra) * np.cos(half_dec)
    slopes = np.tan(half_ra), np.tan(half_dec) / np.cos(half_ra)
    counts = [2 * int(np.ceil(far * slope / cell_size)) for slope in slopes]
    counts = [int(np.ceil((far - start) / cell_size)), *counts]
    least = [max(count + _GAP / cell_size, _MIN_BOX / cell_size) for count in counts]
    box = tuple(fft.next_fast_len(int(np.ceil(count)), real=True) for count in least)
    if np.prod(box, dtype=float) > _MAX_CELLS:
        raise ValueError(
            f"The light cone of {_OWNER} needs {box} cells, more than {_MAX_CELLS}. Choose a "
            "larger cell_size, a smaller fov or a narrower redshift."
        )
    z, x, y = np.ogrid[tuple(slice(count) for count in counts)]
    z = start + z * cell_size
    x, y = (x - counts[1] // 2) * cell_size, (y - counts[2] // 2) * cell_size
    nearest = [np.maximum(np.maximum(part, -part - cell_size), 0) for part in (x, y)]
    end = z + cell_size
    chi = np.sqrt(sum((part + cell_size / 2) ** 2 for part in (x, y, z)))
    inside = (nearest[0] <= end * slopes[0]) & (nearest[1] <= end * slopes[1])
    inside &= (chi > near - cell_size) & (chi < far + cell_size)
    inside = np.nonzero(inside)
    first = near - cell_size
    shell = ((chi[inside] - first) / cell_size).astype(np.intp)
    shells = np.maximum(first + (np.arange(shell.max() + 1) + 0.5) * cell_size, cell_size / 2)
    corner = [
        part.ravel()[inside[axis]].astype(np.float32) for part, axis in ((x, 1), (y, 2), (z, 0))
    ]
    return _Cells(box, inside, corner, shells, shell)


def _draw_masses(haloes, shell, contrast, variance, growth, volume, rng):
    """Masses in Msun of haloes, and the number of the cell that each is in."""
    slopes = (haloes.bias * growth).astype(np.float32)
    levels = (np.log(haloes.density * volume) - slopes**2 * variance / 2).astype(np.float32)
    width = haloes.log_edges[1] - haloes.log_edges[0]
    masses, cells = [], []
    for edge, level, slope, steps in zip(
        haloes.log_edges[:-1], levels, slopes, haloes.steps, strict=True
    ):
        expected = np.cumsum(np.exp(level[shell] + slope[shell] * contrast), dtype=float)
        n_haloes = rng.poisson(expected[-1])
        # Sums of exponential draws are uniform draws in rising order: a quicker search.
        sums = np.cumsum(rng.standard_exponential(n_haloes + 1))
        cell = np.searchsorted(expected, sums[:-1] * (expected[-1] / sums[-1]), side="right")
        step = steps[shell[cell]]
        # The inverse of the cumulative number where dn/dlnM is a power law across the bin.
        part = np.log1p(rng.random(n_haloes) * np.expm1(step)) / step
        masses.append(np.exp(edge + part * width).astype(np.float32))
        cells.append(cell)
    return np.concatenate(masses), np.concatenate(cells)


def _seed(random_state):
    """A seed of 63 bits, which can be the group of the catalogue."""
    seed = seed_entropy(_OWNER, random_state)
    if seed < 2**63:
        return seed
    return int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _number(name, value, low=0.0, high=np.inf, closed=False):
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number:
        raise TypeError(message(_OWNER, name, "a number", value))
    if not (low <= value <= high and value < np.inf and (closed or value > low)):
        allowed = f"{'at least' if closed else 'above'} {low:g} and finite"
        allowed += "" if high == np.inf else f", and at most {high:g}"
        raise ValueError(message(_OWNER, name, allowed, value))
    return float(value)


def _pair(name, values, low, high, closed=False):
    pair = (values, values) if isinstance(values, Real) else values
    if not np.iterable(pair) or isinstance(pair, str) or len(pair) != 2:
        raise TypeError(message(_OWNER, name, "a number or two numbers", values))
    return [_number(name, value, low, high, closed) for value in pair]


def _band(redshift):
    if isinstance(redshift, Real):
        raise TypeError(message(_OWNER, "redshift", "two numbers, low and high", redshift))
    low, high = _pair("redshift", redshift, 0, 20)
    if low >= high:
        raise ValueError(message(_OWNER, "redshift", "two rising numbers", redshift))
    return low, high
