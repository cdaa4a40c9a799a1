"""One call at OC2, whatever it is about: the key header, and a key that has changed.

Owns what every call needs; groups of calls are classes on top of this one. The key is read again after a 401, so that a
new key in its file works without a restart.
"""

import json
from collections.abc import Mapping, Sequence

from pydantic import SecretStr

from bridge.contracts.identity import TenantId
from bridge.oc2.access import Oc2Tenant
from bridge.remote.call import call
from bridge.remote.classify import CallKind
from bridge.remote.http import DEFAULT_TIMEOUTS, HttpPort, HttpRequest, Timeouts
from bridge.remote.outcome import Outcome, Unauthorized
from bridge.runtime.redaction import register_secret


class Oc2Calls:
    """The core of the client.


    Args:
        port: Where calls go.
        timeouts: Of every call.
    """

    def __init__(self, port: HttpPort, *, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> None:
        self._port = port
        self._timeouts = timeouts
        self._keys: dict[TenantId, SecretStr] = {}

    def forget(self, tenant: TenantId) -> None:
        """Drop what is kept for a tenant that was removed or changed."""
        self._keys.pop(tenant, None)

    async def _write(
        self,
        tenant: Oc2Tenant,
        method: str,
        path: str,
        kind: CallKind,
        body: Mapping[str, object],
        not_after: float | None,
        headers: Mapping[str, str] | None = None,
    ) -> Outcome:
        request = HttpRequest(
            method,
            tenant.url(path),
            headers={"content-type": "application/json", **(headers or {})},
            # In ASCII, so that half a surrogate pair that OC2 itself holds can be put back as it was.
            body=json.dumps(body, separators=(",", ":")).encode(),
        )
        return await self._call(tenant, kind, request, not_after)

    async def _read(self, tenant: Oc2Tenant, path: str, query: Sequence[tuple[str, str]]) -> Outcome:
        return await self._call(tenant, CallKind.GET, HttpRequest("GET", tenant.url(path), query), None)

    async def _call(self, tenant: Oc2Tenant, kind: CallKind, request: HttpRequest, not_after: float | None) -> Outcome:
        key = self._keys.get(tenant.tenant) or self._read_key(tenant)
        outcome = await self._send(kind, request, key, not_after)
        if not isinstance(outcome, Unauthorized):
            return outcome
        # A 401 comes before any effect, so the call may be made again if the key has changed meanwhile.
        self._keys.pop(tenant.tenant, None)
        newer = self._read_key(tenant)
        return outcome if newer == key else await self._send(kind, request, newer, not_after)

    async def _send(self, kind: CallKind, request: HttpRequest, key: SecretStr, not_after: float | None) -> Outcome:
        secret = key.get_secret_value()
        if not secret or not secret.isascii() or not secret.isprintable() or secret != secret.strip():
            return Unauthorized("the key holds a character that no HTTP header can carry")
        keyed = HttpRequest(
            request.method, request.url, request.query, {**request.headers, "x-api-key": secret}, request.body
        )
        return await call(self._port, kind, keyed, timeouts=self._timeouts, not_after=not_after)

    def _read_key(self, tenant: Oc2Tenant) -> SecretStr:
        key = self._keys[tenant.tenant] = tenant.read_key()
        register_secret(key)
        return key
