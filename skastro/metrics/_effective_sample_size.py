"""How many independent samples a number of correlated ones are worth."""

import numpy as np

from ..utils import check_groups
from ..utils._typing import ArrayLike


def effective_sample_size(values: ArrayLike, groups: ArrayLike) -> float:
    r"""Number of independent samples whose mean is as uncertain as that of grouped ones.

    Maps of one simulation share its matter and parameters, so that their errors resemble each
    other, and a mean over many of them is less certain than their number says. With n samples
    in k groups, and :math:`\rho` the correlation of two values of one group,
    :math:`n_{eff} = n / (1 + (m_0 - 1) \rho)` [1]_. The correlation is that of a one-way
    analysis of variance [2]_, with the mean squares between and within groups,

    .. math::

        \rho = \frac{M_b - M_w}{M_b + (m_0 - 1) M_w}, \quad
        m_0 = \frac{1}{k - 1} \left(n - \frac{\sum_i m_i^2}{n}\right),

    where :math:`m_0` takes the place of the size of the groups where sizes :math:`m_i` differ; it
    is near their mean, so that where few large groups hold most samples the number is too large.

    Parameters
    ----------
    values : array-like of shape (n_samples,)
        One value for each sample, such as the squared error of its prediction.
    groups : array-like of shape (n_samples,)
        Which simulation a sample is from.

    Returns
    -------
    float
        From the number of groups, as for values that are equal within each, to the number of
        samples, as for values that are not correlated or differ more within groups than between
        them. The number of groups too where no correlation can be told: of a single group, or of
        values that are all equal.

    Raises
    ------
    ValueError
        If there is not one finite value and one group for each sample.

    References
    ----------
    .. [1] Kish, L. 1965, Survey Sampling (Wiley), section 5.4.
    .. [2] Donner, A. & Koval, J. J. 1980, Biometrics 36, 19.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.metrics import effective_sample_size
    >>> rng = np.random.default_rng(0)
    >>> groups = np.repeat(np.arange(200), 5)
    >>> values = rng.normal(size=200)[groups] + rng.normal(size=1000)
    >>> rho = 1 / 2
    >>> round(effective_sample_size(values, groups)), round(1000 / (1 + 4 * rho))
    (337, 333)
    """
    owner = "effective_sample_size"
    values = np.asarray(values, dtype=np.float64)
    groups = check_groups(groups, owner)
    if values.shape != groups.shape or not values.size or not np.isfinite(values).all():
        raise ValueError(
            f"{owner} takes one finite value and one group for each sample; got values of shape "
            f"{values.shape} and groups of shape {groups.shape}. Leave out samples without a value."
        )
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    n, k = len(values), len(sizes)
    if k == n:
        return float(n)
    values = values - values[0]
    if k == 1 or not values.any():
        return float(k)
    means = np.bincount(group, values) / sizes
    between = (sizes * (means - values.mean()) ** 2).sum() / (k - 1)
    within = ((values - means[group]) ** 2).sum() / (n - k)
    size = (n - (sizes**2).sum() / n) / (k - 1)
    rho = (between - within) / (between + (size - 1) * within)
    return float(np.clip(n / (1 + (size - 1) * max(rho, 0.0)), k, n))
