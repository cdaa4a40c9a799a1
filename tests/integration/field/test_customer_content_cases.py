"""Customers as people really keep them, from Tripletex to OC2 through all processes: what arrives, what is told."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pytest
import pytest_asyncio

from bridge.contracts.topics import MAX_EVENT_BYTES, TopicName
from bridge.durable.row import Row
from bridge.testkit.simulator_answers import Json, JsonObject
from bridge.testkit.system import System
from bridge.testkit.system_tenant import SystemTenant

pytestmark = pytest.mark.asyncio(loop_scope="module")

NBSP = "\u00a0"
ACUTE = "\u0301"

Held = Mapping[int, JsonObject]


@pytest_asyncio.fixture(autouse=True, loop_scope="module", scope="module")
async def running(system: System) -> None:
    """One replica of each service."""
    for service in ("poller", "transformer", "publisher"):
        system.start(service)
    await system.ready()


def customer(number: int, **content: Json) -> JsonObject:
    """Return a customer of 14 days, with a name unless one is given."""
    return {"customerNumber": number, "name": f"Kunde {number} AS", **content}


def addressed(number: int, **address: Json) -> JsonObject:
    """Return a customer with this postal address."""
    return customer(number, postalAddress=address)


async def arrived(tenant: SystemTenant, *rows: JsonObject) -> Held:
    """Write customers at the source, wait until all are confirmed, and return what OC2 holds."""
    tenant.write(*rows)
    await tenant.settled(confirmed=len({row["customerNumber"] for row in rows}))
    return held(tenant)


def held(tenant: SystemTenant) -> Held:
    """Return what the tenant's OC2 holds."""
    return tenant.system.simulators.ledger(tenant.id).customers


async def events(tenant: SystemTenant) -> int:
    """Return how many changes were told of the tenant."""
    return len(await tenant.heard(TopicName.CUSTOMER_CHANGED))


async def log(tenant: SystemTenant, number: int, step: str) -> list[Row]:
    """Return the import log's rows of one step of a customer."""
    return await tenant.system.rows(
        "SELECT * FROM publisher.delivery_log WHERE tenant = %(t)s AND entity = %(e)s AND step = %(s)s ORDER BY id",
        t=tenant.id,
        e=str(number),
        s=step,
    )


@dataclass(frozen=True, slots=True)
class Note:
    """A value that was changed or left out, as the import log names it."""

    field: str
    rule: str
    was: str
    now: str | None


async def notes(tenant: SystemTenant, number: int) -> list[Note]:
    """Return what the import log says was changed or left out of a customer's last delivery."""
    found = (await log(tenant, number, "confirmed"))[-1]["notes"]
    return [Note(*note) for note in found] if isinstance(found, list) else []


async def letters(tenant: SystemTenant) -> list[Row]:
    """Return the tenant's open dead letters."""
    return await tenant.system.rows(
        "SELECT * FROM publisher.dead_letter WHERE tenant = %(t)s AND closed_at IS NULL ORDER BY id", t=tenant.id
    )


def address_of(body: JsonObject) -> JsonObject:
    """Return the parts of the invoice address that are there."""
    address = body["invoiceAddress"]
    assert isinstance(address, Mapping)
    return {name: part for name, part in address.items() if part is not None}


# T10 --------------------------------------------------------------------------------------------------------------


async def test_nulls_where_texts_and_objects_are_documented_keep_no_customer_out(system: System) -> None:
    tenant = await system.declare("nulls")
    nothing: dict[str, Json] = dict.fromkeys(
        ("email", "phoneNumber", "organizationNumber", "website", "invoicesDueIn", "invoicesDueInType", "currency"),
        None,
    )

    there = await arrived(
        tenant,
        customer(10011, **nothing, postalAddress=None, phoneNumberMobile="", invoiceEmail=""),
        addressed(10012, addressLine1=None, addressLine2=None, postalCode=None, city=None, country=None),
    )

    assert address_of(there[10011]) == address_of(there[10012]) == {}
    empty = ("email1", "phone1", "organizationNumber", "website", "paymentTermId")
    assert [there[10011][field] for field in empty] == [None] * len(empty)
    assert there[10011]["currency"] == "NOK"
    assert [note.rule for note in await notes(tenant, 10011)] == ["currency_default"]


