"""How the pages are built: Sphinx over MyST Markdown, where every warning is an error (see noxfile.py)."""

from trio_chat.version import __version__

project = "trio-chat"
author = "the trio-chat contributors"
project_copyright = author
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.doctest"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]

myst_enable_extensions = ["deflist", "fieldlist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"

html_theme = "furo"
html_title = f"trio-chat {__version__}"
html_copy_source = False
