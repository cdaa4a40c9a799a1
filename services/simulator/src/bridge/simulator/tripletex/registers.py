"""Tripletex's country and currency registers.

Owns ids and codes. The first 100 countries and all currencies have the ids of the recorded answers, and
Norway is 161 as customers show; ids of other countries are this simulator's choice.
"""

from bridge.simulator.exchange import Json, JsonObject, words

_RECORDED_COUNTRIES = words(
    "AD AE AF AG AI AL AM AN AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BM BN BO BR BS BT BV BW BY"
    " BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ"
    " FK FM FO FR GA GB GD GE GF GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL"
)
_OTHER_COUNTRIES = words(
    "IN IO IQ IR IS IT JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD MG"
    " MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG"
    " PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR ST SV SY"
    " SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE"
    " YT ZA ZM ZW"
)
# The recorded register has one code with a slash and a blank in it; the blank is put back below.
_CURRENCIES = words(
    "NOK SEK DKK USD EUR GBP CHF JPY AUD BHD BGN CAD EGP EEK PHP AED HKD INR IDR ISK ILS KES CNY HRK KWD CYP"
    " LVL LTL MLT MAD NZD PKR PLN QAR RUB SAR SGD SKK ZAR KRW TWD TZS THB CZK TND TRY HUF GRD SIT ATS BEF/LUF"
    " DEM ESP FIM FRF IEP ITL NLG PTE MTL ROL TRL XDR XEU BRL MXN MYR RON VND BYR BYN BDT MMK ALL KPW"
    " UAH LKR OMR I44 TWI AZN ARS UGX PGK"
)
_PER_HUNDRED = frozenset({"SEK", "DKK", "CHF", "JPY"})
NORWAY_ID = 161


def _country(number: int, code: str) -> JsonObject:
    return {
        "id": number,
        "version": 2,
        "name": code,
        "displayName": code,
        "isoAlpha2Code": code,
        "isoAlpha3Code": f"{code}X",
        "isoNumericCode": f"{number:03d}",
        "changes": [],
    }


def _countries() -> dict[str, JsonObject]:
    recorded = {code: _country(number, code) for number, code in enumerate(_RECORDED_COUNTRIES, start=1)}
    free = [number for number in range(len(recorded) + 1, 400) if number != NORWAY_ID]
    others = [code for code in _OTHER_COUNTRIES if code != "NO"]
    rest = {code: _country(number, code) for number, code in zip(free, others, strict=False)}
    return {**recorded, "NO": _country(NORWAY_ID, "NO"), **rest}


def _currency(number: int, code: str) -> JsonObject:
    return {
        "id": number,
        "version": 0 if code == "NOK" else 2,
        "code": code,
        "description": code,
        "factor": 100 if code in _PER_HUNDRED else 1,
        "displayName": code,
        "isDisabled": False,
        "changes": [],
    }


COUNTRIES = _countries()
CURRENCIES = {
    code.replace("/", "/ "): _currency(number, code.replace("/", "/ "))
    for number, code in enumerate(_CURRENCIES, start=1)
}


def find(register: dict[str, JsonObject], code_field: str, wanted: Json) -> JsonObject | None:
    """The entry that a reference means, or None.

    A reference is a code, an object with a code, or an object with an id.
    """
    if isinstance(wanted, str):
        return register.get(wanted)
    if not isinstance(wanted, dict):
        return None
    code = wanted.get(code_field)
    if isinstance(code, str):
        return register.get(code)
    number = wanted.get("id")
    return next((entry for entry in register.values() if entry["id"] == number), None)
