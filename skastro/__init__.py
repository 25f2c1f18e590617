"""Learn from astrophysical maps and cubes with scikit-learn and PyTorch.

Subpackages load when they are first used: ``import skastro`` alone loads neither PyTorch nor
Matplotlib.

Examples
--------
>>> import skastro
>>> skastro.datasets.__name__
'skastro.datasets'
"""

from importlib import import_module

__version__ = "0.1.0.dev0"

__all__ = [
    "__version__",
    "datasets",
    "decomposition",
    "ensemble",
    "exceptions",
    "inspection",
    "instrument",
    "maps",
    "metrics",
    "model_selection",
    "nets",
    "neural_network",
    "persistence",
    "preprocessing",
    "simulation",
    "statistics",
    "utils",
]


def __dir__():
    return sorted(__all__)


def __getattr__(name):
    if name in __all__:
        return import_module(f"skastro.{name}")
    raise AttributeError(f"module 'skastro' has no attribute {name!r}")
