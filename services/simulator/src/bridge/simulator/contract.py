"""Checks every incoming request against the OpenAPI documents.

Owns the verdict, never the answer: Tripletex itself ignores a parameter it does not know, so a broken
request is recorded and served as usual. Texts name places and rules, never values, which may be secret.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import yaml
from openapi_schema_validator import OAS30Validator

from bridge.simulator.exchange import Json, JsonObject, Request, as_list, as_object
from bridge.simulator.log import Entry

DOCUMENTS: Mapping[str, str] = {"tripletex": "tripletex-openapi.json", "oc2": "oc2-openapi.yaml"}
_MAX_BREACHES = 40


class _Finding(Protocol):
    json_path: str
    validator: str


class SchemaCheck(Protocol):
    """What this module needs of a schema validator."""

    def iter_errors(self, instance: object) -> Iterable[_Finding]:
        """Every breach of the schema."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One breach of a contract document by one request."""

    seq: int
    system: str
    scope: str | None
    method: str
    path: str
    problem: str

    def as_json(self) -> JsonObject:
        """The violation as the admin door shows it."""
        return {
            "seq": self.seq,
            "system": self.system,
            "scope": self.scope,
            "method": self.method,
            "path": self.path,
            "problem": self.problem,
        }


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path of a document."""

    parameters: tuple[JsonObject, ...]
    body: SchemaCheck | None
    body_required: bool


@dataclass(frozen=True, slots=True)
class Document:
    """One OpenAPI document, its path templates as patterns, the literal ones first."""

    paths: tuple[tuple[re.Pattern[str], Mapping[str, Operation]], ...]
    root: JsonObject

    def operations(self, path: str) -> Mapping[str, Operation] | None:
        """The operations of the path, None if the document does not have it."""
        return next((methods for pattern, methods in self.paths if pattern.fullmatch(path)), None)

    def schema(self, schema: JsonObject) -> SchemaCheck:
        """A validator for a schema that may refer to the document's components."""
        return schema_check(schema, self.root)


def schema_check(schema: JsonObject, root: JsonObject) -> SchemaCheck:
    """A validator for a schema whose references point into the document `root`."""
    check: SchemaCheck = OAS30Validator({**schema, "components": root.get("components", {})})
    return check


def load_document(path: Path) -> Document:
    """Read a JSON or YAML document."""
    text = path.read_text(encoding="utf-8")
    root = as_object(yaml.safe_load(text) if path.suffix == ".yaml" else json.loads(text))
    paths = as_object(root.get("paths"))
    ordered = sorted(paths, key=lambda template: template.count("{"))
    return Document(
        tuple((_pattern(template), _operations(as_object(paths[template]), root)) for template in ordered),
        root,
    )


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{[^}]*\}", template)
    return re.compile("[^/]+".join(re.escape(part) for part in parts))


def _operations(item: JsonObject, root: JsonObject) -> dict[str, Operation]:
    shared = as_list(item.get("parameters"))
    return {
        method.upper(): _operation(as_object(operation), shared, root)
        for method, operation in item.items()
        if method != "parameters"
    }


def _operation(operation: JsonObject, shared: list[Json], root: JsonObject) -> Operation:
    body = as_object(operation.get("requestBody"))
    contents = list(as_object(body.get("content")).values())
    schema = as_object(as_object(contents[0]).get("schema")) if contents else {}
    return Operation(
        tuple(as_object(parameter) for parameter in [*shared, *as_list(operation.get("parameters"))]),
        schema_check(schema, root) if schema else None,
        body.get("required") is True,
    )


@dataclass(slots=True)
class Checker:
    """The documents, if there are any, and all violations so far."""

    documents: Mapping[str, Document] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)

    def check(self, request: Request, entry: Entry) -> None:
        """Record every breach; nothing happens for a system without a document."""
        document = self.documents.get(entry.system)
        if document is None:
            return
        for problem in problems(document, request, system=entry.system):
            self.violations.append(Violation(entry.seq, entry.system, entry.scope, entry.method, entry.path, problem))


def load_documents(folder: Path) -> dict[str, Document]:
    """The documents of both systems from one folder."""
    return {system: load_document(folder / name) for system, name in DOCUMENTS.items()}


def problems(document: Document, request: Request, *, system: str) -> list[str]:
    """What is wrong with the request by the document, as sentences without values."""
    operations = document.operations(request.path)
    if operations is None:
        return ["the path is not in the document"]
    operation = operations.get(request.method)
    if operation is None:
        return ["the method is not in the document for this path"]
    return [
        *_query_problems(operation, request),
        *_header_problems(operation, request, system),
        *_body_problems(operation, request),
    ]


def _query_problems(operation: Operation, request: Request) -> list[str]:
    declared = {str(item["name"]): item for item in operation.parameters if item.get("in") == "query"}
    found = [f"query parameter {name} is not declared" for name in request.query if name not in declared]
    for name, parameter in declared.items():
        values = request.query.get(name, ())
        if parameter.get("required") is True and not values:
            found.append(f"query parameter {name} is required")
        if len(values) > 1:
            found.append(f"query parameter {name} is given more than once")
        if any(not _fits(value, as_object(parameter.get("schema"))) for value in values):
            found.append(f"query parameter {name} breaks its schema")
    return found


def _fits(text: str, schema: JsonObject) -> bool:
    value: Json = text
    if schema.get("type") == "boolean":
        value = {"true": True, "false": False}.get(text)
    elif schema.get("type") in ("integer", "number"):
        value = int(text) if re.fullmatch(r"-?\d+", text) else None
    return value is not None and not list(schema_check(schema, {}).iter_errors(value))


def _header_problems(operation: Operation, request: Request, system: str) -> list[str]:
    found = []
    for parameter in operation.parameters:
        value = request.headers.get(str(parameter.get("name")).lower())
        given = parameter.get("in") == "header" and value is not None
        if given and not _fits(value or "", as_object(parameter.get("schema"))):
            found.append(f"header {parameter.get('name')} breaks its schema")
    if system == "oc2" and "x-api-key" not in request.headers:
        found.append("header X-Api-Key is missing")
    signed_in = request.headers.get("authorization", "").startswith("Basic ")
    if system == "tripletex" and not signed_in and not _needs_no_session(request):
        found.append("header Authorization is not Basic")
    return found


def _needs_no_session(request: Request) -> bool:
    return request.path.startswith("/token/session/") and request.path != "/token/session/>whoAmI"


def _body_problems(operation: Operation, request: Request) -> list[str]:
    if operation.body is None:
        return ["a body is not declared"] if request.body else []
    if not request.body:
        return ["the body is required"] if operation.body_required else []
    found = []
    if not request.headers.get("content-type", "").startswith("application/json"):
        found.append("the body's content type is not application/json")
    try:
        document = request.json()
    except ValueError:
        return [*found, "the body is not JSON"]
    breaches = [f"body {error.json_path}: breaks {error.validator}" for error in operation.body.iter_errors(document)]
    return [*found, *breaches[:_MAX_BREACHES]]
