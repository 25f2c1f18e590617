"""Names of parameters on axes."""

import re

_GREEK = re.compile(
    "alpha|beta|gamma|delta|epsilon|zeta|eta|theta|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|phi|chi|"
    "psi|omega|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Phi|Psi|Omega"
)


def formula(name):
    """Set a name such as Omega_m as a formula; leave others as they are.

    Parameters
    ----------
    name : str
        Name of a parameter.

    Returns
    -------
    str
        The name as matplotlib sets it.
    """
    parts = re.fullmatch(r"([A-Za-z]+)(?:_([A-Za-z0-9]+))?", name)
    if parts is None:
        return name
    symbol, index = parts.groups()
    if _GREEK.fullmatch(symbol):
        symbol = "\\" + symbol
    elif len(symbol) > 1:
        return name
    if index is None:
        return f"${symbol}$"
    if len(index) > 1 or index.isalpha():
        index = f"\\mathrm{{{index}}}"
    return f"${symbol}_{index}$"
