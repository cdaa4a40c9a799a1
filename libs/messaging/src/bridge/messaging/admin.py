"""Topics on the broker: made from the declarations in `bridge.contracts.topics`, never deleted, never shrunk."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any, Final, Self

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import GroupCoordinatorNotAvailableError, for_code

from bridge.contracts.topics import TopicSpec, wire_name
from bridge.messaging.connection import connection_options, translated
from bridge.messaging.record import TopicPartition
from bridge.runtime.errors import ConfigurationError
from bridge.runtime.logging import get_logger
from bridge.runtime.settings import KafkaSettings

_DYNAMIC_TOPIC_CONFIG: Final = 1
"""The source that the broker gives for a value set on the topic itself."""

_LOOK_AGAIN_SECONDS: Final = 0.05

log = get_logger(__name__)


class ChangeKind(StrEnum):
    """What is done to a topic."""

    CREATE = "create"
    ADD_PARTITIONS = "add_partitions"
    ALTER = "alter"


@dataclass(frozen=True, slots=True)
class TopicChange:
    """One change; `detail` says from what to what. `topic` is the name on the wire."""

    topic: str
    kind: ChangeKind
    detail: str


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as it is on the broker. `settings` are those set on the topic itself, not the broker's defaults."""

    topic: str
    partitions: int
    replication: int
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Commit:
    """What a group has committed of a partition: the next offset, and the note that was left with it."""

    offset: int
    note: str


