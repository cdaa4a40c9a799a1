"""The names of gates, as people type them."""

import pytest

from bridge.console.application.gates import gate_key
from bridge.runtime.errors import ConfigurationError
from bridge.tenancy.gates import GateScope


@pytest.mark.parametrize(
    ("scope", "subject", "tenant"),
    [
        (GateScope.HOST, "tripletex.no", None),
        (GateScope.SYSTEM, "acme/oc2", "acme"),
        (GateScope.FLOW, "acme/customers", "acme"),
        (GateScope.SOURCE, "acme/customers", "acme"),
    ],
    ids=str,
)
def test_a_gate_is_known_by_its_scope_and_subject(scope: GateScope, subject: str, tenant: str | None) -> None:
    key = gate_key(scope, subject)

    assert (key.scope, key.subject, key.tenant) == (scope, subject, tenant)


@pytest.mark.parametrize(
    ("scope", "subject"),
    [
        (GateScope.HOST, ""),
        (GateScope.HOST, "a/b"),
        (GateScope.SYSTEM, "acme/customers"),
        (GateScope.FLOW, "/customers"),
    ],
    ids=str,
)
def test_a_subject_of_another_form_is_refused_with_an_example(scope: GateScope, subject: str) -> None:
    with pytest.raises(ConfigurationError, match="such as"):
        gate_key(scope, subject)
