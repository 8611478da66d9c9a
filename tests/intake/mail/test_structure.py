"""What is well-formed is cut as the standard library cuts it."""

from __future__ import annotations

import email
import subprocess
import sys
from email.message import Message
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

from hypothesis import given, settings
from hypothesis import strategies as st

from ticketcore.intake.mail import Limits
from ticketcore.intake.mail.structure import Part, parse_structure
from ticketcore.intake.mail.transfer import content

_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]) | st.sampled_from("\n-=> "), max_size=40)
_LEAF: st.SearchStrategy[Message] = st.one_of(
    _TEXT.map(lambda text: MIMEText(text, "plain", "utf-8")),
    _TEXT.map(lambda text: MIMEText(text, "html", "utf-8")),
    st.binary(max_size=40).map(MIMEApplication),
)


def _multipart(kind: str, parts: list[Message]) -> Message:
    whole = MIMEMultipart(kind)
    for part in parts:
        whole.attach(part)
    return whole


_TREE = st.recursive(
    _LEAF,
    lambda inner: st.builds(
        _multipart, st.sampled_from(["mixed", "alternative", "related"]), st.lists(inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


def _theirs(part: Message) -> object:
    if part.is_multipart():
        return part.get_content_type(), [_theirs(child) for child in part.get_payload() if isinstance(child, Message)]
    return part.get_content_type(), part.get_payload(decode=True)


def _ours(part: Part) -> object:
    return part.type, [_ours(child) for child in part.children] if part.children else content(part, [])


@given(_TREE, st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=300, deadline=None)
def test_a_tree_of_parts_is_cut_as_the_standard_library_cuts_it(message: Message, line_end: str) -> None:
    message["Subject"] = "x"
    raw = message.as_bytes().replace(b"\n", line_end.encode())

    assert _ours(parse_structure(raw, Limits(), [])) == _theirs(email.message_from_bytes(raw))


def test_importing_the_parser_loads_none_of_the_libraries_that_only_some_mails_need() -> None:
    code = "import sys, ticketcore.intake.mail; print([name for name in ('nh3', 'selectolax', 'charset_normalizer', 'flufl') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "[]\n"
