"""Tables need pandas, which not everybody has."""


def import_pandas(owner):
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
