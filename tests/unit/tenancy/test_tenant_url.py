"""Addresses in a tenant file: none leads into the inner network (T23)."""

import pytest

from bridge.tenancy.url import TRIPLETEX_DOMAINS, check_url


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/",
        "https://user:pw@tripletex.no/v2",
        "http://localhost:5432",
        "https://tripletex.no.evil.example/v2",
        "https://[::ffff:10.0.0.5]/v2",
        "https://tripletex.no/v2/../../x",
        "https://tripletex.no@evil.example/v2",
        "https://tripletex.no\\@evil.example/v2",
        "https://eviltripletex.no/v2",
        "https://tripletex.no/v2?x=1",
        "https://tripletex.no/v2?",
        "https://tripletex.no/v2#x",
        "https://tripletex.no:99999/v2",
        "https://tripletex.no/%2e%2e/x",
        "http://tripletex.no/v2",
        "tripletex.no/v2",
        "file:///etc/passwd",
        "https:///v2",
        "https://tripletex.nо/v2",
        "https://tripletex.no/v 2",
        "https://tripletex.no/\tv2",
        "https://8.8.8.8/v2",
        "",
    ],
)
def test_what_is_no_public_tripletex_address_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValueError) as caught:
        check_url(url, allow_loopback=False, domains=TRIPLETEX_DOMAINS)

    assert url == "" or url not in str(caught.value)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://10.0.0.5",
        "https://192.168.1.1/api",
        "https://127.0.0.1",
        "https://127.1",
        "https://2130706433",
        "https://0x7f.0.0.1",
        "https://0x7f.1",
        "https://[::1]",
        "https://[fe80::1]",
        "https://[fd00::1]/x",
        "https://[::ffff:127.0.0.1]",
        "https://0.0.0.0",
        "https://100.64.0.1",
        "https://localhost",
        "https://postgres",
        "https://oc2.",
        "https://-oc2.example",
    ],
)
def test_inner_addresses_are_refused_for_any_system(url: str) -> None:
    with pytest.raises(ValueError, match=r"host|machine"):
        check_url(url, allow_loopback=False)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://tripletex.no/v2", "https://tripletex.no/v2"),
        ("https://TRIPLETEX.no/v2/", "https://tripletex.no/v2"),
        ("https://api-test.tripletex.tech/v2", "https://api-test.tripletex.tech/v2"),
    ],
)
def test_tripletex_addresses_are_kept(url: str, kept: str) -> None:
    assert check_url(url, allow_loopback=False, domains=TRIPLETEX_DOMAINS) == kept


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/v2", "http://localhost:9", "https://[::1]:8443"])
def test_loopback_is_for_development_only(url: str) -> None:
    assert check_url(url, allow_loopback=True, domains=TRIPLETEX_DOMAINS) == url

    with pytest.raises(ValueError, match="this machine"):
        check_url(url, allow_loopback=False)


def test_a_container_is_for_development_only() -> None:
    assert check_url("http://simulators:8080/v2", allow_loopback=True, domains=TRIPLETEX_DOMAINS)

    with pytest.raises(ValueError, match="https"):
        check_url("http://simulators:8080/v2", allow_loopback=False)


@pytest.mark.parametrize("url", ["http://10.0.0.5/v2", "http://2130706433/v2", "http://oc2.example.com/api"])
def test_development_opens_this_machine_and_containers_and_nothing_else(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        check_url(url, allow_loopback=True)


def test_an_oc2_may_be_any_public_host_and_port() -> None:
    assert check_url("https://oc2.example.com:8443/a/b", allow_loopback=False) == "https://oc2.example.com:8443/a/b"
