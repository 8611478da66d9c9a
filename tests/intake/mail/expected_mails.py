"""What each mail of the shared folder says, worked out by reading it: the mails themselves are not kept here.

A row: file, subject, From, To and Cc, text (its start, its end where it is longer, its lines without empty ones around
it), attachments (name, media type, bytes), kind.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["EXPECTED", "Expected"]


class Expected(NamedTuple):
    file: str
    subject: str
    from_: str
    to: str
    text: tuple[str, str, int]
    attachments: tuple[str, ...] = ()
    kind: str = "ordinary"


EXPECTED: Final = (
    Expected(
        "attachment_emails/attachment_content_disposition", "testing",
        "foo@example.com", "blah@example.com",
        ("This is the first part.", "", 1), ("api.rb text/x-ruby-script 28",),
    ),
    Expected(
        "attachment_emails/attachment_content_location", "testing",
        "foo@example.com", "blah@example.com",
        ("This is the first part.", "", 1), ("Photo25.jpg image/jpeg 227",),
    ),
    Expected(
        "attachment_emails/attachment_message_rfc822", "testing",
        "foo@example.com", "blah@example.com",
        ("This is the first part.", "", 1), ("ForwardedMessage.eml message/rfc822 3781",),
    ),
    Expected(
        "attachment_emails/attachment_message_rfc822_inline_image", "test",
        "test@example.com", "foo@example.com",
        ("", "", 0), ("img.png image/png 370", "Testmail.eml message/rfc822 1851"),
    ),
    Expected(
        "attachment_emails/attachment_nonascii_filename", "testing",
        "foo@example.com", "blah@example.com",
        ("This is the first part.", "", 1), ("ciële.txt text/plain 11",),
    ),
    Expected(
        "attachment_emails/attachment_only_email", "this message JUST contains an attachment",
        "Ryan Finnie <rfinnie@domain.dom>", "bob@domain.dom",
        ("", "", 0), ("blah.gz application/x-gzip 288",),
    ),
    Expected(
        "attachment_emails/attachment_pdf", "Another PDF with 🎉 Unicode chars in it 🍿",
        "Test Tester <xxxx@xxxx.com>", "xxxx@xxxx.com, xxxx@xxxx.com",
        ("Just attaching another PDF, here, to see wha", "re out what is going wrong here.", 2), ("broken.pdf application/pdf 1026",),
    ),
    Expected(
        "attachment_emails/attachment_pdf_lf", "Another PDF with 🎉 Unicode chars in it 🍿",
        "Test Tester <xxxx@xxxx.com>", "xxxx@xxxx.com, xxxx@xxxx.com",
        ("Just attaching another PDF, here, to see wha", "re out what is going wrong here.", 2), ("broken.pdf application/pdf 1026",),
    ),
    Expected(
        "attachment_emails/attachment_pdf_non_ascii", "Another PDF with 🎉 Unicode chars in it 🍿",
        "Test Tester <xxxx@xxxx.com>", "xxxx@xxxx.com, xxxx@xxxx.com",
        ("Just attaching another PDF, here, to see wha", " what is going wrong here.    Ã‚", 2), ("broken.pdf application/pdf 1026",),
    ),
    Expected(
        "attachment_emails/attachment_pdf_non_ascii_lf", "Another PDF with 🎉 Unicode chars in it 🍿",
        "Test Tester <xxxx@xxxx.com>", "xxxx@xxxx.com, xxxx@xxxx.com",
        ("Just attaching another PDF, here, to see wha", " what is going wrong here.    Ã‚", 2), ("broken.pdf application/pdf 1026",),
    ),
    Expected(
        "attachment_emails/attachment_with_base64_encoded_name", "Fwd: Signed email causes file attachments",
        "xxxxxxxxx xxxxxxx <xxxxxxxxx.xxxxxxx@gmail.com>", "xxxxx xxxx <xxxxx@xxxxxxxxx.com>",
        ("We should not include these files or vcards ", "ts with Base64 encoded filename.", 12), ("This is a test.pdf application/pdf 399",),
    ),
    Expected(
        "attachment_emails/attachment_with_encoded_name", "Fwd: Signed email causes file attachments",
        "xxxxxxxxx xxxxxxx <xxxxxxxxx.xxxxxxx@gmail.com>", "xxxxx xxxx <xxxxx@xxxxxxxxx.com>",
        ("We should not include these files or vcards ", "y encoded with japanese charset.", 12), ("01 Quien Te Dij�at. Pitbull.mp3 application/octet-stream 399",),
    ),
    Expected(
        "attachment_emails/attachment_with_quoted_filename", "Eelanalüüsi päring",
        "Jeffrey Hardy <jeff@37signals.com>", "Jeffrey Hardy <jeff@37signals.com>",
        ("", "", 0), ("Eelanalüüsi päring.jpg image/jpeg 1952",),
    ),
    Expected(
        "attachment_emails/attachment_with_unquoted_name", "testing",
        "foo@example.com", "blah@example.com",
        ("This is the first part.", "", 1), ("This is a test.txt text/plain 11",),
    ),
    Expected(
        "error_emails/bad_date_header", "You may_be Eligible for Legitimate_Cash from_GovAgencies!",
        "Grants-Notification <infoz@reactive-outpost.com>", "someone@yahoo.com",
        ("", "", 0), (), "auto_reply",
    ),
    Expected(
        "error_emails/bad_date_header2", "40% OFF holiday patterns and fabric!",
        "Free-Quilting.com <enews@Free-Quilting.com>", "someone@live.com",
        ("", "", 0),
    ),
    Expected(
        "error_emails/bad_encoded_subject", "TEST",
        "", "",
        ("TEST", "", 1),
    ),
    Expected(
        "error_emails/bad_subject", "MySurvey.com:  You have a survey waiting!  91123105",
        "MySurvey.com & Carol Adams <carol@mysurvey.com>", "someone@aol.com",
        ("You have a survey waiting!\n\n\nTo take the sur", "================================", 11),
    ),
    Expected(
        "error_emails/cant_parse_from", "Meet the new MacBook Pro family. Now includes 13-inch.",
        "Apple <News@InsideApple.Apple.com>", "karl.baum@gmail.com",
        ("From one solid piece of aluminum comes a Mac", "ifully streamlined, and durable.", 1),
    ),
    Expected(
        "error_emails/content_transfer_encoding_7-bit", "Discover(R) Card News Online - January 2002",
        "Discover Card <discovercard_newsflash@discover.qrs1.net>", "emclaug@enron.com",
        ("DISCOVERÆ CARD <http://discover.qrs1.net/s/", "if?msgid=101BN3c3ce68600277550d>", 97),
    ),
    Expected(
        "error_emails/content_transfer_encoding_empty", "4d8119¡@(¤j¸ÉªwÄÑ±M½æ) ¤j®a»¡\xad^»y ¨C¤éÅ¥MP3 (2004¦~6¤ë¥÷) ÁcÅé¤¤¤å¥úºÐª© (\xad^»y±Ð¾Ç)¡@8afb90",
        "3712f2@msa.hinet.net", "brucegemini@yahoo.com.tw",
        ("9bbf38a544f990e73cd12f3c56c60e6180edebd31d75", "¯à¡I http://toolbar.yahoo.com.hk", 3),
    ),
    Expected(
        "error_emails/content_transfer_encoding_plain", "bookkeeping Get in on IGTS asap.",
        "shavonda Cabral <baocqccyw@hq.lindsayelec.com>", "em-ca-bruceg@em.ca",
        ("acidness\n\n          Exciting Easter Investor", "from investing. caddis worktable", 124),
    ),
    Expected(
        "error_emails/content_transfer_encoding_qp_with_space", "Low or High Blood Pressure? We can help.",
        "Wilmer Capps <fyouizjnp@swissonline.ch>", "bait-passover@em.ca",
        ("If you're in need of a good RX site for onli", "re info & if you are interested.", 7),
    ),
    Expected(
        "error_emails/content_transfer_encoding_spam", "",
        "neal ragland <shechem@poetrix.com>", "palmer vladi.Pimenovraud <vladi.Pimenov@enron.com>",
        ("middagh  oldusercompare\nothermachine  one-tw", "only had wings of a little angel", 20),
    ),
    Expected(
        "error_emails/content_transfer_encoding_text-html", "Re: We will help you refinance your home.",
        "chianfong cuthbert <abhijit.862153drinnan@datavalet.com>", "cvs@bruce-guenter.dyndns.org, rait@bruce-guenter.dyndns.org",
        ("Hello,\n\nYou have qualified for the lowest ra", "ve <http://www.lenxzc.com/r.php>", 15),
    ),
    Expected(
        "error_emails/content_transfer_encoding_with_8bits", "The Original Advantage #e13011",
        "announcements@provantage.com <announcements@provantage.com>", "jeff_dasovich@enron.com",
        ("--------------------\nDecember 04, 2001\n\nCan'", "nt/reports/index.xpml?mid=21449>", 122),
    ),
    Expected(
        "error_emails/content_transfer_encoding_with_semi_colon", "Attention",
        "Shelby <nsukijamq@morozstudio.tk>", "cvs@bruce-guenter.dyndns.org",
        ("Dear Homeowner,\n\n \n\nYou have been pre-approv", "ww.great-mort-gages.com/rem.php>", 73),
    ),
    Expected(
        "error_emails/content_transfer_encoding_x_uuencode", "PGP Comments on RTO West Release of Dec. 14",
        "Lon L. Peters <lpeters@PACIFIER.COM>", "RRGA-L@LIST.RTOWEST.ORG",
        ("Attached are the comments of the Public Gene", "attachments, if any.  Thank you.", 20), ("PGP_Cmts_on_12-14-01_Pkg.doc application/msword 0",),
    ),
    Expected(
        "error_emails/empty_group_lists", "Western Union Swift Money Transfer",
        "Cecil Edwards <ceciledwards@sbcglobal.net>", "",
        ("Attention Beneficiary:\n\xa0\nThis is to official", "er, and is\nbelieved to be clean.", 31),
    ),
    Expected(
        "error_emails/empty_in_reply_to", "illegal copy of our patient education software",
        "Andrey Kuznetsov <ak@g.com>", "abuser@r.ru",
        ("", "", 0),
    ),
    Expected(
        "error_emails/encoding_madness", "eBay Bid - 2008 Ford Super Duty F-350 DRW King Ranch Crew Cab 4x4 (156) - Stock# XXXX",
        "no-reply@crm.el-example.org", "e-f5f4@app.ar-example.com",
        ("Body Text", "", 1),
    ),
    Expected(
        "error_emails/header_fields_with_empty_values", "Testmail",
        "Jørn Støylen <jorn@prikkprikkprikk.no>", "AF Test <aftest@adfontesmedier.no>",
        ("--\nJørn Støylen -- http://www.prikkprikkprik", "8 051 -- jorn@prikkprikkprikk.no", 3),
    ),
    Expected(
        "error_emails/invalid_subject_characters", "Formação FrenetikPolis: Mega Campanha Final Verão | Cursos de Setembro",
        "Formação Frenetikpolis <info@formacaofrenetik.info>", "martin@internet.ao, iris@internet.ao, support@maxnet.ao",
        ("TEST", "", 1),
    ),
    Expected(
        "error_emails/missing_body", "REDACTED",
        "SCS_2 <redacted@attglobal.net>", "",
        ("", "", 0),
    ),
    Expected(
        "error_emails/missing_content_disposition", "Redacted",
        "redacted@example.com", "redacted@example.com",
        ("", "", 0), ("somefile.jpg image/jpg 1311",),
    ),
    Expected(
        "error_emails/multiple_content_types", "Redacted",
        "redacted@flashmail.net", "redacted@Enron.com",
        ("foo", "", 1),
    ),
    Expected(
        "error_emails/multiple_invalid_content_dispositions", "Redacted",
        "redacted@flashmail.net", "redacted@Enron.com",
        ("foo", "", 1),
    ),
    Expected(
        "error_emails/multiple_references_with_one_invalid", "Redacted",
        "redacted@flashmail.net", "redacted@Enron.com",
        ("foo", "", 1),
    ),
    Expected(
        "error_emails/must_supply_encoding", "Impress your clients with a business phone���",
        "Biz Phone Systems from EclipseMediaOnline�� <info@here2there-travelers-msgs.net>", "anyone@YAHOO.COM",
        ("", "", 0),
    ),
    Expected(
        "error_emails/new_line_in_to_header", "[Online Lead] Online Lead #1111111",
        "l@gcn-example.com", "leads@sg.dc.com, sag@leads.gs.ry.com, sn@example-hotmail.com, e-s-a-g-8718@app.ar.com, jp@t-exmaple.com, cc@c-l-example.com",
        ('<?xml version="1.0" encoding="UTF-8"?>\n<?ADF', "ate>\n    ... (not important) ...", 5),
    ),
    Expected(
        "error_emails/trademark_character_in_subject", "GA.comô has a lead for you",
        "j@yahoo-example.com", "c@ra-example.com, e-r-w-a-4462@app.ar.com, leads@ga-example.com",
        ("Body Text - not important", "", 1),
    ),
    Expected(
        "error_emails/weird_to_header", "",
        "anonymous@i.tp.host", "user-example@aol.com, e-s-a-s-2200@app.ar.com",
        ("CONTACT:\n\n\n\n\nCOMMENT:\n\n\nPAGE THEY WERE ON:", "", 9),
    ),
    Expected(
        "mime_emails/email_with_similar_boundaries", "Xxxxxx",
        "Xxxxx <xxxxxx@xxxxxxxx.xxx>", "xxxxxxx@xxxxxxxxxxx.xxx",
        ("Test", "", 1), ("LOGO.png application/octetstream 3",),
    ),
    Expected(
        "mime_emails/raw_email11", "worse when you use them.",
        "xxxxx@xxxxx <xxxxx@xxxxx>", "xxxxx@xxxxx <matmail>",
        ("XXXXX Xxxxx", "", 1),
    ),
    Expected(
        "mime_emails/raw_email12", "testing",
        "foo@example.com", "blah@example.com",
        ("This is the first part.", "", 1), ("Photo25.jpg image/jpeg 227",),
    ),
    Expected(
        "mime_emails/raw_email2", "Fwd: Signed email causes file attachments",
        "xxxxxxxxx xxxxxxx <xxxxxxxxx.xxxxxxx@gmail.com>", "xxxxx xxxx <xxxxx@xxxxxxxxx.com>",
        ("We should not include these files or vcards ", "ia some\nsort of exclusions list?", 21), ("smime.p7s application/pkcs7-signature 2361",),
    ),
    Expected(
        "mime_emails/raw_email4", "Filth",
        "xxx@xxxx.xxx", "xxx@xxxx.xxx",
        ("Some text\n\n--\nThis Orange Multi Media Messag", "n the Web at xxx.xxxx.xxx.uk/mms", 8),
    ),
    Expected(
        "mime_emails/raw_email7", "testing",
        "foo@example.com", "blah@example.com",
        ("This is the first part.", "", 1), ("test.rb text/x-ruby-script 25", "test.pdf application/pdf 14", "smime.p7s application/pkcs7-signature 227"),
    ),
    Expected(
        "mime_emails/raw_email_encoded_stack_level_too_deep", "Nicolas Fouché has accepted your invitation to Gmail",
        "Gmail Team <gmail-noreply@google.com>", "Nicolas Fouché <a.b@gmail.com>",
        ("Nicolas Fouché has accepted your invitation ", "ail. \n\n\nThanks, \n\nThe Gmail Team", 10),
    ),
    Expected(
        "mime_emails/raw_email_with_binary_encoded", "Testing outlook",
        "Mikel Lindsaar <email_test@me.nowhere>", "mikel@me.nowhere",
        ("", "", 0), ("2013-08-13_19-08-28-1.jpg image/jpeg 24",),
    ),
    Expected(
        "mime_emails/raw_email_with_illegal_boundary", "Testing outlook",
        "Mikel Lindsaar <email_test@me.nowhere>", "mikel@me.nowhere",
        ("Hello\nThis is an outlook test\n\nSo there.\n\nMe", " an outlook test\n\nSo there.\n\nMe.", 6),
    ),
    Expected(
        "mime_emails/raw_email_with_mimepart_without_content_type", "Warning: could not send message for past 1 day",
        "Mail Delivery Subsystem <MAILER-DAEMON@antivirus.uqam.ca>", "roor32@gmail.com",
        ("********************************************", "ying until message is 5 days old", 12), ("Est-ce toi ?.eml message/rfc822 1548",), "delivery_report",
    ),
    Expected(
        "mime_emails/raw_email_with_multipart_mixed_quoted_boundary", "Testing outlook",
        "Mikel Lindsaar <email_test@me.nowhere>", "mikel@me.nowhere",
        ("Just attaching another PDF, here, to see wha", "re out what is going wrong here.", 2), ("broken.pdf application/pdf 1026",),
    ),
    Expected(
        "mime_emails/raw_email_with_nested_attachment", "Testing attachments",
        "Jamis Buck <jamis@37signals.com>", "Jamis Buck <jamis@jamisbuck.org>",
        ("Here is a test of an attachment via email.\n\n", "n attachment via email.\n\n- Jamis", 3), ("truncated.png image/png 1902", "smime.p7s application/pkcs7-signature 939"),
    ),
    Expected(
        "mime_emails/raw_email_with_quoted_illegal_boundary", "Testing outlook",
        "Mikel Lindsaar <email_test@me.nowhere>", "mikel@me.nowhere",
        ("Hello\nThis is an outlook test\n\nSo there.\n\nMe", " an outlook test\n\nSo there.\n\nMe.", 6),
    ),
    Expected(
        "mime_emails/sig_only_email", "Re: Testing multipart/signed",
        "Test <test@test.lindsaar.net>", "Mikel <mikel@test.lindsaar.net>",
        ("This is random text, not what has been signe", "g\nemail is not signed correctly.", 2), ("signature.asc application/pgp-signature 197",),
    ),
    Expected(
        "mime_emails/two_from_in_message", "Sending messages include last little bit",
        "Tester 1 <tester1@test.com>", "tester2@test.com",
        ("When sending email:\n* From Hotmail you get t", "nature/ads) from email messages.", 6),
    ),
    Expected(
        "multi_charset/japanese", "まみむめも",
        "Mikel Lindsaar <raasdnil@gmail.com>", "みける <raasdnil@gmail.com>",
        ("かきくえこ\n\n-- \nhttp://lindsaar.net/\nRails, RSpec", "/\nRails, RSpec and Life blog....", 5),
    ),
    Expected(
        "multi_charset/japanese_attachment", "testing",
        "Mikel Lindsaar <raasdnil@gmail.com>", "Mikel Lindsaar <raasdnil@gmail.com>",
        ("testing\n\n-- \nhttp://lindsaar.net/\nRails, RSp", "/\nRails, RSpec and Life blog....", 5), ("てすと.txt text/plain 33",),
    ),
    Expected(
        "multi_charset/japanese_attachment_long_name", "まみむめもまみむめもまみむめもまみむめもまみむめもまみむめもまみむめもまみむめもまみむめもまみむめも",
        "Mikel Lindsaar <mikel@test.lindsaar.net>", "Mikel Lindsaar <raasdnil@gmail.com>",
        ("", "", 0), ("かきくけこかきくけこかきくけこかきくけこかきくけこ.txt text/plain 18",),
    ),
    Expected(
        "multi_charset/japanese_iso_2022", "まみむめも",
        "Mikel Lindsaar <raasdnil@gmail.com>", "みける <raasdnil@gmail.com>",
        ("すみません。", "", 1),
    ),
    Expected(
        "multi_charset/japanese_shift_jis", "test",
        "xxxxxxx@docomo.ne.jp", "unknown@example.com",
        ("あいうえお\n\nこのメールはテスト用のメールです。\n\n今後ともよろしくお願い申し上げます！", "", 5),
    ),
    Expected(
        "multi_charset/ks_c_5601-1987", "test",
        "from@example.com", "unknown@example.com",
        ("스티해", "", 1),
    ),
    Expected(
        "multipart_report_emails/multi_address_bounce1", "Undelivered Mail Returned to Sender",
        "Mail Delivery System <MAILER-DAEMON@lvmail01.LL.com>", "rahul.chaudhari@LL.com",
        ("This is the mail system at host lvmail01.LL.", "   (in reply to RCPT TO command)", 49), ("Test of bounce email.eml message/rfc822 1381",), "bounce",
    ),
    Expected(
        "multipart_report_emails/multi_address_bounce2", "Undelivered Mail Returned to Sender",
        "Mail Delivery System <MAILER-DAEMON@lvmail01.LL.com>", "rahul.chaudhari@LL.com",
        ("This is the mail system at host lvmail01.LL.", "   (in reply to RCPT TO command)", 49), ("Test of bounce email.eml message/rfc822 1381",), "bounce",
    ),
    Expected(
        "multipart_report_emails/multipart_report_multiple_status", "Mail System Error - Returned Mail",
        "Mail Administrator <Postmaster@ci.com>", "notification+promo@blah.com",
        ("", "", 0), ("Your Friend F M wants you to join HomeRun.eml message/rfc822 2680",), "bounce",
    ),
    Expected(
        "multipart_report_emails/report_422", "Warning: could not send message for past 8 hours",
        "Mail Delivery Subsystem <MAILER-DAEMON@tppppp.com.au>", "jennifer@sss.sssssss.net.au",
        ("********************************************", "er, and is\nbelieved to be clean.", 23), (), "delivery_report",
    ),
    Expected(
        "multipart_report_emails/report_530", "Returned mail: see transcript for details",
        "Mail Delivery Subsystem <MAILER-DAEMON@tttttt.com.au>", "mikel@sssss.net",
        ("The original message was received at Mon, 24", "er, and is\nbelieved to be clean.", 20), (), "bounce",
    ),
    Expected(
        "plain_emails/basic_email", "Testing 123",
        "Mikel Lindsaar <test@lindsaar.net>", "Mikel Lindsaar <raasdnil@gmail.com>",
        ("Plain email.\n\nHope it works well!\n\nMikel", "", 5),
    ),
    Expected(
        "plain_emails/basic_email_lf", "Testing 123",
        "Mikel Lindsaar <test@lindsaar.net>", "Mikel Lindsaar <raasdnil@gmail.com>",
        ("Plain email.\n\nHope it works well!\n\nMikel", "", 5),
    ),
    Expected(
        "plain_emails/mix_caps_content_type", "undef method parameter bug",
        "Big Bug <bb@bug.com>", "rubymail@ruby-lang.org",
        ("foo bar", "", 1),
    ),
    Expected(
        "plain_emails/raw_email", "NOTE: 한국말로 하는 것",
        "Jamis Buck <jamis@37signals.com>", "willard15georgina@jamis.backpackit.com",
        ("대부분의 마찬가지로, 우리는 하나님을 믿습니다.\n\n제 이름은 Jamis입니다.", "", 3),
    ),
    Expected(
        "plain_emails/raw_email10", "",
        "xxx@xxxx.xxx", "xxxxxxxxxxx@xxxx.xxxx.xxx",
        ("Test test. Hi. Waving. m\n\n------------------", "--------------------------------", 6),
    ),
    Expected(
        "plain_emails/raw_email5", "",
        "xxx@xxxx.xxx", "xxxxxxxxxxx@xxxx.xxxx.xxx",
        ("Test test. Hi. Waving. m\n\n------------------", "--------------------------------", 6),
    ),
    Expected(
        "plain_emails/raw_email6", "",
        "xxx@xxxx.xxx", "xxxxxxxxxxx@xxxx.xxxx.xxx",
        ("Test test. Hi. Waving. m\n\n------------------", "--------------------------------", 6),
    ),
    Expected(
        "plain_emails/raw_email8", "Fwd: Signed email causes file attachments",
        "xxxxxxxxx xxxxxxx <xxxxxxxxx.xxxxxxx@gmail.com>", "xxxxx xxxx <xxxxx@xxxxxxxxx.com>",
        ("We should not include these files or vcards ", "y encoded with japanese charset.", 12), ("01 Quien Te Dij�at. Pitbull.mp3 application/octet-stream 399",),
    ),
    Expected(
        "plain_emails/raw_email_bad_time", "[0]: XXXXXXX XXXXX XXXXX !",
        "Атиковa <yusuf75thu@auracom.net>", "abcdefg@AAAAAAAAA.net",
        ("Filter2: This message has been scanned for v", "er, and is\nbelieved to be clean.", 3),
    ),
    Expected(
        "plain_emails/raw_email_double_at_in_header", "NOTE: 한국말로 하는 것",
        "Jamis Buck <jamis@37signals.com>", "willard15georgina@jamis.backpackit.com",
        ("대부분의 마찬가지로, 우리는 하나님을 믿습니다.\n\n제 이름은 Jamis입니다.", "", 3),
    ),
    Expected(
        "plain_emails/raw_email_incorrect_header", "Stop adware/spyware once and for all.",
        "xxx xxx <xxx@xxx.xxx>", "xxx@xxx.com",
        ("You are infected with: \nAd Ware and Spy Ware", "xxx.xxx.info/discon/?xxx@xxx.com", 13),
    ),
    Expected(
        "plain_emails/raw_email_multiple_from", "/home/svn/public/minebox revision 214",
        "tim@powerupdev.com, concierge@powerupdev.com", "tim@powerupdev.com, concierge@powerupdev.com",
        ("<p><b>recordkick</b> 2007-10-22 23:45:23 +00", "s the view (also\n\n</font>\n</pre>", 21),
    ),
    Expected(
        "plain_emails/raw_email_quoted_with_0d0a", "testing",
        "foo@example.com", "blah@example.com",
        ("A fax has arrived from remote ID ''.\n-------", "lapsed time: 00:58 on channel 11", 8),
    ),
    Expected(
        "plain_emails/raw_email_reply", "Re: Test reply email",
        "Testing <xxxxxxxx@xxx.org>", "Mikel Lindsaar <mikel@xxxx.net>",
        ("Message body", "", 1),
    ),
    Expected(
        "plain_emails/raw_email_simple", "Testing outlook",
        "Mikel Lindsaar <mikel@nowhere.com>", "Mikel <mikel@somewhere.com>",
        ("Hello Mikel", "", 1),
    ),
    Expected(
        "plain_emails/raw_email_string_in_date_field", "NOTE: 한국말로 하는 것",
        "mikel@me.com", "bob@bob.com",
        ("대부분의 마찬가지로, 우리는 하나님을 믿습니다.\n\n제 이름은 Jamis입니다.", "", 3),
    ),
    Expected(
        "plain_emails/raw_email_trailing_dot", "[skynet-help][60666] How are intermediate files handled in SkyNet?",
        "Sandy M. <noreply@rubyforge.org>", "noreply@rubyforge.org",
        ("Testing, testing, 123.", "", 1),
    ),
    Expected(
        "plain_emails/raw_email_with_at_display_name", "Testing 123",
        "Mikel Lindsaar <test@lindsaar.net>, jack@lindsar.com", "smith@gmail.com, Mikel@Lindsaar <raasdnil@gmail.com>, tom@gmail.com",
        ("Plain email.\n\nHope it works well!\n\nMikel", "", 5),
    ),
    Expected(
        "plain_emails/raw_email_with_bad_date", "Microsoft Vlsta & Office2007, Just released for 79$ Save 1599.95$ 0ff Retai|",
        "Darrell Shaw <subventive@vodtravel.com>", "sydney@xxxxxxxx.xxx",
        ("hotnewsoft . com", "", 1),
    ),
    Expected(
        "plain_emails/raw_email_with_partially_quoted_subject", 'Re: Test: "漢字" mid "漢字" tail',
        "Jamis Buck <jamis@37signals.com>", "jamis@37signals.com",
        ("대부분의 마찬가지로, 우리는 하나님을 믿습니다.\n\n제 이름은 Jamis입니다.", "", 3),
    ),
    Expected(
        "rfc2822/example01", "Saying Hello",
        "John Doe <jdoe@machine.example>", "Mary Smith <mary@example.net>",
        ('This is a message just to say hello.\nSo, "He', ' just to say hello.\nSo, "Hello".', 2),
    ),
    Expected(
        "rfc2822/example02", "Saying Hello",
        "John Doe <jdoe@machine.example>", "Mary Smith <mary@example.net>",
        ('This is a message just to say hello.\nSo, "He', ' just to say hello.\nSo, "Hello".', 2),
    ),
    Expected(
        "rfc2822/example03", "",
        "Joe Q. Public <john.q.public@example.com>", 'Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>, boss@nil.test, Giant; "Big" Box <sysservices@example.net>',
        ("Hi everyone.", "", 1),
    ),
    Expected(
        "rfc2822/example04", "",
        "Pete <pete@silly.example>", "Chris Jones <c@a.test>, joe@where.test, John <jdoe@one.test>",
        ("Testing.", "", 1),
    ),
    Expected(
        "rfc2822/example05", "Saying Hello",
        "John Doe <jdoe@machine.example>", "Mary Smith <mary@example.net>",
        ('This is a message just to say hello.\nSo, "He', ' just to say hello.\nSo, "Hello".', 2),
    ),
    Expected(
        "rfc2822/example06", "Re: Saying Hello",
        "Mary Smith <mary@example.net>", "John Doe <jdoe@machine.example>",
        ("This is a reply to your hello.", "", 1),
    ),
    Expected(
        "rfc2822/example07", "Re: Saying Hello",
        "John Doe <jdoe@machine.example>", "Mary Smith: Personal Account <smith@home.example>",
        ("This is a reply to your reply.", "", 1),
    ),
    Expected(
        "rfc2822/example08", "Saying Hello",
        "John Doe <jdoe@machine.example>", "Mary Smith <mary@example.net>",
        ('This is a message just to say hello.\nSo, "He', ' just to say hello.\nSo, "Hello".', 2),
    ),
    Expected(
        "rfc2822/example09", "Saying Hello",
        "John Doe <jdoe@machine.example>", "Mary Smith <mary@example.net>",
        ('This is a message just to say hello.\nSo, "He', ' just to say hello.\nSo, "Hello".', 2),
    ),
    Expected(
        "rfc2822/example10", "",
        "Pete <pete@silly.test>", "Chris Jones <c@public.example>, joe@example.org, John <jdoe@one.test>",
        ("Testing.", "", 1),
    ),
    Expected(
        "rfc2822/example11", "",
        "Joe Q. Public <john.q.public@example.com>", "Mary Smith <mary@example.net>, jdoe@test.example",
        ("Hi everyone.", "", 1),
    ),
    Expected(
        "rfc2822/example12", "Saying Hello",
        "John Doe <jdoe@machine.example>", "Mary Smith <mary@example.net>",
        ('This is a message just to say hello.\nSo, "He', ' just to say hello.\nSo, "Hello".', 2),
    ),
    Expected(
        "rfc2822/example13", "Saying Hello",
        "John Doe <jdoe@machine.example>", "Mary Smith <mary@example.net>",
        ('This is a message just to say hello.\nSo, "He', ' just to say hello.\nSo, "Hello".', 2),
    ),
    Expected(
        "rfc2822/example14", "Re: TEST テストテスト",
        "Atsushi Yoshida <atsushi@example.com>", "rudeboyjet@gmail.com",
        ("Hello", "", 1),
    ),
    Expected(
        "rfc6532/utf8_headers", "Säying Hello",
        "Jöhn Doe <jdöe@mächine.example>", "Märy Smith <märy@exämple.net>",
        ("body", "", 1),
    ),
)  # fmt: skip
