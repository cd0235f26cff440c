"""Makes one site of the pages here; `admin/setup` and `admin/test docs` build it.

The control service serves it with a policy under which a page has neither scripts nor styles of its
own, and asks no other machine.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

from flocker_lite import __version__

HERE = Path(__file__).resolve().parent

project = "flocker_lite"
project_copyright = "the authors of flocker_lite"
version = release = __version__

root_doc = "index"
templates_path = ["_templates"]
exclude_patterns = ["_templates"]
html_theme = "alabaster"
html_theme_options = {
    "description": "Moves a running container with its data.",
    "fixed_sidebar": True,
    "page_width": "1100px",
    "sidebar_width": "260px",
    "font_family": "system-ui, sans-serif",
    "head_font_family": "system-ui, sans-serif",
    "show_powered_by": False,
}
html_title = f"flocker_lite {release}"
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
html_permalinks_icon = "#"
# Dates would make each build another one.
html_last_updated_fmt = None
pygments_style = "friendly"
highlight_language = "none"
# A link out of here is not looked up: a build needs no network.
smartquotes = False

PAGE = re.compile(r"(?P<path>[\w./-]+)\.rst(?:#(?P<anchor>[\w-]+))?")


class PagesByTheirFiles(SphinxTransform):
    """Links to pages here.

    Readers of the files get along with `page.rst <page.rst>`_ and with a literal docs/page.rst.
    """

    default_priority = 5

    def apply(self, **kwargs: Any) -> None:
        """Make each of them a link to the page of the site."""
        for reference in list(self.document.findall(nodes.reference)):
            page = self._page(reference.get("refuri", ""), posixpath.dirname(self.env.docname))
            if page is not None:
                self._replace(reference, page, reference.astext(), reference["refuri"])
        for literal in list(self.document.findall(nodes.literal)):
            text = literal.astext()
            page = self._page(text.removeprefix("docs/"), "") if text.startswith("docs/") else None
            if page is not None and not isinstance(literal.parent, nodes.title):
                self._replace(literal, page, text.removeprefix("docs/"), text)

    def _page(self, target: str, folder: str) -> str | None:
        found = PAGE.fullmatch(target)
        if found is None or "://" in target:
            return None
        page = posixpath.normpath(posixpath.join(folder, found["path"]))
        return page if page in self.env.found_docs else None

    def _replace(self, old: nodes.Element, page: str, text: str, target: str) -> None:
        options = {"refdoc": self.env.docname, "reftarget": f"/{page}", "refdomain": "std"}
        title = text if not text.endswith(".rst") else ""
        link = addnodes.pending_xref(
            "", reftype="doc", refexplicit=bool(title), refwarn=True, **options
        )
        link += nodes.inline("", title or target, classes=["doc"])
        old.replace_self(link)


class NoStylesInPages(SphinxTransform):
    """The widths of columns would be styles in the page; a browser finds good ones by itself."""

    default_priority = 500

    def apply(self, **kwargs: Any) -> None:
        """Forget them."""
        for table in self.document.findall(nodes.table):
            table["classes"] = [name for name in table["classes"] if "colwidths" not in name]


def setup(app: Sphinx) -> dict[str, Any]:
    """What Sphinx calls first."""
    app.add_transform(PagesByTheirFiles)
    app.add_transform(NoStylesInPages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
