"""Tables need pandas, which not everybody has."""

from types import ModuleType


def import_pandas(owner: str) -> ModuleType:
    """Import pandas.

    Parameters
    ----------
    owner : str
        What needs it.

    Returns
    -------
    module
        The module ``pandas``.

    Raises
    ------
    ImportError
        If it is absent.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(f"{owner} needs pandas: pip install 'skastro[plot]'.") from error
    return pd
