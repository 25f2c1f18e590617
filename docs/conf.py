"""How Sphinx builds the documentation: ``tox run -e docs``."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "_extensions"))
# Examples print tables in plain text, of one width, wherever the documentation is built.
os.environ |= {"MPLBACKEND": "Agg", "NO_COLOR": "1", "TERM": "dumb"}
for name in ("FORCE_COLOR", "COLORTERM", "COLUMNS"):
    os.environ.pop(name, None)


from example_gallery import mode  # noqa: E402 - after the path
from public_names import public_names  # noqa: E402

import skastro  # noqa: E402

project = "skastro"
author = "skastro developers"
copyright = author  # noqa: A001 - Sphinx's name
release = version = skastro.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "matplotlib.sphinxext.plot_directive",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "api_pages",
    "example_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "**/GALLERY_HEADER.rst"]
root_doc = "index"
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}

# Every name in backticks is a reference that must resolve.
default_role = "py:obj"
nitpicky = True
suppress_warnings = ["config.cache"]  # the helpers of templates are not kept between builds
add_function_parentheses = False
smartquotes = False

autosummary_generate = True
autodoc_typehints = "none"  # the types of the docstrings are those with shapes and units
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
numpydoc_show_class_members = False  # the template lists them
numpydoc_class_members_toctree = False
# Types that are public names are links.
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"
numpydoc_xref_aliases = {name: dotted for name, (dotted, _) in public_names().items()}

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

plot_include_source = True
plot_html_show_formats = False
plot_html_show_source_link = False
plot_formats = [("png", 110)]

# Links to other packages need their inventories, which are fetched only when asked for.
intersphinx_mapping = {}
if os.environ.get("SKASTRO_INTERSPHINX") == "1":
    intersphinx_mapping = {
        "astropy": ("https://docs.astropy.org/en/stable/", None),
        "matplotlib": ("https://matplotlib.org/stable/", None),
        "numpy": ("https://numpy.org/doc/stable/", None),
        "python": ("https://docs.python.org/3/", None),
        "scipy": ("https://docs.scipy.org/doc/scipy/", None),
        "sklearn": ("https://scikit-learn.org/stable/", None),
        "skorch": ("https://skorch.readthedocs.io/en/stable/", None),
        "torch": ("https://docs.pytorch.org/docs/stable/", None),
    }

sphinx_gallery_conf = {
    "examples_dirs": str(HERE.parent / "examples"),
    "gallery_dirs": "auto_examples",
    "filename_pattern": "/plot_",
    "ignore_pattern": r"(^|/)(?!plot_)[^/]*\.py$",
    "plot_gallery": mode() != "none",
    "within_subsection_order": "FileNameSortKey",
    "reset_argv": "example_gallery.reset_argv",
    "image_scrapers": ("example_gallery.scrape",),
    "download_all_examples": False,
    "capture_repr": (),
    "abort_on_example_error": False,
    "backreferences_dir": "api/generated/backreferences",
    "doc_module": ("skastro",),
    "min_reported_time": 1,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "nested_sections": False,
}

html_theme = "pydata_sphinx_theme"
html_title = f"skastro {release}"
html_logo = "_static/logo.svg"
html_favicon = "_static/logo.svg"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "skastro", "alt_text": "skastro, to the front page"},
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "show_prev_next": True,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc", "sg_download_links"],
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
}
_WITHOUT_SIDEBAR = ("first_steps", "pitfalls", "results", "results/*", "glossary", "changelog")
html_sidebars = {page: [] for page in _WITHOUT_SIDEBAR}

linkcheck_timeout = 30
linkcheck_retries = 2
linkcheck_anchors = False
