"""Realistic Norwegian customers out of a seeded generator.

Owns the data and its look: names with æ, ø, å and Sámi letters, postcodes that fit their towns, organisation numbers
with a valid check digit (MOD11), the payment terms that occur. Every customer and every edit is unlike every other, so
that the content alone tells the version. Nobody in here exists.
"""

import random
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Final

from bridge.testkit.simulator_answers import Json, JsonObject

_PLACES: Final = (
    ("0150", "Oslo"),
    ("1606", "Fredrikstad"),
    ("2615", "Lillehammer"),
    ("3044", "Drammen"),
    ("3724", "Skien"),
    ("4006", "Stavanger"),
    ("5003", "Bergen"),
    ("6003", "Ålesund"),
    ("7011", "Trondheim"),
    ("7374", "Røros"),
    ("8006", "Bodø"),
    ("8370", "Leknes"),
    ("9008", "Tromsø"),
    ("9510", "Alta"),
    ("9520", "Guovdageaidnu"),
    ("9730", "Kárášjohka"),
    ("9900", "Kirkenes"),
)
_STREETS: Final = (
    "Storgata",
    "Sjøgata",
    "Kirkegata",
    "Fjellveien",
    "Åsveien",
    "Bryggeveien",
    "Ænesvegen",
    "Boaresmárkan",
    "Ávjovárgeaidnu",
    "Strandgata",
    "Industriveien",
    "Øvre Torg",
)
_FIRST: Final = (
    "Åse",
    "Bjørn",
    "Kåre",
    "Øystein",
    "Sølvi",
    "Ingrid",
    "Máret",
    "Áilu",
    "Jovnna",
    "Ánte",
    "Sigrid",
    "Håkon",
    "Ædny",
    "Torbjørg",
)
_LAST: Final = (
    "Ødegård",
    "Nordås",
    "Sæther",
    "Bjørnstad",
    "Eira",
    "Utsi",
    "Gaup",
    "Kjærstad",
    "Hætta",
    "Åsen",
    "Løvold",
    "Grønnslett",
    "Čearrál",
)
_TRADES: Final = (
    "Fisk",
    "Bygg",
    "Rørservice",
    "Bakeri",
    "Sveis",
    "Maskin",
    "Regnskap",
    "Blomster",
    "Elektro",
    "Reinkjøtt",
    "Duodji",
    "Transport",
    "Båtservice",
    "Trælast",
)
_FORMS: Final = ("AS", "AS", "AS", "ANS", "SA", "ENK")
_TERMS: Final = ((14, "DAYS"), (14, "DAYS"), (30, "DAYS"), (0, "DAYS"), (45, "DAYS"), (1, "MONTHS"), (2, "MONTHS"))
_CURRENCIES: Final = ("NOK", "NOK", "NOK", "NOK", "NOK", "NOK", "SEK", "EUR")
_WEIGHTS: Final = (3, 2, 7, 6, 5, 4, 3, 2)
_LETTERS: Final = str.maketrans({"æ": "ae", "ø": "o", "å": "a", "đ": "d", "ŋ": "n", "ŧ": "t"})


class Register:
    """Makes customers and edits; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)  # noqa: S311 (the same data again, nothing secret)
        self._numbers = count(1)

    def customers(self, how_many: int, *, first_number: int) -> list[JsonObject]:
        """Return new customers as the simulators' admin door takes them, with ascending numbers."""
        return [self._customer(first_number + index) for index in range(how_many)]

    def edits(self) -> Iterator[JsonObject]:
        """Return edits without end, each unlike all others: a phone, an e-mail address, a street, a website."""
        for turn in count():
            serial = next(self._numbers)
            match turn % 4:
                case 0:
                    yield {"phoneNumber": _phone(2_000_0000 + serial)}
                case 1:
                    yield {"email": f"post{serial}@kunde.example"}
                case 2:
                    yield {"postalAddress": self._address(serial)}
                case _:
                    yield {"website": f"https://www.kunde{serial}.example"}

    def _customer(self, number: int) -> JsonObject:
        serial = next(self._numbers)
        private = self._rng.random() < 0.15
        name = self._person() if private else self._firm()
        days, kind = self._rng.choice(_TERMS)
        slug = _plain(name)
        customer: dict[str, Json] = {
            "customerNumber": number,
            "name": name,
            "isPrivateIndividual": private,
            "organizationNumber": "" if private else self._organisation_number(),
            "email": f"{slug}.{serial}@kunde.example",
            "phoneNumber": "" if self._rng.random() < 0.3 else _phone(self._rng.randrange(2_200_0000, 7_999_9999)),
            "phoneNumberMobile": _phone(self._rng.randrange(9_000_0000, 9_999_9999)),
            "website": "" if private else f"https://www.{slug}.example",
            "postalAddress": self._address(serial),
            "invoicesDueIn": days,
            "invoicesDueInType": kind,
            "currency": self._rng.choice(_CURRENCIES),
        }
        if self._rng.random() < 0.2:  # the first of several invoice addresses counts where there is no other
            customer["email"] = ""
            customer["invoiceEmail"] = f"faktura.{serial}@kunde.example; arkiv@kunde.example"
        return customer

    def _person(self) -> str:
        return f"{self._rng.choice(_FIRST)} {self._rng.choice(_LAST)}"

    def _firm(self) -> str:
        owner = self._rng.choice((self._rng.choice(_LAST), self._rng.choice(_PLACES)[1]))
        return f"{owner} {self._rng.choice(_TRADES)} {self._rng.choice(_FORMS)}"

    def _address(self, serial: int) -> JsonObject:
        code, city = self._rng.choice(_PLACES)
        return {
            "addressLine1": f"{self._rng.choice(_STREETS)} {serial}",
            "addressLine2": self._rng.choice(("", "", "Postboks 12", "Bygg Ø, 2. etasje")),
            "postalCode": code,
            "city": city,
            "country": "NO",
        }

    def _organisation_number(self) -> str:
        while True:
            digits = [self._rng.choice((8, 9)), *(self._rng.randrange(10) for _ in range(7))]
            check = check_digit(digits)
            if check is not None:
                return "".join(map(str, (*digits, check)))


def check_digit(digits: Sequence[int]) -> int | None:
    """Return the MOD11 check digit of an organisation number's first eight digits; None if it has none."""
    rest = sum(weight * digit for weight, digit in zip(_WEIGHTS, digits, strict=True)) % 11
    return None if rest == 1 else (11 - rest) % 11


def _phone(number: int) -> str:
    digits = f"{number:08d}"
    return f"+47 {digits[:2]} {digits[2:4]} {digits[4:6]} {digits[6:]}"


def _plain(name: str) -> str:
    text = unicodedata.normalize("NFKD", name.lower().translate(_LETTERS))
    return "".join(letter for letter in text if letter.isascii() and letter.isalnum())
