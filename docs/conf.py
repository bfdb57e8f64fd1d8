"""Sphinx's settings. The build needs no network."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent

project = "topocallback"
author = "The topocallback developers"
copyright = author
release = version = re.search(r'^__version__ = "(.+)"', (ROOT / "topocallback/__init__.py").read_text(), re.M)[1]

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath"]

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_member_order = "bysource"
autodoc_type_aliases = {name: name for name in ("ArrayLike", "Pooling", "Diagram", "LayerSpec", "Measure")}
autodoc_inherit_docstrings = False  # the docstrings of Lightning's hooks are Lightning's
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"topocallback {release}"
