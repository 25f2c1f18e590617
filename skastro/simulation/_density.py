"""Linear power spectrum, lognormal density and linear velocity."""

import numpy as np

BARYON_DENSITY = 0.049
SPECTRAL_INDEX = 0.9624
CRITICAL_DENSITY = 2.77536627e11  # (Msun/h) / (Mpc/h)^3


def flat_universe(
    omega_m,
    sigma_8,
    hubble,
    *,
    omega_b=BARYON_DENSITY,
    spectral_index=SPECTRAL_INDEX,
    caller="make_camels_like",
):
    """Cosmology of colossus, flat, of matter and a cosmological constant.

    Parameters
    ----------
    omega_m, sigma_8 : float
        Matter density, and rms of the linear density contrast in spheres of 8 Mpc/h.
    hubble : float
        H0 / (100 km/s/Mpc).
    omega_b, spectral_index : float
        Baryon density, and slope of the primordial power. The defaults are those of CAMELS.
    caller : str
        Function to name where colossus is missing.

    Returns
    -------
    colossus.cosmology.cosmology.Cosmology
        Made anew, with no files and no effect on the current cosmology of colossus.

    Raises
    ------
    ImportError
        If colossus is not installed.
    """
    try:
        from colossus.cosmology.cosmology import Cosmology
    except ImportError as error:
        raise ImportError(
            f"{caller} needs colossus for the matter power spectrum. Install it with "
            'pip install "skastro[sim]".'
        ) from error
    return Cosmology(
        name="skastro",
        flat=True,
        H0=100 * hubble,
        Om0=omega_m,
        Ob0=omega_b,
        sigma8=sigma_8,
        ns=spectral_index,
        relspecies=False,
        persistence="",
    )


def linear_power(wavenumber, omega_m, sigma_8, hubble):
    """Linear power spectrum of matter at redshift 0.

    The transfer function is that of Eisenstein and Hu (1998), with the acoustic peaks, in a
    flat universe with the baryon density and spectral index of CAMELS, as computed by colossus.

    Parameters
    ----------
    wavenumber : ndarray
        Wavenumbers above zero, in h/Mpc.
    omega_m, sigma_8 : float
        Matter density, and rms of the linear density contrast in spheres of 8 Mpc/h.
    hubble : float
        H0 / (100 km/s/Mpc).

    Returns
    -------
    ndarray
        Power, in (Mpc/h)^3, of the shape of `wavenumber`.

    Raises
    ------
    ImportError
        If colossus is not installed.
    """
    universe = flat_universe(omega_m, sigma_8, hubble)
    return universe.matterPowerSpectrum(wavenumber, model="eisenstein98")


def mode_power(grid, power):
    """Power of each mode of a grid.

    Parameters
    ----------
    grid : PeriodicGrid
        The cells.
    power : callable
        Takes wavenumbers, in the unit of length of the grid to the power -1, and returns power.

    Returns
    -------
    ndarray of shape (n_cells, n_cells, n_cells // 2 + 1)
        Power of each mode; zero for the mean.
    """
    table = np.zeros(int(grid.squared_modes.max()) + 1)
    table[1:] = power(grid.fundamental * np.sqrt(np.arange(1, table.size)))
    return table[grid.squared_modes]


def cell_power(grid, power):
    """Power of the density of cells: that of points, times the squared window of a cell.

    The window of a cube of side a is the product of sinc(k_i a / 2) over the axes.

    Parameters
    ----------
    grid : PeriodicGrid
        The cells.
    power : callable
        Takes wavenumbers in h/Mpc and returns power in (Mpc/h)^3.

    Returns
    -------
    ndarray of shape (n_cells, n_cells, n_cells // 2 + 1)
        Power of each mode, in (Mpc/h)^3; zero for the mean.
    """
    result = mode_power(grid, power)
    for mode in grid.modes:
        result *= np.sinc(mode / grid.n_cells) ** 2
    return result


def log_bias(grid, power):
    """Ratio of the power of the logarithm of the density to the linear power.

    On cells of a Mpc or less the logarithm of the nonlinear density has a spectrum of the linear
    shape and of a lower amplitude [1]_. With the linear variance s of the cells, the ratio
    is m ln(1 + s / m) / s, and m = 0.73 [2]_.

    Parameters
    ----------
    grid : PeriodicGrid
        The cells.
    power : ndarray of shape (n_cells, n_cells, n_cells // 2 + 1)
        Linear power of the cells, in (Mpc/h)^3.

    Returns
    -------
    float
        Between 0 and 1.

    References
    ----------
    .. [1] M. C. Neyrinck, I. Szapudi and A. S. Szalay, "Rejuvenating the matter power spectrum:
       restoring information with a logarithmic density mapping", ApJ 698, L90 (2009).
    .. [2] A. Repp and I. Szapudi, "Precision prediction of the log power spectrum",
       MNRAS 464, L21 (2017).
    """
    variance = grid.inverse(power)[0, 0, 0] / grid.cell_size**3
    return 0.73 * np.log1p(variance / 0.73) / variance


def lognormal_density(grid, power, bias, rng):
    """Draw a density whose logarithm is Gaussian.

    Parameters
    ----------
    grid : PeriodicGrid
        The cells.
    power : ndarray of shape (n_cells, n_cells, n_cells // 2 + 1)
        Linear power of the cells, in (Mpc/h)^3.
    bias : float
        Ratio of the power of the logarithm to the linear power, as of `log_bias`.
    rng : numpy.random.Generator
        Source of the phases.

    Returns
    -------
    overdensity : ndarray of shape (n_cells, n_cells, n_cells)
        Density over the mean of the box.
    contrast : ndarray of shape (n_cells, n_cells, n_cells)
        Linear density contrast with the same phases, of mean zero.
    """
    amplitude = np.sqrt(power / grid.cell_size**3)
    contrast = grid.inverse(amplitude * grid.forward(rng.standard_normal(grid.shape)))
    overdensity = np.exp(np.sqrt(bias) * contrast)
    return overdensity / overdensity.mean(), contrast


def linear_speed(grid, contrast, omega_m):
    """Speed by the linear continuity equation, v_k = i f H0 delta_k k / k^2.

    The growth rate f is Omega_m^0.55 (Linder 2005).

    Parameters
    ----------
    grid : PeriodicGrid
        The cells.
    contrast : ndarray of shape (n_cells, n_cells, n_cells)
        Linear density contrast.
    omega_m : float
        Matter density.

    Returns
    -------
    ndarray of shape (n_cells, n_cells, n_cells)
        Length of the velocity, in km/s.
    """
    potential = grid.forward(contrast)
    potential *= 1j * 100 * omega_m**0.55 / (grid.fundamental * np.maximum(grid.squared_modes, 1))
    squared = np.zeros(grid.shape)
    for mode in grid.modes:
        below_nyquist = np.where(2 * np.abs(mode) == grid.n_cells, 0, mode)
        squared += grid.inverse(potential * below_nyquist) ** 2
    return np.sqrt(squared)