async def test_a_log_in_whose_answer_holds_nulls_and_strange_fields_works(system: System) -> None:
    for kind, more in (("null_fields", {"fields": ["employeeToken.token"]}), ("extra_fields", {"count": 30})):
        system.simulators.add_fault(kind, system="tripletex", kind=kind, path="session", **more)
    tenant = await system.declare("null-session")

    assert set(await arrived(tenant, customer(10001))) == {10001}


async def test_thirty_fields_of_a_future_release_are_no_change(system: System) -> None:
    tenant = await system.declare("future-fields")
    await arrived(tenant, customer(10001), customer(10002))

    system.simulators.add_fault("f", system="tripletex", kind="extra_fields", count=30, scope=str(tenant.company))
    system.simulators.write_customers(tenant.company, [{"id": tenant.ids[10001], "touch": True}])
    await tenant.read(2)

    assert await events(tenant) == 2


async def test_only_a_name_or_a_number_of_null_is_a_letter_and_that_for_one_customer_alone(system: System) -> None:
    tenant = await system.declare("null-name")
    tenant.write(customer(10001), customer(10002, name=None), customer(10003))
    await tenant.settled(confirmed=2, dead=1)

    scope = str(tenant.company)
    system.simulators.add_fault(
        "n", system="tripletex", kind="null_fields", fields=["customerNumber"], numbers=[10003], scope=scope
    )
    system.simulators.write_customers(tenant.company, [{"id": tenant.ids[10003], "touch": True}])
    await tenant.settled(confirmed=1, dead=2)
    found = {row.text("entity"): (row.text("reason"), row.text("field")) for row in await letters(tenant)}
    system.simulators.clear_faults()
    tenant.edit(10003)
    await tenant.settled(confirmed=2, dead=1)

    assert found == {"10002": ("name_missing", "name"), "10003": ("source_row_unreadable", "customerNumber")}
    assert {number: body["active"] for number, body in held(tenant).items()} == {10001: True, 10003: True}


# A07 --------------------------------------------------------------------------------------------------------------


async def test_of_two_terms_of_14_days_every_customer_gets_the_lowest_id_and_400_days_is_left_out_visibly(
    system: System,
) -> None:
    tenant = await system.declare("equal-terms")
    terms: Sequence[JsonObject] = (
        {"id": 31, "name": "Netto 14 dager", "days": 14},
        {"id": 7, "name": "14 dager", "days": 14},
        {"id": 9, "name": "30 dgr", "days": 30},
    )
    system.simulators.put_tenant(tenant.id, api_key=tenant.api_key, terms=terms)
    days = {10070: 14, 10071: 0, 10072: 400, 10073: 30, 10074: 14}

    there = await arrived(tenant, *(customer(n, invoicesDueIn=d, invoicesDueInType="DAYS") for n, d in days.items()))

    ledger = system.simulators.ledger(tenant.id)
    zero = [term["id"] for term in ledger.terms if term["days"] == 0]
    assert len(zero) == 1
    assert {n: there[n]["paymentTermId"] for n in days} == {10070: 7, 10071: zero[0], 10072: None, 10073: 9, 10074: 7}
    assert sorted(int(str(term["days"])) for term in ledger.terms) == [0, 14, 14, 30]
    assert [(note.field, note.rule, note.was) for note in await notes(tenant, 10072)] == [
        ("invoicesDueIn", "days_out_of_range", "400")
    ]


# A13 --------------------------------------------------------------------------------------------------------------

PHONE = "73 50 00 00 (sentralbord) / 900 00 000 vakt etter kl. 16"
WEBSITE = "https://www.example.no/" + "a" * 240


async def test_values_over_the_limits_are_left_out_and_named_while_the_customer_arrives(system: System) -> None:
    tenant = await system.declare("odd-values")

    there = await arrived(tenant, customer(10120, email="post@firma", phoneNumber=PHONE, website=WEBSITE))

    assert [there[10120][name] for name in ("email1", "phone1", "website")] == ["post@firma", None, None]
    assert [(note.field, note.was, note.now) for note in await notes(tenant, 10120)] == [
        ("phoneNumber", PHONE, None),
        ("website", WEBSITE, None),
    ]


