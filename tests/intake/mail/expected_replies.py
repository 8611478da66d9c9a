"""How each text of the shared folder is cut: how the reply starts and ends, how the trailing quote and the signature start."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["REPLIES", "Reply"]


class Reply(NamedTuple):
    file: str
    starts: str
    ends: str
    quoted: str = ""
    signature: str = ""


_ONE: Final = "Here is another email"
REPLIES: Final = (
    Reply("correct_sig", "this is an email", "with a correct -- signature.", signature="-- \nrick"),
    Reply("email_1_1", "Hi folks", "using the Java HTTP API.", signature="-Abhishek Kona"),
    Reply("email_1_2", "Hi,\nOn Tue, 2011-03-01", 'delete them all individually."', "> \n> -Abhishek", "_____"),
    Reply("email_1_3", "Oh thanks.", "would be great.", "On 01/03/11 7:07 PM, Russell", "-Abhishek Kona"),
    Reply("email_1_4", "Awesome!", "another problem with it.", "On Aug 22, 2011, at 7:37 PM"),
    Reply("email_1_5", "One: Here's", "It goes on and on\nfor a while."),
    Reply("email_1_6", "I get proper", "rendering as well.", "On Dec 16, 2011", "Sent from a magnificent"),
    Reply("email_1_7", ":+1:", ":+1:", "On Tue, Sep 25, 2012 at 8:59 AM"),
    Reply("email_1_8", "On Tue, Apr 29, 2014", "and under this.", ">\n> -- Tim", "--\nHey there"),
    Reply("email_2_1", "Outlook with a reply", "Outlook with a reply", " ----------"),
    Reply("email_2_2", "Outlook with a reply", "directly above line", "______"),
    Reply("email_2_3", "Outlook with a reply", "directly above line", "From: CRM Comments"),
    Reply("email_BlackBerry", _ONE, _ONE, signature="Sent from my BlackBerry"),
    Reply("email_bullets", "test 2 this should", "- how about bullets\n   - and another", "On Fri, Feb 24, 2012", "-- \n\n*Joe"),
    Reply("email_iPhone", _ONE, _ONE, signature="Sent from my iPhone"),
    Reply("email_long_quote", "Hi folks", "using the Java HTTP API.", signature="-Abhishek Kona"),
    Reply("email_multi_word_sent_from_my_mobile_device", _ONE, _ONE, signature="Sent from my Verizon"),
    Reply("email_one_is_not_on", "Thank, this", "when I run...", "On Oct 1, 2012"),
    Reply("email_sent_from_my_not_signature", _ONE, "then my mobile phone."),
    Reply("email_sig_delimiter_in_middle_of_line", "Hi there!", "kthxbai"),
    Reply("greedy_on", "On your remote host", "the tunnel is not working.", "On 9 Jan 2014"),
    Reply("pathological", "I think you're onto something.", "back to a computer.", "On Dec 8, 2013"),
)  # fmt: skip
