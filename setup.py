"""The part of the package's metadata that is computed: README.md as a package index shows it.

In README.md, links to other files are relative, so they work in every copy of the source. An index shows the page
alone, so there the links begin with the project's address, which pyproject.toml gives.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).parent


def index_page() -> str:
    """Return README.md with absolute links."""
    urls = tomllib.loads((HERE / "pyproject.toml").read_text("utf-8"))["project"]["urls"]
    page = (HERE / "README.md").read_text("utf-8")
    return re.sub(r"\]\((?!\w+:|#)", f"]({urls['Source']}", page)


setup(long_description=index_page(), long_description_content_type="text/markdown")
