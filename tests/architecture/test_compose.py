"""What docker-compose.yml promises: pinned, unprivileged, ordered by health, and made of settings that exist.

Its grammar is judged by docker compose itself: `make check-compose`.
"""

import importlib.util
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from bridge.console.settings import AddressSettings, AdminSettings, BrokerSettings, StoreSettings
from bridge.demo.cast import companies
from bridge.demo.keys import USERS
from bridge.poller.settings import PollerSettings
from bridge.publisher.settings import PublisherSettings
from bridge.runtime.settings import ServiceSettings, describe, load
from bridge.transformer.settings import TransformerSettings

ROOT = Path(__file__).parents[2]
DOCUMENT: Mapping[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: Mapping[str, Mapping[str, Any]] = DOCUMENT["services"]
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text("utf-8")

BRIDGE: Mapping[str, type[ServiceSettings]] = {
    "poller": PollerSettings,
    "transformer": TransformerSettings,
    "publisher": PublisherSettings,
}
JOBS = frozenset({"keys", "migrate", "topics", "world", "tenants"})
OPERATOR = "bridge"
WITHOUT_A_SHELL = "otel-collector"
"""Its image holds nothing that could ask it how it is."""
STANDARD_VARIABLES = frozenset({"OTEL_EXPORTER_OTLP_ENDPOINT", "PGPASSFILE", "BRIDGE_OPERATOR"})
BUILT_HERE = re.compile(r"bridge-(?P<target>\w+):dev")
PINNED = re.compile(r"([a-z0-9-]+/)?[a-z0-9-]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?(@sha256:[0-9a-f]{64})?")

EACH = pytest.mark.parametrize("name", SERVICES)


def _waits_for(name: str) -> Mapping[str, str]:
    return {other: each["condition"] for other, each in SERVICES[name].get("depends_on", {}).items()}


def _environment(name: str) -> dict[str, str]:
    return {key: str(value) for key, value in SERVICES[name].get("environment", {}).items()}


def _install() -> ModuleType:
    spec = importlib.util.spec_from_file_location("install", ROOT / "docker" / "install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


INSTALL = _install()


@EACH
def test_an_image_is_pinned_by_name_and_version_or_built_here(name: str) -> None:
    image = SERVICES[name]["image"]

    built = BUILT_HERE.fullmatch(image)
    assert built or PINNED.fullmatch(image), f"{name} runs {image}"
    assert not built or f"AS {built['target']}\n" in DOCKERFILE


def test_each_image_of_ours_is_built_by_the_first_service_that_needs_it() -> None:
    needed = {service["image"] for service in SERVICES.values() if BUILT_HERE.fullmatch(service["image"])}
    built = {
        service["image"]: service["build"]["target"]
        for service in SERVICES.values()
        if service.get("build") is not None
    }

    assert {image: f"bridge-{target}:dev" for image, target in built.items()} == {image: image for image in needed}


@EACH
def test_a_container_has_no_right_that_it_does_not_need(name: str) -> None:
    service = SERVICES[name]

    user, _, group = service["user"].partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "devices", "pid", "ipc"} & service.keys()
    assert service.get("network_mode", "none") == "none"


@EACH
def test_a_container_has_limits(name: str) -> None:
    assert SERVICES[name]["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}


@EACH
def test_a_door_to_the_outside_opens_on_this_machine_alone(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@EACH
def test_no_service_finds_the_engine_or_a_folder_of_the_host_in_its_hands(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source, _, rest = volume.partition(":")
        if source.startswith("."):
            assert rest.endswith(":ro")
            assert (ROOT / source).is_file()
        else:
            assert source in DOCUMENT["volumes"]


@EACH
def test_what_goes_on_running_can_be_asked_how_it_is(name: str) -> None:
    runs_on = name not in JOBS | {OPERATOR, WITHOUT_A_SHELL}

    assert ("healthcheck" in SERVICES[name]) == runs_on
    restart = "no" if name == OPERATOR else "on-failure:3" if name in JOBS else "unless-stopped"
    assert SERVICES[name]["restart"] == restart


@EACH
def test_what_is_waited_for_can_come_true(name: str) -> None:
    for other, condition in _waits_for(name).items():
        assert condition == ("service_completed_successfully" if other in JOBS else "service_healthy"), other
        assert other in JOBS or "healthcheck" in SERVICES[other], other


def test_nobody_waits_in_a_circle() -> None:
    def behind(name: str, seen: tuple[str, ...] = ()) -> Iterator[str]:
        assert name not in seen, f"{' waits for '.join((*seen, name))}"
        for other in _waits_for(name):
            yield other
            yield from behind(other, (*seen, name))

    behind_the_services = {name: set(behind(name)) for name in SERVICES}

    for name in BRIDGE:
        assert behind_the_services[name] >= {"keys", "postgres", "migrate", "kafka", "topics"}


def test_every_job_is_waited_for_by_somebody_or_up_would_not_notice_that_it_failed() -> None:
    assert {other for name in SERVICES for other in _waits_for(name)} >= JOBS


@pytest.mark.parametrize("name", BRIDGE)
def test_a_service_starts_with_the_settings_that_stand_here(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = _environment(name)
    known = {row.variable for row in describe(BRIDGE[name])}
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)

    settings = load(BRIDGE[name])

    assert environment.keys() <= known | STANDARD_VARIABLES
    drain = settings.model_dump()["lifecycle"]["drain_seconds"]
    assert drain < float(SERVICES[name]["stop_grace_period"].removesuffix("s"))
    probe = f"http://127.0.0.1:{settings.model_dump()['health']['port']}/readyz"
    assert SERVICES[name]["healthcheck"]["test"] == ["CMD", "python", "/opt/probe.py", probe]


@pytest.mark.parametrize("name", ["migrate", "topics", "tenants", "bridge"])
def test_the_console_gets_settings_that_exist(name: str) -> None:
    known = {
        row.variable
        for group in (AdminSettings, AddressSettings, BrokerSettings, StoreSettings)
        for row in describe(group)
    }

    assert _environment(name).keys() <= known | STANDARD_VARIABLES


@EACH
def test_no_password_stands_in_the_file(name: str) -> None:
    for variable, value in _environment(name).items():
        assert "PASSWORD" not in variable or value.startswith("/secrets/"), variable
        assert not re.search(r"://[^/@]*:[^/@]*@", value), f"{variable} holds a password"


@EACH
def test_a_key_is_in_the_hands_of_its_readers_alone(name: str) -> None:
    may = {
        "postgres": {"owner"},
        "poller": {"poller"},
        "publisher": {"publisher"},
        **{name: {"console"} for name in ("topics", "tenants", "bridge")},
        **{name: set(USERS) for name in ("keys", "migrate")},
    }
    held = {match for volume in SERVICES[name].get("volumes", []) for match in re.findall(r"^(\w+)-keys:", volume)}

    assert held == may.get(name, set())
    assert name == "keys" or all(
        volume.endswith(":ro") for volume in SERVICES[name].get("volumes", []) if "-keys:" in volume
    )


def test_every_company_goes_live() -> None:
    script = SERVICES["tenants"]["command"][0]

    assert re.findall(r"for tenant in ([\w ]+); do", script) == [" ".join(each.tenant for each in companies())]


def test_kafka_is_the_one_that_the_tests_run() -> None:
    pom = (ROOT / "libs" / "devstack" / "kafka" / "pom.xml").read_text("utf-8")

    assert re.findall("<kafka.version>(.*)</kafka.version>", pom) == [SERVICES["kafka"]["image"].rpartition(":")[2]]


def test_prometheus_and_the_collector_ask_and_send_to_services_that_are_there() -> None:
    prometheus = (ROOT / "docker" / "prometheus.yml").read_text("utf-8")
    jobs = {job["job_name"]: job for job in yaml.safe_load(prometheus)["scrape_configs"]}
    collector = yaml.safe_load((ROOT / "docker" / "otel-collector.yaml").read_text("utf-8"))

    found = jobs["bridge"]["dns_sd_configs"][0]
    assert set(found["names"]) == set(BRIDGE)
    assert {_environment(name)[f"{name.upper()}_HEALTH__PORT"] for name in BRIDGE} == {str(found["port"])}
    reader = collector["service"]["telemetry"]["metrics"]["readers"][0]["pull"]["exporter"]["prometheus"]
    assert jobs["otel-collector"]["static_configs"][0]["targets"] == [f"otel-collector:{reader['port']}"]
    assert collector["exporters"]["otlp/jaeger"]["endpoint"].partition(":")[0] in SERVICES
    door = collector["receivers"]["otlp"]["protocols"]["http"]["endpoint"].rpartition(":")[2]
    assert {_environment(name)["OTEL_EXPORTER_OTLP_ENDPOINT"] for name in BRIDGE} == {f"http://otel-collector:{door}"}


def test_every_image_of_ours_stands_on_a_whole_release_of_python() -> None:
    names = set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE))
    bases = set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) - names

    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-[a-z]+(@sha256:[0-9a-f]{64})?", bases.pop())


@pytest.mark.parametrize("stage", re.findall(r"^FROM runtime AS .*?(?=^FROM|\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL))
def test_every_image_of_ours_leaves_root(stage: str) -> None:
    runtime = DOCKERFILE[DOCKERFILE.index(" AS runtime\n") :].split("\nFROM ")[0]

    assert re.findall(r"^USER (\S+)$", runtime + stage, re.MULTILINE)[-1] == "10001:10001"


@pytest.mark.parametrize(
    "packages", [("poller",), ("transformer",), ("publisher",), ("console", "poller", "publisher"), ("simulator",)]
)
def test_an_image_holds_what_its_packages_name_and_nothing_for_development(packages: tuple[str, ...]) -> None:
    assert f"install.py /opt/venv {' '.join(packages)}\n" in DOCKERFILE

    names = {folder.name for folder in INSTALL.needed(ROOT, packages)}

    assert names >= set(packages)
    assert not names & {"demo", "devstack", "testkit"}
    for folder in INSTALL.needed(ROOT, packages):
        project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
        assert {each.removeprefix("bridge-") for each in project["dependencies"] if each.startswith("bridge-")} <= names


def test_whoever_migrates_has_every_schema() -> None:
    owners = {
        file.parent.name
        for folder in ("libs", "services")
        for file in (ROOT / folder).glob("*/pyproject.toml")
        if "bridge.migrations" in tomllib.loads(file.read_text("utf-8"))["project"].get("entry-points", {})
    }

    assert owners
    assert owners <= {folder.name for folder in INSTALL.needed(ROOT, ("console", "poller", "publisher"))}
