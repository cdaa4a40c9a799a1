"""The customer mapping, field by field, with the data people really have."""

import pytest

from bridge.contracts.events.customer import CustomerSnapshot, CustomerWanted, MappingNote, PostalAddress
from bridge.contracts.reasons import Reason
from bridge.transformer.domain.mapping.customer import map_customer
from bridge.transformer.domain.unmapped import Unmapped

COMBINING_ACUTE = "́"
SOURCE = CustomerSnapshot(customer_number=20417, name="Nordlys Verksted AS", is_inactive=False, currency_code="NOK")


def _mapped(**changes: object) -> CustomerWanted:
    wanted = map_customer(CustomerSnapshot.model_validate({**SOURCE.model_dump(), **changes}))
    assert isinstance(wanted, CustomerWanted)
    return wanted


def _refused(**changes: object) -> Unmapped:
    refused = map_customer(CustomerSnapshot.model_validate({**SOURCE.model_dump(), **changes}))
    assert isinstance(refused, Unmapped)
    return refused


def _rules(wanted: CustomerWanted) -> list[tuple[str, str]]:
    return [(note.field, note.rule) for note in wanted.notes]


def test_a_full_customer_arrives_in_all_thirteen_fields() -> None:
    wanted = map_customer(
        CustomerSnapshot(
            customer_number=20418,
            name="Kárášjoga Bilverksted AS",
            is_inactive=True,
            organization_number="912 345 678",
            currency_code="EUR",
            invoices_due_in=10,
            invoices_due_in_type="DAYS",
            postal_address=PostalAddress(
                address_line1="c/o Regnskap Nord",
                address_line2="Postboks 12 Sentrum",
                postal_code="0101",
                city="OSLO",
                country_code="NO",
            ),
            phone_number="78 00 00 00",
            email="post@verksted.example",
            website="https://verksted.example",
        )
    )

    assert isinstance(wanted, CustomerWanted)
    assert wanted.model_dump(by_alias=True) == {
        "customerNumber": 20418,
        "name": "Kárášjoga Bilverksted AS",
        "active": False,
        "organizationNumber": "912 345 678",
        "currency": "EUR",
        "paymentTermDays": 10,
        "invoiceAddress": {
            "line1": "c/o Regnskap Nord",
            "line2": "Postboks 12 Sentrum",
            "postalCode": "0101",
            "city": "OSLO",
            "country": "NO",
        },
        "phone1": "78 00 00 00",
        "email1": "post@verksted.example",
        "website": "https://verksted.example",
        "notes": (),
    }


@pytest.mark.parametrize("absent", [None, "", "  "], ids=["null", "empty", "blanks"])
def test_null_empty_and_missing_all_mean_absent(absent: str | None) -> None:
    wanted = _mapped(
        organization_number=absent,
        phone_number=absent,
        phone_number_mobile=absent,
        email=absent,
        invoice_email=absent,
        website=absent,
        postal_address=PostalAddress(address_line1=absent, city=absent, country_code=absent),
    )

    assert wanted == _mapped()


def test_a_customer_without_a_currency_gets_the_home_currency_and_a_note() -> None:
    wanted = _mapped(currency_code=None)

    assert wanted.currency == "NOK"
    assert _rules(wanted) == [("currency.code", "currency_default")]


@pytest.mark.parametrize("name", [None, "", " \t "], ids=["null", "empty", "blanks"])
def test_a_customer_without_a_name_is_unmappable(name: str | None) -> None:
    refused = _refused(name=name)

    assert (refused.reason, refused.field) == (Reason.NAME_MISSING, "name")


@pytest.mark.parametrize("code", ["nok", "NO", "EURO", "N0K", "ÅÅÅ"])
def test_a_currency_that_is_not_three_capitals_is_unmappable(code: str) -> None:
    refused = _refused(currency_code=code)

    assert (refused.reason, refused.field) == (Reason.CURRENCY_INVALID, "currency.code")


def test_zero_days_is_a_term_and_absent_is_none() -> None:
    assert _mapped(invoices_due_in=0, invoices_due_in_type="DAYS").payment_term_days == 0
    assert _mapped(invoices_due_in=None, invoices_due_in_type="DAYS").payment_term_days is None


def test_a_term_over_a_year_is_left_out_and_shown_with_its_unit() -> None:
    wanted = _mapped(invoices_due_in=500, invoices_due_in_type="DAYS")

    assert wanted.payment_term_days is None
    assert wanted.notes == (MappingNote(field="invoicesDueIn", rule="days_out_of_range", was="500", now=None),)


def test_a_term_in_months_is_noted_with_both_values() -> None:
    assert _mapped(invoices_due_in=12, invoices_due_in_type="MONTHS").notes == (
        MappingNote(field="invoicesDueIn", rule="months_as_days", was="12 MONTHS", now="360"),
    )


