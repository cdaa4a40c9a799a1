"""The record on the `dead-letter` topic: a copy for the platform team's tools; the database row is the working copy."""

from datetime import datetime

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field

from bridge.contracts.reasons import Reason, Stage


class DeadLetterOpened(BaseModel):
    """Body of `dead-letter.opened.v1`: alone enough to act on.

    `raw`, `raw_key` and `headers` are those of the record at `origin_*`. `remedy` says what to do next.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    letter_id: int = Field(alias="letterId")
    opened_at: datetime = Field(alias="openedAt")
    tenant: str | None = None
    flow: str | None = None
    entity: str | None = None
    revision: int | None = None
    generation: int | None = None
    stage: Stage
    reason: Reason
    field: str | None = None
    error: str
    remedy: str
    attempts: int
    trace_id: str | None = Field(None, alias="traceId")
    raw: Base64Bytes
    raw_key: Base64Bytes | None = Field(None, alias="rawKey")
    headers: tuple[tuple[str, Base64Bytes], ...] = ()
    origin_topic: str | None = Field(None, alias="originTopic")
    origin_partition: int | None = Field(None, alias="originPartition")
    origin_offset: int | None = Field(None, alias="originOffset")
