"""Text that workflows and agents wrote, made safe to show: Markdown without HTML, then an allow-list (SECURITY 15)."""

from __future__ import annotations

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

_TAGS = {"p", "br", "hr", "em", "strong", "code", "pre", "ul", "ol", "li", "blockquote", "a"}
# Headings would break the page's own outline, and an image would be fetched by itself.
_markdown = MarkdownIt("commonmark", {"html": False}).disable(["heading", "lheading", "image"])


def html(text: str) -> SafeString:
    """The text as HTML that can do nothing but be read; its links open only when somebody follows them."""
    cleaned = nh3.clean(
        _markdown.render(text),
        tags=_TAGS,
        attributes={"a": {"href"}, "ol": {"start"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(cleaned)  # noqa: S308 - cleaned by the allow-list just above