async def test_three_fields_that_oc2_refuses_are_named_at_once_and_never_sent_again_unchanged(system: System) -> None:
    tenant = await system.declare("three-refused")
    errors = [{"field": name, "message": f"{name} is not accepted"} for name in ("email1", "phone1", "website")]
    system.simulators.add_fault("r", system="oc2", kind="bulk_partial", scope=tenant.id, errors={"10120": errors})
    tenant.write(customer(10120, email="post@firma"), customer(10121))
    await tenant.settled(confirmed=1, dead=1)
    sent = len(tenant.sent_to_oc2())

    system.simulators.write_customers(tenant.company, [{"id": tenant.ids[10120], "touch": True}])
    await tenant.read(3)

    (letter,) = await letters(tenant)
    assert letter.text("reason") == "target_refused"
    assert all(name in f"{letter.text('field')} {letter.text('error')}" for name in ("email1", "phone1", "website"))
    assert len(tenant.sent_to_oc2()) == sent
    system.simulators.clear_faults()
    tenant.edit(10120)
    await tenant.settled(confirmed=2)
    assert await letters(tenant) == []


# A21 --------------------------------------------------------------------------------------------------------------


async def test_zero_fourteen_zero_and_a_flag_are_changes_under_a_frozen_version(system: System) -> None:
    tenant = await system.declare("frozen")
    await arrived(tenant, customer(10130, invoicesDueIn=0, invoicesDueInType="DAYS"))
    steps: tuple[JsonObject, ...] = ({"invoicesDueIn": 14}, {"invoicesDueIn": 0}, {"isInactive": True})

    for count, step in enumerate(steps, start=2):
        system.simulators.write_customers(tenant.company, [{"id": tenant.ids[10130], "freezeVersion": True, **step}])
        await _confirmed_change(tenant, 10130, count)

    written = [write.content for write in system.simulators.ledger(tenant.id).writes]
    days = {term["id"]: term["days"] for term in system.simulators.ledger(tenant.id).terms}
    assert [days[body["paymentTermId"]] for body in written] == [0, 14, 0, 0]
    assert [body["active"] for body in written] == [True, True, True, False]


async def _confirmed_change(tenant: SystemTenant, number: int, change_no: int) -> None:
    query = (
        "SELECT count(*) AS n FROM publisher.delivery WHERE tenant = %(t)s AND entity = %(e)s"
        " AND change_no = %(c)s AND state = 'confirmed'"
    )

    async def there() -> bool:
        return (await tenant.system.rows(query, t=tenant.id, e=str(number), c=change_no))[0].number("n") == 1

    await tenant.system.until(there, f"change {change_no} of {number} to be confirmed")


async def test_empty_null_missing_and_other_spellings_of_the_same_are_no_change(system: System) -> None:
    tenant = await system.declare("spellings")
    await arrived(tenant, customer(10130, invoicesDueIn=14, postalAddress={"addressLine1": "Kaia 1"}))
    line2: Callable[[Json], JsonObject] = lambda value: {"postalAddress": {"addressLine2": value}}  # noqa: E731
    steps: tuple[JsonObject, ...] = (
        {"invoicesDueIn": 14.0},
        {"currency": {"code": "NOK"}},
        {"currency": {"id": 1, "url": "tripletex.no/v2/currency/1", "code": "NOK"}},
        line2(None),
        line2(""),
        line2("   "),
    )

    for step in steps:
        system.simulators.write_customers(tenant.company, [{"id": tenant.ids[10130], "touch": True, **step}])
        await tenant.read(1)

    assert await events(tenant) == 1
    assert len(await log(tenant, 10130, "ingested")) == 1


# D04 --------------------------------------------------------------------------------------------------------------

ORGANISATION_NUMBERS = {
    10401: "NO 312 345 678 MVA",
    10402: "312345678MVA",
    10403: "312.345.678",
    10404: f"312{NBSP}345{NBSP}678",
    10405: "３１２３４５６７８",
    10406: "556012-5790",
    10407: "312345670",
}


async def test_organisation_numbers_arrive_as_people_write_them(system: System) -> None:
    tenant = await system.declare("organisations")
    rows = [customer(number, organizationNumber=text) for number, text in ORGANISATION_NUMBERS.items()]
    rows[5] = {**rows[5], "postalAddress": {"country": "SE"}}

    there = await arrived(tenant, *rows, customer(10408, organizationNumber="NO 312 345 678 MVA (Foretaksreg.)"))

    assert {n: there[n]["organizationNumber"] for n in ORGANISATION_NUMBERS} == ORGANISATION_NUMBERS
    assert there[10408]["organizationNumber"] is None
    assert [(note.field, note.rule) for note in await notes(tenant, 10408)] == [("organizationNumber", "too_long")]