class TopicAdmin:
    """Async context manager around one admin client."""

    def __init__(self, settings: KafkaSettings, *, client_id: str = "bridge-admin") -> None:
        self._settings = settings
        self._client_id = client_id
        self._client: Any = None

    async def __aenter__(self) -> Self:
        options = connection_options(self._settings, client_id=self._client_id)
        self._client = AIOKafkaAdminClient(**options)
        try:
            with translated("connecting an admin client", self._settings):
                await self._client.start()
        except BaseException:
            await self._client.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()

    async def apply(
        self,
        specs: Sequence[TopicSpec],
        *,
        prefix: str,
        replication: int,
        min_insync: int | None = None,
        dry_run: bool = False,
    ) -> list[TopicChange]:
        """Make the broker's topics as declared and return what was, or with `dry_run` would be, changed.

        Creates missing topics, adds partitions, sets retention, cleanup and min.insync.replicas; the second time there
        is nothing to do. Never deletes a topic, never takes partitions away, never changes the replication of an
        existing topic. `min_insync` is one less than `replication` unless given, but at least 1.

        Raises:
            ConfigurationError: The broker refuses a change; the sentence names the topic and why.
            BrokerUnavailableError: The broker did not answer.
        """
        in_sync = max(1, replication - 1) if min_insync is None else min_insync
        states = {state.topic: state for state in await self.describe([wire_name(s.name, prefix) for s in specs])}
        changes: list[TopicChange] = []
        for spec in specs:
            wanted = _settings_of(spec, in_sync)
            state = states.get(wire_name(spec.name, prefix))
            if state is None:
                changes.append(await self._create(wire_name(spec.name, prefix), spec, wanted, replication, dry_run))
            else:
                changes += await self._add_partitions(state, spec.partitions, dry_run)
                changes += await self._alter(state, wanted, dry_run)
        if changes and not dry_run:
            await self._until_visible(
                {wire_name(s.name, prefix): (s.partitions, _settings_of(s, in_sync)) for s in specs}
            )
        return changes

    async def describe(self, topics: Sequence[str] | None = None) -> list[TopicState]:
        """Return the named topics, or all, as they are on the broker, by name; those that do not exist are left out."""
        with translated("describing topics", self._settings):
            known = set(await self._client.list_topics())
            names = sorted(known if topics is None else known & set(topics))
            if not names:
                return []
            found = await self._client.describe_topics(names)
            settings = await self._topic_settings(names)
        return [
            TopicState(
                topic=entry["topic"],
                partitions=len(entry["partitions"]),
                replication=len(entry["partitions"][0]["replicas"]) if entry["partitions"] else 0,
                settings=settings[entry["topic"]],
            )
            for entry in sorted(found, key=lambda entry: str(entry["topic"]))
        ]

    async def group_offsets(self, group: str) -> dict[TopicPartition, int]:
        """Return what a consumer group has committed, as next offsets, without joining it; unknown groups have none.

        Raises:
            BrokerUnavailableError: The broker did not answer.
        """
        return {partition: commit.offset for partition, commit in (await self.group_commits(group)).items()}

    async def group_commits(self, group: str) -> dict[TopicPartition, Commit]:
        """Return what a consumer group has committed, with the note on each, without joining it.

        Raises:
            BrokerUnavailableError: The broker did not answer.
        """
        with translated(f"reading the offsets of the group {group}", self._settings):
            async with asyncio.timeout(self._settings.request_timeout_seconds):
                found = await self._offsets_of(group)
        return {
            TopicPartition(tp.topic, tp.partition): Commit(meta.offset, meta.metadata or "")
            for tp, meta in found.items()
            if meta.offset >= 0
        }

    async def _offsets_of(self, group: str) -> Any:
        while True:
            try:
                return await self._client.list_consumer_group_offsets(group)
            except GroupCoordinatorNotAvailableError:
                # A broker that has served no group yet makes the topic of their offsets first.
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    async def _create(
        self, topic: str, spec: TopicSpec, wanted: dict[str, str], replication: int, dry_run: bool
    ) -> TopicChange:
        new = NewTopic(topic, spec.partitions, replication, topic_configs=wanted)
        with translated(f"creating the topic {topic}", self._settings):
            # The broker validates on a dry run too, so that a preview does not promise what cannot be.
            answer = await self._client.create_topics([new], validate_only=dry_run)
        for name, code, message in (entry[:3] for entry in answer.topic_errors):
            _accept(code, f"create the topic {name}", message)
        detail = f"{spec.partitions} partitions, replication {replication}, {_listed(wanted)}"
        return TopicChange(topic, ChangeKind.CREATE, detail)

    async def _add_partitions(self, state: TopicState, wanted: int, dry_run: bool) -> list[TopicChange]:
        if state.partitions > wanted:
            log.warning(
                "The topic has more partitions than declared; partitions are never taken away.",
                topic=state.topic,
                partitions=state.partitions,
                declared=wanted,
            )
        if state.partitions >= wanted:
            return []
        with translated(f"adding partitions to {state.topic}", self._settings):
            await self._client.create_partitions({state.topic: NewPartitions(wanted)}, validate_only=dry_run)
        return [TopicChange(state.topic, ChangeKind.ADD_PARTITIONS, f"{state.partitions} -> {wanted}")]

    async def _alter(self, state: TopicState, wanted: dict[str, str], dry_run: bool) -> list[TopicChange]:
        differing = {name: value for name, value in wanted.items() if state.settings.get(name) != value}
        if not differing:
            return []
        if not dry_run:
            # The request replaces everything that is set on the topic, so what others set there is sent along.
            everything = {**state.settings, **wanted}
            resource = ConfigResource(ConfigResourceType.TOPIC, state.topic, configs=everything)
            with translated(f"altering the topic {state.topic}", self._settings):
                answers = await self._client.alter_configs([resource])
            for code, message, *_ in (entry for answer in answers for entry in answer.resources):
                _accept(code, f"alter the topic {state.topic}", message)
        detail = ", ".join(f"{n}: {state.settings.get(n, 'unset')} -> {v}" for n, v in sorted(differing.items()))
        return [TopicChange(state.topic, ChangeKind.ALTER, detail)]

    async def _until_visible(self, wanted: Mapping[str, tuple[int, dict[str, str]]]) -> None:
        """Wait until the broker shows the topics as wanted: a change is confirmed a moment before it can be seen."""
        with translated("waiting for changed topics", self._settings):
            async with asyncio.timeout(self._settings.request_timeout_seconds):
                while True:
                    states = await self.describe(list(wanted))
                    if len(states) == len(wanted) and all(_holds(s, *wanted[s.topic]) for s in states):
                        return
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    async def _topic_settings(self, topics: Sequence[str]) -> dict[str, dict[str, str]]:
        resources = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics]
        found: dict[str, dict[str, str]] = {topic: {} for topic in topics}
        for answer in await self._client.describe_configs(resources):
            for _code, _message, _kind, topic, entries in answer.resources:
                for name, value, _read_only, source, *_ in entries:
                    if source == _DYNAMIC_TOPIC_CONFIG:
                        found[topic][name] = value
        return found


def _settings_of(spec: TopicSpec, min_insync: int) -> dict[str, str]:
    return {
        "cleanup.policy": "delete",
        "min.insync.replicas": str(min_insync),
        "retention.ms": str(round(spec.retention.total_seconds() * 1000)),
    }


def _holds(state: TopicState, partitions: int, settings: Mapping[str, str]) -> bool:
    return state.partitions >= partitions and settings.items() <= state.settings.items()


def _listed(settings: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(settings.items()))


def _accept(code: int, what: str, message: str | None) -> None:
    if code:
        reason = (message or for_code(code).__name__).rstrip(".")
        raise ConfigurationError(f"Kafka refuses to {what}: {reason}. Correct the declaration or the user's rights.")
