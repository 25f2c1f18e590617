"""Sphinx extension: API pages from ``__all__``, and names in backticks that must resolve.

A name in backticks is a public name of skastro, a parameter, method or attribute of one, or an
object of another package. Whatever is none of them is unresolved, and a nitpicky build fails on it.
"""

import builtins
import re
from importlib import import_module

from docutils import nodes
from public_names import member_names, own_members, public_names, spoken_names, write_pages
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
# Packages that references may lead to; without their inventories they are set as code.
OTHERS = {
    *("astropy", "collections", "dask", "h5py", "joblib", "matplotlib", "numpy", "optuna"),
    *("pandas", "pathlib", "scipy", "sklearn", "skorch", "torch"),
}


def setup(app):
    """Connect to the build."""
    app.connect("config-inited", make_pages)
    app.connect("autodoc-process-docstring", escape_shapes, priority=900)
    app.connect("missing-reference", resolve, priority=900)
    app.connect("env-check-consistency", check_complete)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def make_pages(app, config):
    """Write the pages of the subpackages, before sources are looked for."""
    write_pages(f"{app.srcdir}/api/generated")
    config.autosummary_context = {"own_members": own_members}


def escape_shapes(app, what, name, obj, options, lines):
    """Keep the star of a shape such as ``(n_samples, *spatial)`` from being emphasis."""
    for i, line in enumerate(lines):
        parts = re.split("(``.*?``)", line)
        parts[::2] = [re.sub(r"(?<=[ (])\*(\w+?)(_?)(?=[,)\]])", star, part) for part in parts[::2]]
        lines[i] = "".join(parts)


def star(match):
    """A starred name as plain text."""
    name, underscore = match.groups()
    return f"\\*{name}" + (underscore and "\\_")


def resolve(app, env, node, contnode):
    """Node for a reference that Sphinx did not find, or None."""
    inventory, _, name = node["reftarget"].partition(":")
    if inventory in {"python", "numpy"} and name:  # numpydoc's types, without intersphinx
        return nodes.Text(contnode.astext().removeprefix(f"{inventory}:"))
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"].lstrip("~.!")
    short, *rest = target.split(".")
    if short in public_names() and target not in member_names():
        full = ".".join([public_names()[short][0], *rest])
        domain = env.get_domain("py")
        return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", full, node, contnode)
    if target in spoken_names() or is_elsewhere(target):
        return contnode
    return None


def is_elsewhere(target):
    """Whether a dotted name is an object of another package, as far as that is installed."""
    package, *path = target.split(".")
    if package not in OTHERS or not path:
        return hasattr(builtins, target)
    for n_modules in range(len(path), -1, -1):
        try:
            found = import_module(".".join([package, *path[:n_modules]]))
        except ModuleNotFoundError:
            continue
        for name in path[n_modules:]:
            found = getattr(found, name, None)
        return found is not None
    return True  # not installed


def check_complete(app, env):
    """Warn of each public name that no page documents."""
    documented = env.get_domain("py").objects
    for dotted, _ in public_names().values():
        if dotted not in documented:
            LOGGER.warning("%s is public and has no page", dotted, type="skastro", subtype="api")