def test_every_bad_optional_field_is_left_out_and_named_while_the_customer_arrives() -> None:
    phone = "77 10 20 30 (resepsjon) / 400 50 600 vakt"
    website = "https://www.example.no/" + "b" * 220

    wanted = _mapped(email="kontor@lager", phone_number=phone, website=website)

    assert (wanted.email1, wanted.phone1, wanted.website) == ("kontor@lager", None, None)
    assert [(note.field, note.was, note.now) for note in wanted.notes] == [
        ("phoneNumber", phone, None),
        ("website", website, None),
    ]


def test_a_phone_number_that_is_too_long_is_not_replaced_by_the_mobile_number() -> None:
    wanted = _mapped(phone_number="7" * 31, phone_number_mobile="40000000")

    assert wanted.phone1 is None


@pytest.mark.parametrize(
    "number",
    ["NO 912 345 678 MVA", "912.345.678", "912 345 678", "９１２３４５６７８", "556012-0001", "912345670"],
)
def test_an_organisation_number_arrives_as_people_write_it(number: str) -> None:
    wanted = _mapped(organization_number=number)

    assert wanted.organization_number == number
    assert wanted.notes == ()


@pytest.mark.parametrize("code", ["AN", "BV", "SJ", "XK", "AE"])
def test_a_country_that_a_table_may_lack_travels_as_given(code: str) -> None:
    wanted = _mapped(postal_address=PostalAddress(country_code=code))

    assert wanted.invoice_address is not None
    assert wanted.invoice_address.country == code


@pytest.mark.parametrize("postcode", ["0001", "101", "N-0150", "BT1 5GS"])
def test_a_postcode_keeps_its_zeros_and_letters(postcode: str) -> None:
    wanted = _mapped(postal_address=PostalAddress(postal_code=postcode))

    assert wanted.invoice_address is not None
    assert wanted.invoice_address.postal_code == postcode


def test_an_empty_first_line_does_not_pull_the_second_up() -> None:
    wanted = _mapped(postal_address=PostalAddress(address_line1="", address_line2="Kaia 9"))

    assert wanted.invoice_address is not None
    assert (wanted.invoice_address.line1, wanted.invoice_address.line2) == (None, "Kaia 9")


def test_line_breaks_in_an_address_line_are_joined_without_blank_lines() -> None:
    wanted = _mapped(postal_address=PostalAddress(address_line1="Avd. drift\r\n\r\n Bygg 9 \nDør D"))

    assert wanted.invoice_address is not None
    assert wanted.invoice_address.line1 == "Avd. drift, Bygg 9, Dør D"
    assert _rules(wanted) == [("postalAddress.addressLine1", "line_breaks_joined")]


def test_address_lines_of_a_hundred_characters_fit_and_longer_ones_are_left_out() -> None:
    wanted = _mapped(postal_address=PostalAddress(address_line1="a" * 100, address_line2="b" * 101))

    assert wanted.invoice_address is not None
    assert (wanted.invoice_address.line1, wanted.invoice_address.line2) == ("a" * 100, None)
    assert _rules(wanted) == [("postalAddress.addressLine2", "too_long")]


@pytest.mark.parametrize(
    ("name", "arrives"),
    [
        ("Å" * 120, "Å" * 120),
        ("Å" * 121, "Å" * 120),
        ("x" * 119 + "e" + COMBINING_ACUTE, "x" * 119),
        ("x" * 118 + "e" + COMBINING_ACUTE, "x" * 118 + "e" + COMBINING_ACUTE),
        ("x" * 118 + "👩‍🚒", "x" * 118),
        ("x" * 119 + "🐟", "x" * 119 + "🐟"),
        ("x" * 119 + " AS", "x" * 119),
        ("e" + COMBINING_ACUTE * 130, "e" + COMBINING_ACUTE * 119),
    ],
    ids=["fits", "one over", "mark is 121st", "mark is 120th", "family", "emoji", "blank at the cut", "one huge"],
)
def test_a_name_is_cut_at_a_grapheme_and_never_inside_one(name: str, arrives: str) -> None:
    wanted = _mapped(name=name)

    assert wanted.name == arrives
    assert _rules(wanted) == ([] if arrives == name else [("name", "cut_to_limit")])


@pytest.mark.parametrize("name", ["BlÃ¥bÃ¦r AS", "R�r AS", "Fiskebåt 🐟 AS", "שלום AS", "Ráissa Ŋálbmi"])
def test_text_travels_unchanged_and_nothing_is_guessed(name: str) -> None:
    assert _mapped(name=name).name == name


def test_a_note_holds_at_most_three_hundred_characters() -> None:
    note = _mapped(website="w" * 1000).notes[0]

    assert note.was == "w" * 300
