"""Sessions: create, delete, who am I, and the check of the Authorization header.

Owns the session rules: a date as expiry that ends at Norwegian midnight at its START, tokens opaque.
It must not know customers.
"""

import base64
import binascii
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from bridge.simulator.clock import Clock
from bridge.simulator.exchange import JsonObject, NotJsonError, Request, as_object
from bridge.simulator.tripletex import errors
from bridge.simulator.tripletex.errors import Message
from bridge.simulator.tripletex.state import Company, Session, SessionStyle, new_id


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling: a live session and its company."""

    company: Company
    session: Session


def basic_credentials(header: str | None) -> tuple[str, str] | None:
    """User name and password of a Basic header; None if it is missing or malformed."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (user, password) if colon else None


def authenticate(companies: Mapping[int, Company], header: str | None, clock: Clock) -> Caller:
    """The caller behind an Authorization header.

    Raises:
        TripletexError: 401/3000 without a live session; 403/9000 if the user name is another company.
    """
    credentials = basic_credentials(header)
    caller = find_caller(companies, header)
    if credentials is None or caller is None:
        raise errors.unauthorized()
    revoked = caller.session.employee_token in caller.company.revoked
    if revoked or clock.oslo_date() >= caller.session.expires_on:
        raise errors.unauthorized()
    if credentials[0] not in ("", "0", str(caller.company.id)):
        raise errors.forbidden()
    return caller


def find_caller(companies: Mapping[int, Company], header: str | None) -> Caller | None:
    """The company and session that a header names, dead or alive."""
    credentials = basic_credentials(header)
    if credentials is None:
        return None
    for company in companies.values():
        session = company.sessions.get(credentials[1])
        if session is not None:
            return Caller(company, session)
    return None


def create_session(companies: Mapping[int, Company], request: Request, clock: Clock) -> tuple[Company, JsonObject]:
    """A new session from a JSON body (POST) or from query parameters (PUT, deprecated).

    Returns:
        The company, and the `value` of the answer.

    Raises:
        TripletexError: 422/18000 with `arg:consumerToken`, `arg:employeeToken` or `expirationDate`.
    """
    values = _session_values(request)
    for name in ("consumerToken", "employeeToken", "expirationDate"):
        if not values.get(name):
            message = Message(name, "Kan ikke være null.", path=f"null.{name}")
            raise errors.validation((message,), business_rule=False)
    company = _company_of(companies, values["consumerToken"], values["employeeToken"])
    expires_on = _expiry(values["expirationDate"], clock)
    if company.settings.single_session:
        company.sessions.clear()
    token = new_token(company.settings.session_style)
    company.sessions[token] = Session(token, values["employeeToken"], expires_on)
    company.sessions_created += 1
    return company, {
        "id": new_id(),
        "version": 0,
        "consumerToken": {"id": company.id * 10 + 2},
        "employeeToken": {"id": company.id * 10 + 3},
        "expirationDate": expires_on.isoformat(),
        "token": token,
        "encryptionKey": None,
    }


def _session_values(request: Request) -> dict[str, str]:
    if request.method == "PUT":
        return {name: values[0] for name, values in request.query.items()}
    try:
        body = as_object(request.json())
    except NotJsonError as cause:
        raise errors.invalid_json() from cause
    unknown = tuple(
        Message(name, "Feltet eksisterer ikke i objektet.")
        for name in body
        if name not in ("consumerToken", "employeeToken", "expirationDate")
    )
    if unknown:
        raise errors.mapping_failed(unknown)
    return {name: value for name, value in body.items() if isinstance(value, str)}


def _company_of(companies: Mapping[int, Company], consumer_token: str, employee_token: str) -> Company:
    if all(company.settings.consumer_token != consumer_token for company in companies.values()):
        raise errors.validation((Message("arg:consumerToken", "Ugyldig consumer token."),))
    for company in companies.values():
        if company.settings.employee_token == employee_token and employee_token not in company.revoked:
            if company.settings.consumer_token != consumer_token:
                raise errors.validation((Message("arg:consumerToken", "Ugyldig consumer token."),))
            return company
    raise errors.validation((Message("arg:employeeToken", "Ugyldig employee token."),))


def _expiry(text: str, clock: Clock) -> date:
    try:
        expires_on = date.fromisoformat(text)
    except ValueError as cause:
        message = Message("expirationDate", "Verdien er ikke av korrekt type for dette feltet.")
        raise errors.validation((message,)) from cause
    if expires_on <= clock.oslo_date():
        raise errors.validation((Message("expirationDate", "Datoen må være etter dagens dato."),))
    return expires_on


def new_token(style: SessionStyle) -> str:
    """A session token in one of the forms that tokens have been seen to take."""
    letters = "".join(secrets.choice(string.ascii_letters) for _ in range(32))
    match style:
        case SessionStyle.LETTERS:
            return letters
        case SessionStyle.TEST_PREFIX:
            return f"test-{letters}"
        case SessionStyle.BASE64:
            return f"+/{base64.b64encode(letters.encode()).decode()}"
        case SessionStyle.LONG:
            return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(600))
        case SessionStyle.COLON:
            return f"{letters[:16]}:{letters[16:]}"


def who_am_i(caller: Caller) -> JsonObject:
    """The session's owner and company."""
    company = caller.company
    return {
        "employeeId": company.employee_id,
        "actualEmployeeId": company.employee_id,
        "employee": {"id": company.employee_id, "version": 1, "displayName": "API"},
        "companyId": company.id,
        "company": {
            "id": company.id,
            "version": 1,
            "name": company.settings.name,
            "displayName": company.settings.name,
            "organizationNumber": "",
        },
        "language": company.settings.language,
        "loggedInWithConnect": False,
        "employeeIsProxy": False,
    }
