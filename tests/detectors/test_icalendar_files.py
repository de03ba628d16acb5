"""What people export from their calendars is read as they see it there, or refused by name."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from detectors.icalendar_files import occasions

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")


def file(*events: str) -> str:
    """A calendar of events, each the lines between BEGIN and END."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//shop//plan//EN"]
    for number, event in enumerate(events):
        own = [line.strip() for line in event.strip().splitlines()]
        uid = [] if any(line.startswith("UID") for line in own) else [f"UID:{number}"]
        lines += ["BEGIN:VEVENT", *uid, *own, "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


def times(text: str, zone: ZoneInfo = BERLIN, year: int = 2026) -> list[tuple[str, str, str]]:
    """Name, begin and end of each occasion of a year, on the clocks of the zone."""
    after, before = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    spans = [span for occasion in occasions(text) for span in occasion.spans(zone, after, before)]
    return [(span.name, local(span.start, zone), local(span.end, zone)) for span in sorted(spans)]


def local(time: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(time / 1000, zone).strftime("%m-%d %H:%M")


def test_days_and_times_with_and_without_a_zone() -> None:
    text = file(
        "SUMMARY:Fair\nDTSTART;VALUE=DATE:20260701\nDTEND;VALUE=DATE:20260703",
        "SUMMARY:Launch\nDTSTART:20260710T160000Z\nDURATION:PT90M",
        "SUMMARY:Broadcast\nDTSTART;TZID=America/New_York:20260711T200000\nDTEND;TZID=America/New_York:20260711T210000",
        "SUMMARY:Breakfast\nDTSTART:20260712T080000\nDTEND:20260712T100000",
    )

    assert times(text, BERLIN) == [
        ("Fair", "07-01 00:00", "07-03 00:00"),
        ("Launch", "07-10 18:00", "07-10 19:30"),
        ("Broadcast", "07-12 02:00", "07-12 03:00"),
        ("Breakfast", "07-12 08:00", "07-12 10:00"),
    ]
    assert times(text, NEW_YORK)[3] == ("Breakfast", "07-12 08:00", "07-12 10:00")


def test_a_rule_with_dates_left_out_added_and_moved() -> None:
    text = file(
        """UID:sale
        SUMMARY:Sale
        DTSTART;TZID=Europe/Berlin:20260302T180000
        DTEND;TZID=Europe/Berlin:20260302T200000
        RRULE:FREQ=WEEKLY;UNTIL=20260413T160000Z
        EXDATE;TZID=Europe/Berlin:20260316T180000
        RDATE;TZID=Europe/Berlin:20260501T180000""",
        """UID:sale
        RECURRENCE-ID;TZID=Europe/Berlin:20260323T180000
        SUMMARY:Late sale
        DTSTART;TZID=Europe/Berlin:20260324T190000
        DTEND;TZID=Europe/Berlin:20260324T210000""",
    )

    # At 18:00 in Berlin before and after the clocks changed on 29 March; the last is the one of UNTIL.
    assert [(name, begin) for name, begin, _ in times(text)] == [
        ("Sale", "03-02 18:00"), ("Sale", "03-09 18:00"), ("Late sale", "03-24 19:00"),
        ("Sale", "03-30 18:00"), ("Sale", "04-06 18:00"), ("Sale", "04-13 18:00"), ("Sale", "05-01 18:00"),
    ]  # fmt: skip


def test_an_added_time_may_have_a_length_of_its_own() -> None:
    text = file(
        "SUMMARY:Sale\nDTSTART:20260701T100000Z\nDTEND:20260701T110000Z\nRDATE;VALUE=PERIOD:20260801T100000Z/PT3H"
    )

    assert [end for _, _, end in times(text)] == ["07-01 13:00", "08-01 15:00"]


def test_a_yearly_day_is_on_its_date_every_year() -> None:
    text = file("SUMMARY:Birthday\nDTSTART;VALUE=DATE:20200229\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1")

    assert times(text, year=2026) == [("Birthday", "02-28 00:00", "03-01 00:00")]
    assert times(text, year=2028) == [("Birthday", "02-29 00:00", "03-01 00:00")]


def test_what_was_called_off_is_no_occasion() -> None:
    text = file(
        "SUMMARY:Fair\nSTATUS:CANCELLED\nDTSTART;VALUE=DATE:20260701",
        "UID:a\nSUMMARY:Sale\nDTSTART;VALUE=DATE:20260701\nRRULE:FREQ=DAILY;COUNT=3",
        "UID:a\nSUMMARY:Sale\nSTATUS:CANCELLED\nRECURRENCE-ID;VALUE=DATE:20260702\nDTSTART;VALUE=DATE:20260702",
    )

    assert [begin for _, begin, _ in times(text)] == ["07-01 00:00", "07-03 00:00"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hello", "hello"),
        ("", "there is no calendar in it"),
        (file("SUMMARY:Fair\nDTSTART:2026071T18\nDURATION:PT1H"), "event 'Fair'"),
        (file("SUMMARY:Fair"), "event 'Fair'"),
        (
            file("SUMMARY:Fair\nDTSTART;TZID=Europe/Berlin:20260701T180000\nDTEND:20260701T190000"),
            "event 'Fair'",
        ),
        (file("SUMMARY:Fair\nDTSTART;VALUE=DATE:20260701\nDURATION:P100000000D"), "Fair"),
        (file("SUMMARY:Fair\nDTSTART;VALUE=DATE:20260701\nDURATION:P9999D"), "lasts 9999 days"),
        (file("SUMMARY:Fair\nDTSTART:20260701T180000Z"), "event 'Fair': is over as soon as it begins"),
        (file("SUMMARY:Fair\nDTSTART;VALUE=DATE:20260701\nRRULE:FREQ=SOMETIMES"), "event 'Fair': RRULE"),
        (file("SUMMARY:Fair\nDTSTART;VALUE=DATE:20260701\nRRULE:FREQ=HOURLY"), "event 'Fair': repeat"),
        (
            file("SUMMARY:Fair\nDTSTART;TZID=Mars/Base:20260701T180000\nDURATION:PT1H"),
            "event 'Fair': no time zone 'Mars/Base'; use a name such as Europe/Berlin",
        ),
        (
            file(
                "UID:a\nSUMMARY:Sale\nDTSTART;VALUE=DATE:20260701\nRRULE:FREQ=DAILY;COUNT=3",
                "UID:a\nRECURRENCE-ID;RANGE=THISANDFUTURE;VALUE=DATE:20260702\nDTSTART;VALUE=DATE:20260703",
            ),
            "event 'Sale': RECURRENCE-ID with a RANGE is not read",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        occasions(text)


OUTLOOK = r"""BEGIN:VCALENDAR
PRODID:-//Microsoft Corporation//Outlook 16.0 MIMEDIR//EN
VERSION:2.0
METHOD:PUBLISH
BEGIN:VTIMEZONE
TZID:W. Europe Standard Time
BEGIN:STANDARD
DTSTART:16011028T030000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010325T020000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
END:DAYLIGHT
END:VTIMEZONE
BEGIN:VEVENT
CLASS:PUBLIC
DTSTART;TZID="W. Europe Standard Time":20260301T100000
DTEND;TZID="W. Europe Standard Time":20260301T110000
RRULE:FREQ=MONTHLY;COUNT=3
SUMMARY;LANGUAGE=en:Database\, first of the month
UID:040000008200E00074C5B7101A82E008
BEGIN:VALARM
TRIGGER:-PT15M
ACTION:DISPLAY
DESCRIPTION:Reminder
END:VALARM
END:VEVENT
END:VCALENDAR
"""


def test_a_time_zone_may_be_the_file_s_own() -> None:
    assert times(OUTLOOK, NEW_YORK) == [
        ("Database, first of the month", "03-01 04:00", "03-01 05:00"),
        ("Database, first of the month", "04-01 04:00", "04-01 05:00"),
        ("Database, first of the month", "05-01 04:00", "05-01 05:00"),
    ]
