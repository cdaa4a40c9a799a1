"""How one flow's claims go to their target, as the dispatcher sees it."""

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from typing import Protocol

from bridge.publisher.application.verdict import Claim, Result


class Deliverer(Protocol):
    """One for each flow. It ends with one result for each claim it was given, whatever happens on the way."""

    @property
    def in_hand(self) -> int | None:
        """Most claims of one tenant worth having in hand at once; None where the process's own limit is right."""
        ...

    def plan(self, claims: Sequence[Claim]) -> Iterator[Sequence[Claim]]:
        """Split a tenant's claims into groups that are sent one after the other, each by one `send`."""
        ...

    def send(self, claims: Sequence[Claim], *, deadline: Callable[[], float]) -> AsyncGenerator[Sequence[Result], None]:
        """Send one planned group; each part is to be made durable before the next is asked for.

        `deadline` gives the boot seconds after which no byte may leave. To close the generator early leaves the claims
        without a result unsent.
        """
        ...
