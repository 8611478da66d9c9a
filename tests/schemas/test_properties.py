"""Whatever events can hold, their stored form fits their schema and comes back."""

import base64
import json

from hypothesis import given
from hypothesis import strategies as st

from tests.support.strategies import any_event
from ticketcore.domain.base import Event
from ticketcore.store.codec import Codec
from workers.schemas.catalogue import newest
from workers.schemas.checks import validation_errors
from workers.schemas.event_schema import event_schema
from workers.schemas.stored import decode, encode

CIPHERTEXT = st.binary(min_size=28, max_size=200).map(lambda raw: base64.b64encode(raw).decode())


def sealed(event: Event, ciphertext: str) -> Event:
    """Return *event* as it is stored: what is personal lies in the ciphertext."""
    if not event.PERSONAL:
        return event
    return event.model_copy(update={**dict.fromkeys(event.PERSONAL), "sealed": ciphertext})


@given(event=any_event(), ciphertext=CIPHERTEXT)
def test_the_stored_form_of_every_event_fits_its_schema_and_loads(event: Event, ciphertext: str) -> None:
    stored = sealed(event, ciphertext)

    value = encode(stored)

    assert validation_errors(event_schema(newest()[event.TOPIC]))(value) == []
    again = decode(event.TOPIC, json.loads(json.dumps(value)))
    assert again == stored.model_copy(
        update={name: getattr(again, name) for name in ("originator_id", "originator_version")}
    )


@given(event=any_event())
def test_personal_content_fits_the_shape_of_what_is_sealed(event: Event) -> None:
    schema = event_schema(newest()[event.TOPIC])
    plaintext = Codec().personal(event)

    whole = {**schema["$defs"].get("Personal", {"type": "object", "maxProperties": 0}), "$defs": schema["$defs"]}

    assert validation_errors(whole)(json.loads(plaintext or b"{}")) == []
