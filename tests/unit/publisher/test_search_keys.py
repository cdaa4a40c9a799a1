"""What an invoice is looked for by, whatever its payload is."""

from base64 import b64encode

import pytest

from bridge.publisher.domain.content import MAX_SEARCH_KEY_LENGTH, SearchKeys, search_keys

RAW = b'{"kid": "1234566", "orderNumber": "7001"}'
LONG = "7" * (MAX_SEARCH_KEY_LENGTH + 1)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        pytest.param(RAW, SearchKeys("1234566", "7001"), id="mapped"),
        pytest.param(b'{"raw": "' + b64encode(RAW) + b'"}', SearchKeys("1234566", "7001"), id="unmappable"),
        pytest.param(b'{"raw": "%%%"}', SearchKeys(), id="no-record-inside"),
        pytest.param(b'{"kid": null, "orderNumber": 7001}', SearchKeys(), id="no-texts"),
        pytest.param(f'{{"kid": "", "orderNumber": "{LONG}"}}'.encode(), SearchKeys(), id="empty-and-too-long"),
        pytest.param(b"[" * 100_000, SearchKeys(), id="hostile"),
        pytest.param(b'{"orderNumber": "a\\u0000b"}', SearchKeys(None, "a\ufffdb"), id="what-no-column-holds"),
    ],
)
def test_keys_come_from_the_content_or_from_the_record_that_could_not_be_mapped(
    payload: bytes, expected: SearchKeys
) -> None:
    assert search_keys(payload) == expected
