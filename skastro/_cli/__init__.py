"""The command line: ``skastro info``, ``predict``, ``train`` and ``demo``."""

from ._main import main

__all__ = ["main"]
