"""Asking for an act and waiting for its owner: the one way in which a person changes what a service owns."""

from dataclasses import dataclass
from typing import Final

from bridge.contracts.identity import EntityNumber, Flow, TenantId, Version
from bridge.runtime.errors import BridgeError
from bridge.tenancy.acts import Act, ActStatus, ActStore

WAIT_SECONDS: Final = 30.0


class NobodyAppliesError(BridgeError):
    """The act was written down and nobody has applied it in time."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, why, and how long they wait; 0 waits for nothing."""

    who: str
    why: str
    wait_seconds: float = WAIT_SECONDS


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for. `letter` names a dead letter about no entity, `outbox_row` a row that was set aside.

    `payload` is the edited content; `override` asks for one more round of what has failed too often; `renews` says that
    the act makes a new generation of the version it was decided on.
    """

    verb: str
    owner: str
    tenant: TenantId | None = None
    flow: Flow | None = None
    entity: EntityNumber | None = None
    version: Version | None = None
    letter: int | None = None
    outbox_row: int | None = None
    payload: str | None = None
    override: bool = False
    renews: bool = False

    @property
    def args(self) -> dict[str, int | str]:
        """What travels with the act beside the entity it is about."""
        named = {
            "letter": self.letter,
            "row": self.outbox_row,
            "payload": self.payload,
            "override": self.override or None,
        }
        return {name: value for name, value in named.items() if value is not None}


async def ask(store: ActStore, asker: Asker, request: Request) -> Act:
    """Write the act down and wait until its owner has applied or refused it.

    Raises:
        NobodyAppliesError: Its owner was not heard of in time; the act stays and is applied later.
    """
    act_id = await write_down(store, asker, request)
    act = await store.wait(act_id, timeout_seconds=asker.wait_seconds)
    if act.status is ActStatus.REQUESTED and asker.wait_seconds > 0:
        raise NobodyAppliesError(
            f"Act {act_id} is written down, but no {request.owner} has applied it within {asker.wait_seconds:g} s. It "
            f"stays and is applied once one runs (a paused tenant's acts wait); see 'bridge audit list --id {act_id}'."
        )
    return act


async def write_down(store: ActStore, asker: Asker, request: Request) -> int:
    """Write the act down for its owner and return its id."""
    return await store.request(
        who=asker.who,
        why=asker.why,
        verb=request.verb,
        tenant=request.tenant,
        flow=request.flow,
        entity=request.entity,
        version=request.version,
        args=request.args,
    )
