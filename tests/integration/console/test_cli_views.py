"""`bridge proof`, `status` and `where` over tables as the services leave them."""

from bridge.testkit.console_cell import ConsoleCell


async def test_the_proof_holds_when_every_change_is_accounted_for(cell: ConsoleCell) -> None:
    await cell.declare("acme")
    states = ["ready", "sending", "in_doubt", "confirmed", "dead", "discarded"]
    for index, state in enumerate(states):
        number = str(1001 + index)
        await cell.told("acme", number, change_no=2)
        await cell.delivered("acme", number, state, change_no=2, reason="name_missing" if state == "dead" else None)
    await cell.told("acme", "2001")
    await cell.told("acme", "2002", change_no=3)
    await cell.delivered("acme", "2002", "confirmed", change_no=2)

    document = await cell.shell.json("proof", "--tenant", "acme")

    assert document["holds"] is True
    assert document["quiet"] is False
    (flow,) = document["flows"] if isinstance(document["flows"], list) else []
    counted = {name: flow[name] for name in ("emitted", "changes", "entities", "superseded")}
    assert counted == {"emitted": 16, "changes": 16, "entities": 8, "superseded": 8}
    placed = {name: flow[name] for name in ("in_flight", "waiting", "in_doubt", "confirmed", "dead", "discarded")}
    assert placed == {"in_flight": 2, "waiting": 2, "in_doubt": 1, "confirmed": 1, "dead": 1, "discarded": 1}
    assert flow["dead_by_reason"] == {"name_missing": 1}


async def test_a_lost_row_a_stray_one_and_a_wrong_count_are_each_named(cell: ConsoleCell) -> None:
    await cell.declare("acme", "beta", "gamma", "delta")
    for tenant in ("acme", "beta", "gamma", "delta"):
        await cell.told(tenant, "1001")
        await cell.delivered(tenant, "1001", "confirmed")
    await cell.write("DELETE FROM poller.source_entity WHERE tenant = 'acme'")
    await cell.write("UPDATE poller.source_cursor SET emitted = 2 WHERE tenant = 'beta'")
    await cell.write("UPDATE publisher.delivery SET confirmed_revision = 0 WHERE tenant = 'gamma'")

    ran = await cell.shell.run("proof", "--json")
    plain = await cell.shell.run("proof")
    one = await cell.shell.run("proof", "--tenant", "delta")

    assert (ran.code, plain.code, one.code) == (1, 1, 0)
    flows = ran.document["flows"]
    assert isinstance(flows, list)
    problems = {flow["tenant"]: " ".join(flow["problems"]) for flow in flows}
    assert "never told" in problems["acme"]
    assert "counted 2 changes" in problems["beta"]
    assert "another version" in problems["gamma"]
    assert problems["delta"] == ""
    assert "beta/customers" in plain.out


async def test_status_shows_polls_waiting_work_and_gates(cell: ConsoleCell) -> None:
    await cell.declare("acme", "beta")
    await cell.told("acme", "1001")
    await cell.delivered("acme", "1001", "ready")
    await cell.write(
        "INSERT INTO control.gate (scope, subject, tenant, reason, why, closed_by, next_probe_at) VALUES"
        " ('system', 'acme/oc2', 'acme', 'target_down', '503 twice', 'publisher', now() + interval '30 s')"
    )

    document = await cell.shell.json("status")
    alone = await cell.shell.json("status", "--tenant", "beta")
    plain = await cell.shell.ok("status")

    flows = document["flows"]
    assert isinstance(flows, list)
    acme, beta = flows
    assert acme["states"]["ready"] == 1
    assert 299 < acme["oldest_waiting_seconds"] < 400
    assert beta["last_good_poll"] is None
    gates = document["gates"]
    assert isinstance(gates, list)
    assert [(gate["subject"], gate["reason"]) for gate in gates] == [("acme/oc2", "target_down")]
    assert gates[0]["next_probe"] is not None
    assert alone["gates"] == []
    assert "target_down" in plain.out


async def test_status_shows_a_doubt_from_its_request_on_though_its_next_look_is_not_due(cell: ConsoleCell) -> None:
    await cell.declare("acme")
    await cell.told("acme", "1001")
    await cell.delivered("acme", "1001", "in_doubt")
    await cell.write(
        "UPDATE publisher.delivery SET sent_at = now() - interval '3 hours', due_at = now() + interval '5 min',"
        " failing_since = NULL WHERE state = 'in_doubt'"
    )

    document = await cell.shell.json("status", "--tenant", "acme")

    assert isinstance(document["flows"], list)
    assert 3 * 3600 <= document["flows"][0]["oldest_waiting_seconds"] < 3 * 3600 + 100


async def test_where_tells_every_step_with_its_place_and_trace(cell: ConsoleCell) -> None:
    await cell.declare("acme")
    await cell.told("acme", "1001", change_no=2)
    await cell.delivered("acme", "1001", "confirmed", change_no=2)

    document = await cell.shell.json("where", "customer", "1001", "--tenant", "acme")
    plain = await cell.shell.ok("where", "customer", "1001", "--tenant", "acme")

    delivery, steps = document["delivery"], document["steps"]
    assert isinstance(delivery, dict)
    assert isinstance(steps, list)
    assert delivery["wanted"] == delivery["confirmed"] == {"revision": 2, "generation": 0}
    assert steps[0]["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    place = f"{cell.prefix}customer-mapped-3@42"
    for shown in ("confirmed", place, "0af7651916cd43dd8448eb211c80319c", "holds its newest version"):
        assert shown in plain.out


async def test_where_tells_a_change_in_the_outbox_from_one_in_kafka(cell: ConsoleCell) -> None:
    await cell.declare("acme")
    await cell.told("acme", "1001")

    in_kafka = await cell.shell.json("where", "customer", "1001", "--tenant", "acme")
    await cell.write(
        "INSERT INTO poller.outbox (id, topic, value, header_names, header_values, tenant, flow, entity)"
        " VALUES (1, 'customer-changed', '{}', '{}', '{}', 'acme', 'customers', '1001')"
    )
    in_outbox = await cell.shell.json("where", "customer", "1001", "--tenant", "acme")

    assert "through Kafka" in str(in_kafka["place"])
    assert "outbox" in str(in_outbox["place"])


async def test_an_unknown_tenant_or_customer_is_named_with_a_remedy(cell: ConsoleCell) -> None:
    await cell.declare("acme")

    for command in (["proof"], ["status"], ["where", "customer", "1001"]):
        ran = await cell.shell.run(*command, "--tenant", "acne")
        assert ran.code == 1
        assert "no tenant acne" in ran.sentence
    ran = await cell.shell.run("where", "customer", "1001", "--tenant", "acme")

    assert ran.code == 1
    assert "Nothing is known of customer 1001 of tenant acme" in ran.sentence
