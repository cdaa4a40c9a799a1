"""`bridge migrate`, `topics` and `tenants` on real servers, with every refusal before anything is changed."""

import pytest

from bridge.contracts.topics import TOPICS
from bridge.devstack.ports import free_ports
from bridge.testkit.console_cell import ConsoleCell, Shell, as_process


async def test_migrate_shows_first_then_applies_once(shell: Shell) -> None:
    preview = await shell.json("migrate", "--dry-run")
    first = await shell.json("migrate")
    second = await shell.json("migrate")

    assert preview == {"dry_run": True, "applied": first["applied"]}
    assert {"control/0001_control", "poller/0001_poller", "publisher/0001_publisher"} <= set(
        str(first["applied"]).split("'")
    )
    assert second["applied"] == []


async def test_the_command_as_a_process_answers_on_stdout_alone_and_fails_in_one_line(shell: Shell) -> None:
    migrated = as_process(["migrate", "--json"], shell.environ)
    nowhere = as_process(["topics", "list"], {**shell.environ, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})

    assert (migrated.code, migrated.err) == (0, "")
    assert migrated.document["applied"]
    assert (nowhere.code, nowhere.out) == (2, "")
    assert "127.0.0.1:1" in nowhere.sentence


async def test_a_role_with_its_password_reads_everything_and_the_owner_is_not_needed(cell: ConsoleCell) -> None:
    await cell.shell.run("migrate", environ={"BRIDGE_ROLE_PASSWORD_CONSOLE": "console-secret-1"})
    owner = cell.shell.environ["DATABASE_URL"]
    address = owner.split("@", 1)[1]
    cell.shell.environ["CONSOLE_POSTGRES__DSN"] = f"postgresql://bridge_console:console-secret-1@{address}"
    cell.shell.environ["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/none"

    await cell.declare("acme")
    await cell.shell.ok("topics", "apply")
    by_anna = ("--who", "anna", "--why", "because")
    for command in (
        ["status"],
        ["proof"],
        ["tenants", "list"],
        ["gates", "close", "flow", "acme/customers", *by_anna],
        ["gates", "open", "flow", "acme/customers", *by_anna],
        ["dead-letters", "list"],
        ["resync", "--tenant", "acme", "--no-wait", *by_anna],
        ["replay", "--topic", "customer-mapped", "--since", "2020-01-01", *by_anna],
    ):
        await cell.shell.ok(*command)
    acts = await cell.rows("SELECT verb, status FROM control.audit ORDER BY id DESC LIMIT 2")
    assert [(act.text("verb"), act.text("status")) for act in acts] == [("replay", "done"), ("resync", "requested")]


async def test_a_release_stands_in_the_audit_log_once_and_only_where_it_changed_something(shell: Shell) -> None:
    by_anna = ("--who", "anna", "--why", "release 7")
    for _ in range(2):
        await shell.ok("migrate", *by_anna)
        await shell.ok("topics", "apply", *by_anna)

    audit = (await shell.json("audit", "list"))["acts"]

    assert isinstance(audit, list)
    told = [(act["verb"], act["who"], act["why"]) for act in audit]
    assert sorted(told) == [("migrate", "anna", "release 7"), ("topics.apply", "anna", "release 7")]


async def test_topics_that_could_not_be_written_down_are_not_made(shell: Shell) -> None:
    ran = await shell.run("topics", "apply")

    assert ran.code == 2
    assert "bridge migrate" in ran.sentence
    rows = (await shell.json("topics", "list"))["topics"]
    assert isinstance(rows, list)
    assert all(row["broker"] is None for row in rows)


async def test_topics_are_made_as_declared_and_a_second_time_nothing_is_done(shell: Shell) -> None:
    await shell.ok("migrate")
    preview = await shell.json("topics", "apply", "--dry-run")
    before = await shell.json("topics", "list")
    applied = await shell.json("topics", "apply")
    again = await shell.json("topics", "apply")
    after = await shell.json("topics", "list")

    assert preview["changes"] == applied["changes"]
    assert again["changes"] == []
    rows_before, rows_after = before["topics"], after["topics"]
    assert isinstance(rows_before, list)
    assert isinstance(rows_after, list)
    assert all(row["broker"] is None for row in rows_before)
    assert [row["broker"]["partitions"] for row in rows_after] == [spec.partitions for spec in TOPICS]


async def test_an_unreachable_broker_ends_in_one_sentence(shell: Shell) -> None:
    await shell.ok("migrate")
    shell.environ["KAFKA_BOOTSTRAP_SERVERS"] = f"127.0.0.1:{free_ports(1)[0]}"

    ran = await shell.run("topics", "apply")

    assert ran.code == 2
    assert shell.environ["KAFKA_BOOTSTRAP_SERVERS"] in ran.sentence
    assert ran.out == ""


@pytest.mark.parametrize("command", [["migrate"], ["status"], ["proof"], ["tenants", "list"]], ids=" ".join)
async def test_a_wrong_database_url_ends_in_one_sentence_without_its_password(shell: Shell, command: list[str]) -> None:
    (port,) = free_ports(1)
    shell.environ["DATABASE_URL"] = f"postgresql://owner:hunter2hunter2@127.0.0.1:{port}/bridge"

    ran = await shell.run(*command)

    assert ran.code == 2
    assert f"127.0.0.1:{port}/bridge" in ran.sentence
    assert "hunter2" not in ran.sentence


async def test_a_missing_address_names_its_variable(shell: Shell) -> None:
    del shell.environ["DATABASE_URL"]

    assert "DATABASE_URL" in (await shell.run("migrate")).sentence
    assert "DATABASE_URL" in (await shell.run("status")).sentence


async def test_a_database_without_migrations_names_the_remedy(shell: Shell) -> None:
    ran = await shell.run("proof")

    assert ran.code == 2
    assert "bridge migrate" in ran.sentence


async def test_applying_shows_the_difference_first_and_new_tenants_start_closed(cell: ConsoleCell) -> None:
    cell.write_secrets()
    file = cell.write_file(cell.entry("acme"), cell.entry("beta", paused="true"))

    preview = await cell.shell.json("tenants", "apply", file, "--dry-run", "--who", "anna", "--why", "look")
    assert (await cell.shell.json("tenants", "list"))["tenants"] == []
    applied = await cell.shell.json("tenants", "apply", file, "--who", "anna", "--why", "add two")
    again = await cell.shell.json("tenants", "apply", file, "--who", "anna", "--why", "twice")
    await cell.shell.ok("tenants", "go-live", "acme", "--who", "anna", "--why", "agreed")

    assert preview["changes"] == applied["changes"]
    assert again["changed"] is False
    gates = await cell.rows("SELECT subject FROM control.gate WHERE reason = 'not_live'")
    assert [gate.text("subject") for gate in gates] == ["beta/customers"]
    audit = await cell.rows("SELECT who, why, verb, tenant FROM control.audit WHERE verb <> 'migrate' ORDER BY id")
    assert [(row.text("verb"), row.text("tenant")) for row in audit] == [
        ("tenant.add", "acme"),
        ("tenant.add", "beta"),
        ("tenant.go-live", "acme"),
    ]
    assert {row.text("who") for row in audit} == {"anna"}


async def test_a_refused_file_names_the_place_and_changes_nothing(cell: ConsoleCell) -> None:
    cell.write_secrets()
    await cell.shell.ok("tenants", "apply", cell.write_file(cell.entry("acme")), "--who", "anna", "--why", "begin")
    before = await cell.rows("SELECT * FROM control.tenant")
    good = cell.entry("beta")
    bad_files = {
        "tenants[1].colour": [good, cell.entry("acme", colour="red")],
        "tenants[0].oc2.base_url": [cell.entry("acme", oc2="{base_url: 'http://10.0.0.1', api_key: {env: KEY}}"), good],
        "tenant acme is declared twice": [cell.entry("acme"), cell.entry("acme")],
        "variable NO_SUCH_KEY": [
            good,
            cell.entry("acme", oc2="{base_url: 'http://127.0.0.1:9/a', api_key: {env: NO_SUCH_KEY}}"),
        ],
        f"file {cell.folder}/gone": [
            good,
            cell.entry("acme", oc2=f"{{base_url: 'http://127.0.0.1:9/a', api_key: {{file: {cell.folder}/gone}}}}"),
        ],
    }

    for expected, entries in bad_files.items():
        file = cell.write_file(*entries)
        ran = await cell.shell.run("tenants", "apply", file, "--who", "anna", "--why", "try")
        assert ran.code == 2, expected
        assert expected in ran.sentence

    assert await cell.rows("SELECT * FROM control.tenant") == before
    assert len(await cell.rows("SELECT id FROM control.audit WHERE verb <> 'migrate'")) == 1


async def test_removal_is_refused_while_something_is_in_doubt_unless_forced(cell: ConsoleCell) -> None:
    await cell.declare("acme")
    await cell.delivered("acme", "1001", "in_doubt")
    empty = cell.write_file()

    refused = await cell.shell.run("tenants", "apply", empty, "--who", "anna", "--why", "leave")
    assert refused.code == 1
    assert "acme (1)" in refused.sentence
    forced = await cell.shell.json("tenants", "apply", empty, "--force", "--who", "anna", "--why", "leave")

    assert str(forced["changes"]).count("remove") == 1


async def test_whoever_changes_something_must_say_who_and_why(cell: ConsoleCell) -> None:
    cell.write_secrets()
    file = cell.write_file(cell.entry("acme"))

    nameless = await cell.shell.run("tenants", "apply", file, "--why", "add")
    cell.shell.environ["BRIDGE_OPERATOR"] = "berit"
    whyless = await cell.shell.run("tenants", "apply", file)
    named = await cell.shell.run("tenants", "apply", file, "--why", "add")

    assert (nameless.code, whyless.code, named.code) == (2, 2, 0)
    assert "--who" in nameless.err
    assert "--why" in whyless.err
    assert [row.text("who") for row in await cell.rows("SELECT who FROM control.audit WHERE verb <> 'migrate'")] == [
        "berit"
    ]
