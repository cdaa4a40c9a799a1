"""The tenant file: what is read, what is refused, and that errors name the key's path and never a value."""

from pathlib import Path

import pytest
import yaml

from bridge.contracts.identity import Flow
from bridge.tenancy.file import TenantFile, TenantFileError, parse_tenant_file, read_tenant_file

_GOOD = """
tenants:
  - id: fjord-as
    name: Fjord Logistikk AS
    poll_interval: 30
    tripletex:
      base_url: https://tripletex.no/v2/
      company_id: 4711
      consumer_token: {file: /run/secrets/consumer}
      employee_token: {env: FJORD_EMPLOYEE}
    oc2:
      base_url: https://Fjord.OC2.example/api
      api_key: {file: /run/secrets/fjord-oc2}
"""


def _parse(text: str, *, allow_loopback: bool = False) -> TenantFile:
    return parse_tenant_file(text, name="tenants.yaml", allow_loopback=allow_loopback)


def test_a_good_file_is_read_with_its_defaults() -> None:
    [tenant] = _parse(_GOOD).tenants

    assert (tenant.id, tenant.name, tenant.paused, tenant.poll_interval) == (
        "fjord-as",
        "Fjord Logistikk AS",
        False,
        30,
    )
    assert tenant.flows == (Flow.CUSTOMERS,)
    assert tenant.tripletex.base_url == "https://tripletex.no/v2"
    assert tenant.tripletex.employee_token.env == "FJORD_EMPLOYEE"
    assert tenant.oc2.base_url == "https://fjord.oc2.example/api"
    assert tenant.oc2.host == "fjord.oc2.example"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        pytest.param("name:", "nmae:", "tenants[0].nmae: unknown key", id="unknown-key"),
        pytest.param(
            "company_id:", "companyId:", "tenants[0].tripletex.companyId: unknown key", id="unknown-inner-key"
        ),
        pytest.param("      company_id: 4711\n", "", "tenants[0].tripletex.company_id: missing", id="missing-key"),
        pytest.param("company_id: 4711", "company_id: '4711'", "tenants[0].tripletex.company_id: ", id="id-as-text"),
        pytest.param("id: fjord-as", "id: Fjord AS", "tenants[0].id: ", id="id-form"),
        pytest.param("id: fjord-as", "id: 12", "tenants[0].id: ", id="id-number"),
        pytest.param("poll_interval: 30", "poll_interval: 0", "tenants[0].poll_interval: ", id="interval-zero"),
        pytest.param("poll_interval: 30", "paused: 'yes'", "tenants[0].paused: ", id="paused-as-text"),
        pytest.param("poll_interval: 30", "flows: [orders]", "flows[0]", id="unknown-flow"),
        pytest.param("poll_interval: 30", "flows: []", "tenants[0].flows: the list is empty", id="no-flows"),
        pytest.param("poll_interval: 30", "flows: invoices", "tenants[0].flows: a list is expected", id="flow-as-text"),
        pytest.param("poll_interval: 30", "flows: [customers, customers]", "named twice", id="flow-twice"),
        pytest.param("{file: /run/secrets/consumer}", "hunter2", "tripletex.consumer_token: ", id="secret-pasted"),
        pytest.param(
            "{env: FJORD_EMPLOYEE}", "{value: hunter2}", "employee_token.value: unknown key", id="secret-value"
        ),
        pytest.param(
            "{env: FJORD_EMPLOYEE}", "{env: hunter2 x}", "name of an environment variable", id="variable-name"
        ),
        pytest.param("/run/secrets/consumer", "hunter2", "'file' must be an absolute path", id="relative-path"),
        pytest.param("{env: FJORD_EMPLOYEE}", "{}", "exactly one of 'file' and 'env'", id="no-place"),
        pytest.param("    name: ", "    name: x\n    name: ", "key 'name' appears twice at line 5", id="key-twice"),
        pytest.param("tenants:", "tenants: hunter2:", "not valid YAML", id="syntax"),
        pytest.param("tenants:", "tenant:", "tenants: missing", id="no-tenants"),
        pytest.param(
            "https://tripletex.no/v2/",
            "https://user:hunter2@tripletex.no",
            "tenants[0].tripletex.base_url",
            id="userinfo",
        ),
    ],
)
def test_an_error_names_the_keys_path_and_no_value(old: str, new: str, problem: str) -> None:
    assert old in _GOOD

    with pytest.raises(TenantFileError) as caught:
        _parse(_GOOD.replace(old, new, 1))

    assert problem in str(caught.value)
    assert "tenants.yaml" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_problem_is_told_at_once() -> None:
    bad = _GOOD.replace("name:", "nmae:").replace("4711", "0")

    with pytest.raises(TenantFileError) as caught:
        _parse(bad)

    for path in ("tenants[0].nmae", "tenants[0].name", "tenants[0].tripletex.company_id"):
        assert f"{path}: " in str(caught.value)


def test_the_same_id_twice_is_refused() -> None:
    doubled = yaml.safe_load(_GOOD)
    doubled["tenants"] *= 2

    with pytest.raises(TenantFileError, match="tenant fjord-as is declared twice"):
        _parse(yaml.safe_dump(doubled))


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TenantFileError, match=r"missing\.yaml cannot be read"):
        read_tenant_file(tmp_path / "missing.yaml")


def test_a_byte_order_mark_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "tenants.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + _GOOD.encode())

    assert len(read_tenant_file(path).tenants) == 1


def test_yaml_tags_construct_nothing() -> None:
    with pytest.raises(TenantFileError, match="not valid YAML"):
        _parse("tenants: !!python/object/apply:os.system ['true']")


def test_an_empty_file_is_refused_in_words_of_the_file() -> None:
    with pytest.raises(TenantFileError, match=r"\(the whole file\): keys with values are expected here\.$"):
        _parse("")


def test_a_misspelt_flow_is_one_problem_and_not_an_empty_list_too() -> None:
    with pytest.raises(TenantFileError, match=r"flows\[0\]: Input should be 'customers' or 'invoices'\.$"):
        _parse(_GOOD.replace("poll_interval: 30", "flows: [invoice]", 1))
