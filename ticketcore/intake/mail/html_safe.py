"""Html made safe to show, and what no tree should be built of."""

from __future__ import annotations

import html as entities
import re
from typing import Final

from ticketcore.intake.mail.model import Limits

__all__ = ["is_tame", "sanitise", "strip_tags"]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TAG: Final = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:]{0,20})")
_LONG_TAG: Final = re.compile(r"<[A-Za-z][^<>]{20000,}")
_QUOTED: Final = re.compile(r"\"[^\"]*\"|'[^']*'")
_BETWEEN: Final = re.compile(r"[\s=/]")
_AMPERSANDS: Final = 100_000  # the sanitiser takes the square of the time on these; so many take tenths of a second
_ANY_TAG: Final = re.compile(r"<[^<>]*>")
_SCRIPT: Final = re.compile(r"<(?:script|style)\b", re.IGNORECASE)
_SCRIPT_END: Final = re.compile(r"</(?:script|style)", re.IGNORECASE)
_UNCOUNTED: Final = _names(
    "area base br col embed hr img input link meta param source track wbr p li tr td th dt dd option thead "
    "tbody tfoot colgroup html head body"
)
_TAGS: Final = _names(
    "a abbr address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del "
    "details dfn div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main "
    "mark nav ol p pre q s samp section small span strike strong sub summary sup table tbody td tfoot th thead "
    "time tr tt u ul var wbr"
)
_ATTRIBUTES: Final[dict[str, set[str]]] = {
    "*": {"title", "dir", "lang", "align", "valign"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "table": {"border", "cellpadding", "cellspacing", "width", "bgcolor"},
    "td": {"colspan", "rowspan", "width", "bgcolor"},
    "th": {"colspan", "rowspan", "width", "bgcolor", "scope"},
    "col": {"span", "width"},
    "colgroup": {"span"},
    "font": {"color", "size", "face"},
    "ol": {"start", "type"},
    "blockquote": {"type"},
    "time": {"datetime"},
}
_SCHEMES: Final = {"http", "https", "mailto", "tel", "sms", "ftp", "cid", "data"}
_PICTURE: Final = re.compile(r"\s*data:image/(png|gif|jpe?g|webp|bmp);base64,", re.IGNORECASE)


def is_tame(html: str, limits: Limits) -> bool:
    """Return whether a tree builder takes linear time for *html*: it takes depth times length, and squares of attributes."""
    if len(html) > limits.html:
        return False
    if len(html) > 20_000 and any(
        len(_BETWEEN.findall(_QUOTED.sub("", m[0]))) > 1_000 for m in _LONG_TAG.finditer(html)
    ):
        return False
    if html.count("&") + html.count("\xa0") > _AMPERSANDS:
        return False
    if html.count("<") <= limits.html_depth:
        return True
    open_tags: dict[str, int] = {}
    depth = 0
    for match in _TAG.finditer(html):
        name = match[2].lower()
        if name in _UNCOUNTED:
            continue
        if not match[1]:
            open_tags[name] = open_tags.get(name, 0) + 1
            depth += 1
            if depth > limits.html_depth:
                return False
        elif open_tags.get(name):
            open_tags[name] -= 1
            depth -= 1
    return True


def sanitise(html: str) -> str:
    """Return *html* without scripts, styles, event handlers, forms and whatever would be loaded from elsewhere.

    Links stay, and images that the mail carries itself (``cid:``, ``data:``).
    """
    import nh3

    return nh3.clean(
        html,
        tags=set(_TAGS),
        clean_content_tags={"script", "style", "title", "template", "noembed", "iframe", "object"},
        attributes=_ATTRIBUTES,
        attribute_filter=_filter,
        url_schemes=_SCHEMES,
        url_relative="deny",
        link_rel="noopener noreferrer",
    )


def _filter(tag: str, attribute: str, value: str) -> str | None:  # noqa: ARG001 - nh3 gives three
    if attribute == "src":  # an image loaded from elsewhere tells the sender that and where the mail was read
        return value if value.lstrip()[:4].lower() == "cid:" or _PICTURE.match(value) else None
    if attribute == "href":
        return None if value.lstrip()[:5].lower() in ("data:", "cid:") else value
    return value


def strip_tags(html: str) -> str:
    """Return *html* without its tags, in linear time: for html that no tree should be built of."""
    out: list[str] = []
    position = 0
    while (begin := _SCRIPT.search(html, position)) is not None:
        out.append(html[position : begin.start()])
        stop = _SCRIPT_END.search(html, begin.end())
        position = len(html) if stop is None else stop.start()
    out.append(html[position:])
    text = entities.unescape(_ANY_TAG.sub("\n", "".join(out)))
    return re.sub(r"\s*\n\s*", "\n", text).strip()
