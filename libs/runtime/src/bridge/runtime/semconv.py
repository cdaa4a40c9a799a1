"""Names of span attributes: OpenTelemetry's current conventions, and our own under `bridge.`.

The one place that knows these names; a test holds them against the installed conventions.
"""

from typing import Final

MESSAGING_SYSTEM: Final = "messaging.system"
MESSAGING_OPERATION_NAME: Final = "messaging.operation.name"
MESSAGING_OPERATION_TYPE: Final = "messaging.operation.type"
MESSAGING_DESTINATION_NAME: Final = "messaging.destination.name"
MESSAGING_DESTINATION_PARTITION_ID: Final = "messaging.destination.partition.id"
MESSAGING_KAFKA_OFFSET: Final = "messaging.kafka.offset"
MESSAGING_BATCH_MESSAGE_COUNT: Final = "messaging.batch.message_count"
MESSAGING_MESSAGE_ID: Final = "messaging.message.id"

HTTP_REQUEST_METHOD: Final = "http.request.method"
HTTP_RESPONSE_STATUS_CODE: Final = "http.response.status_code"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
ERROR_TYPE: Final = "error.type"

SERVICE_NAME: Final = "service.name"

KAFKA: Final = "kafka"
"""Value of `messaging.system`."""
OPERATION_CREATE: Final = "create"
OPERATION_SEND: Final = "send"
OPERATION_PROCESS: Final = "process"

TENANT: Final = "bridge.tenant"
FLOW: Final = "bridge.flow"
ENTITY: Final = "bridge.entity"
EVENT_ID: Final = "bridge.event_id"
REVISION: Final = "bridge.revision"
GENERATION: Final = "bridge.generation"
OUTCOME: Final = "bridge.outcome"
REASON: Final = "bridge.reason"
ACT: Final = "bridge.act"
