"""What the transformer says of a record that it cannot map. One record in, one out: this is the other kind of out."""

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field

from bridge.contracts.reasons import Reason


class Unmappable(BaseModel):
    """Body of `*.unmappable.v1`: enough to act on, the record itself included.

    `headers` are the original record's, `origin_*` its place in the log. `field` names the source field at fault.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    reason: Reason
    field: str | None = None
    detail: str
    raw: Base64Bytes
    raw_key: Base64Bytes | None = Field(None, alias="rawKey")
    headers: tuple[tuple[str, Base64Bytes], ...] = ()
    origin_topic: str = Field(alias="originTopic")
    origin_partition: int = Field(alias="originPartition")
    origin_offset: int = Field(alias="originOffset")
