"""A host with a folder of files to change."""

import pytest

from changing import Site, fill


@pytest.fixture
def site(tmp_path):
    """This machine."""
    site = Site(tmp_path)
    fill(site.tree)
    with site.hands:
        yield site