async def test_blanks_around_an_organisation_number_are_no_change(system: System) -> None:
    tenant = await system.declare("organisation-blanks")
    await arrived(tenant, customer(10401, organizationNumber="312 345 678"))

    for text in (" 312 345 678", f"312 345 678{NBSP}", "\t312 345 678 "):
        system.simulators.write_customers(tenant.company, [{"id": tenant.ids[10401], "organizationNumber": text}])
        await tenant.read(1)

    assert await events(tenant) == 1


# D08, D10 ---------------------------------------------------------------------------------------------------------

ADDRESSES: Mapping[str, tuple[JsonObject, JsonObject]] = {
    "care of and a box": (
        {"addressLine1": "c/o Rederiet Nord", "addressLine2": "Postboks 1752 Vika", "postalCode": "0122"},
        {"line1": "c/o Rederiet Nord", "line2": "Postboks 1752 Vika", "postalCode": "0122"},
    ),
    "an empty first line": (
        {"addressLine1": "", "addressLine2": "Kaia 3", "postalCode": "0001"},
        {"line2": "Kaia 3", "postalCode": "0001"},
    ),
    "three lines in one": (
        {"addressLine1": "Avd. lager\nBygg 4\nPort C", "postalCode": "N-0150"},
        {"line1": "Avd. lager, Bygg 4, Port C", "postalCode": "N-0150"},
    ),
    "a short postcode": ({"postalCode": "101"}, {"postalCode": "101"}),
    "a postcode inside the city": ({"postalCode": "", "city": "0150 OSLO"}, {"city": "0150 OSLO"}),
    "Svalbard": (
        {"postalCode": "9170", "city": "LONGYEARBYEN", "country": "SJ"},
        {"postalCode": "9170", "city": "LONGYEARBYEN", "country": "SJ"},
    ),
    "a country that is gone": ({"city": "Willemstad", "country": "AN"}, {"city": "Willemstad", "country": "AN"}),
    "an empty island": ({"country": "BV"}, {"country": "BV"}),
    "Kosovo": ({"city": "Prishtinë", "country": "XK"}, {"city": "Prishtinë", "country": "XK"}),
    "a British postcode": (
        {"postalCode": "BT1 5GS", "country": "GB"},
        {"postalCode": "BT1 5GS", "country": "GB"},
    ),
    "no postcode at all": (
        {"addressLine1": "P.O. Box 1", "addressLine2": "Jebel Ali", "city": "Dubai", "country": "AE"},
        {"line1": "P.O. Box 1", "line2": "Jebel Ali", "city": "Dubai", "country": "AE"},
    ),
    "two lines of a hundred": (
        {"addressLine1": "Æ" * 100, "addressLine2": "ø" * 100},
        {"line1": "Æ" * 100, "line2": "ø" * 100},
    ),
}


async def test_addresses_of_every_kind_arrive_by_the_stated_rules(system: System) -> None:
    tenant = await system.declare("addresses")
    numbers = dict(enumerate(ADDRESSES, start=10650))

    there = await arrived(tenant, *(addressed(n, **_source(kind)) for n, kind in numbers.items()))

    for number, kind in numbers.items():
        assert address_of(there[number]) == {"country": "NO", **ADDRESSES[kind][1]}, kind
    joined = next(number for number, kind in numbers.items() if kind == "three lines in one")
    assert [(note.field, note.rule) for note in await notes(tenant, joined)] == [
        ("postalAddress.addressLine1", "line_breaks_joined")
    ]


def _source(kind: str) -> dict[str, Json]:
    address = dict(ADDRESSES[kind][0])
    country = address.get("country")
    return {**address, "country": {"isoAlpha2Code": country}} if country else address


# D11, D12 ---------------------------------------------------------------------------------------------------------

NAMES: Mapping[str, tuple[str, str]] = {
    "northern Sami": ("Kárášjoga gávpi AS", "Kárášjoga gávpi AS"),
    "eng": ("Ráissa Ŋálbmi", "Ráissa Ŋálbmi"),
    "decomposed": ("Ba\u030at og \u00d8rret AS", "Båt og Ørret AS"),
    "composed": ("Båt og Ørret AS", "Båt og Ørret AS"),
    "120 of them": ("Å" * 120, "Å" * 120),
    "121 of them": ("Å" * 121, "Å" * 120),
    # No composed form exists for this pair, so that the mark stays a character of its own.
    "a mark as the 120th": ("L" * 118 + "q" + ACUTE, "L" * 118 + "q" + ACUTE),
    "a mark as the 121st": ("L" * 119 + "q" + ACUTE, "L" * 119),
    "an emoji": ("Fiskebåt 🐟 AS", "Fiskebåt 🐟 AS"),
    "right to left": ("שלום AS", "שלום AS"),
    "decoded twice": ("BjÃ¸rkÃ¥s RÃ¸r AS", "BjÃ¸rkÃ¥s RÃ¸r AS"),
    "a letter lost": ("Sm\ufffdr AS", "Sm\ufffdr AS"),
    "a byte-order mark and blanks": ("\ufeffByggmester Dal AS \t", "Byggmester Dal AS"),
}


async def test_names_arrive_letter_by_letter_in_one_normal_form_and_are_cut_between_graphemes(system: System) -> None:
    tenant = await system.declare("names")
    numbers = dict(enumerate(NAMES, start=10680))

    there = await arrived(tenant, *(customer(n, name=NAMES[kind][0]) for n, kind in numbers.items()))

    assert {kind: there[n]["name"] for n, kind in numbers.items()} == {kind: name for kind, (_, name) in NAMES.items()}
    for number, kind in numbers.items():
        cut = kind in ("121 of them", "a mark as the 121st")
        assert [note.rule for note in await notes(tenant, number)] == (["cut_to_limit"] if cut else []), kind


async def test_the_other_normal_form_of_a_name_and_of_a_city_is_no_change(system: System) -> None:
    tenant = await system.declare("normal-forms")
    await arrived(tenant, customer(10681, name="Båt og Ørret AS", postalAddress={"city": "KÁRÁŠJOHKA"}))

    system.simulators.write_customers(
        tenant.company,
        [
            {
                "id": tenant.ids[10681],
                "name": "Ba\u030at og Ørret AS",
                "postalAddress": {"city": f"KA{ACUTE}RA{ACUTE}S\u030cJOHKA"},
            }
        ],
    )
    await tenant.read(2)

    assert system.simulators.history(tenant.company)[-1].version == 2
    assert await events(tenant) == 1


async def test_a_declared_charset_is_respected_and_invalid_bytes_change_nothing_at_oc2(system: System) -> None:
    tenant = await system.declare("charsets")
    await arrived(tenant, customer(10001, name="Bjørkås Rør AS"))
    scope = str(tenant.company)

    system.simulators.add_fault("latin1", system="tripletex", kind="charset_latin1", path="/customer", scope=scope)
    await tenant.read(1)
    assert await events(tenant) == 1
    system.simulators.clear_faults()
    system.simulators.add_fault(
        "broken", system="tripletex", kind="invalid_utf8", path="/customer$", scope=scope, times=2
    )
    tenant.edit(10001)
    await _confirmed_change(tenant, 10001, 2)

    assert system.simulators.faults()["broken"].hits == 2
    assert [write.content["name"] for write in system.simulators.ledger(tenant.id).writes] == [
        "Bjørkås Rør AS",
        "Kunde 10001 nr. 1",
    ]
    assert await letters(tenant) == []


async def _told_to_the_platform(tenant: SystemTenant, letter: Row) -> None:
    query = "SELECT count(*) AS n FROM publisher.outbox"

    async def gone_out() -> bool:
        return (await tenant.system.rows(query))[0].number("n") == 0

    await tenant.system.until(gone_out, f"letter {letter.number('id')} to be published")


# K16 --------------------------------------------------------------------------------------------------------------


async def test_content_above_the_one_limit_is_a_letter_with_size_and_limit_and_holds_nobody_up(system: System) -> None:
    tenant = await system.declare("too-large")
    tenant.write(customer(10001), customer(10002, website="x" * 3_000_000), customer(10003))

    await tenant.settled(confirmed=2, dead=1)

    (letter,) = await letters(tenant)
    assert (letter.text("entity"), letter.text("reason"), letter.text("field")) == (
        "10002",
        "event_too_large",
        "website",
    )
    assert str(MAX_EVENT_BYTES) in letter.text("error")
    assert "3000" in letter.text("error")
    assert await system.number("SELECT count(*) AS n FROM poller.outbox WHERE tenant = %(t)s", t=tenant.id) == 0
    await _told_to_the_platform(tenant, letter)
    system.simulators.write_customers(tenant.company, [{"id": tenant.ids[10002], "website": "https://kort.example"}])
    await tenant.settled(confirmed=3)
