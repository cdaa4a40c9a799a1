"""From file to table on real Postgres: the difference first, all or nothing, everything audited."""

import pytest

from bridge.contracts.identity import Flow, TenantId, shard_of
from bridge.contracts.reasons import Reason
from bridge.durable.database import Database, Tx
from bridge.tenancy.acts import ActStore
from bridge.tenancy.apply import (
    ChangeKind,
    FieldDifference,
    PlanStaleError,
    RemovalRefusedError,
    UnknownTenantError,
    apply,
    current_tenants,
    go_live,
    plan,
)
from bridge.tenancy.gates import Gate, GateKey, GateStore
from bridge.tenancy.tenant import Tenant
from bridge.testkit.tenant_files import apply_file, nothing_in_doubt, tenant_entry, tenant_file

ACME, BRIM = TenantId("acme"), TenantId("brim")


async def _gates(db: Database) -> dict[GateKey, Gate]:
    async with db.transaction() as tx:
        return {gate.key: gate for gate in await GateStore().all(tx)}


async def _tenant(db: Database, tenant: TenantId) -> Tenant:
    found = (await current_tenants(db))[tenant]
    assert isinstance(found, Tenant)
    return found


async def test_a_plan_shows_the_difference_and_changes_nothing(db: Database) -> None:
    await apply_file(db, tenant_file(tenant_entry("acme"), tenant_entry("gone"), tenant_entry("same")))
    before = await current_tenants(db)
    changed = tenant_entry("acme", paused=True, poll_interval=5)

    changes = plan(tenant_file(changed, tenant_entry("new"), tenant_entry("same")), before)

    assert [(change.kind, change.tenant) for change in changes] == [
        (ChangeKind.CHANGE, "acme"),
        (ChangeKind.PAUSE, "acme"),
        (ChangeKind.REMOVE, "gone"),
        (ChangeKind.ADD, "new"),
        (ChangeKind.NONE, "same"),
    ]
    assert changes[0].differences == (FieldDifference("poll_interval", "60.0", "5.0"),)
    assert FieldDifference("tripletex.employee_token.file", None, "/run/secrets/new-employee") in changes[3].differences
    assert await current_tenants(db) == before


async def test_a_new_tenant_has_its_shard_and_starts_closed_until_it_goes_live(db: Database) -> None:
    await apply_file(db, tenant_file(tenant_entry("acme")))

    gate = (await _gates(db))[GateKey.flow(ACME, Flow.CUSTOMERS)]
    assert gate.reason is Reason.NOT_LIVE
    tenant = await _tenant(db, ACME)
    assert (tenant.shard, tenant.live, tenant.paused) == (shard_of(ACME), False, False)

    assert await go_live(db, ACME, who="jane", why="checked with doctor") == 1
    assert await _gates(db) == {}
    assert (await _tenant(db, ACME)).live
    assert await go_live(db, ACME, who="jane", why="again") == 0


async def test_going_live_opens_only_what_was_closed_for_being_new(db: Database) -> None:
    await apply_file(db, tenant_file(tenant_entry("acme"), tenant_entry("brim")))
    source = GateKey.source(ACME, Flow.CUSTOMERS)
    async with db.transaction() as tx:
        await GateStore().close_by_hand(tx, source, who="joe", why="month end")

    await go_live(db, ACME, who="jane", why="checked")

    assert set(await _gates(db)) == {source, GateKey.flow(BRIM, Flow.CUSTOMERS)}


async def test_applying_the_same_file_twice_writes_nothing(db: Database) -> None:
    file = tenant_file(tenant_entry("acme"))
    await apply_file(db, file)
    before = await _tenant(db, ACME)

    changes = await apply_file(db, file)

    assert [change.kind for change in changes] == [ChangeKind.NONE]
    assert await _tenant(db, ACME) == before


async def test_a_change_to_a_live_tenant_leaves_it_live(db: Database) -> None:
    await apply_file(db, tenant_file(tenant_entry("acme")))
    await go_live(db, ACME, who="jane", why="checked")

    await apply_file(db, tenant_file(tenant_entry("acme", name="Acme Norge AS", paused=True)))

    tenant = await _tenant(db, ACME)
    assert (tenant.name, tenant.paused, tenant.live) == ("Acme Norge AS", True, True)
    assert await _gates(db) == {}


async def test_a_removed_tenant_keeps_its_row_and_resumes_when_it_is_added_again(db: Database) -> None:
    file = tenant_file(tenant_entry("acme"))
    await apply_file(db, file)
    await go_live(db, ACME, who="jane", why="checked")

    await apply_file(db, tenant_file())
    assert (await _tenant(db, ACME)).removed
    assert plan(tenant_file(), await current_tenants(db)) == []
    changes = await apply_file(db, file)

    assert [change.kind for change in changes] == [ChangeKind.RETURN]
    tenant = await _tenant(db, ACME)
    assert (tenant.removed, tenant.live) == (False, True)
    assert await _gates(db) == {}


async def test_a_tenant_added_again_is_read_anew_since_what_was_on_its_way_was_set_aside(db: Database) -> None:
    file = tenant_file(tenant_entry("acme"), tenant_entry("brim"))
    await apply_file(db, file)
    await apply_file(db, tenant_file(tenant_entry("brim")))
    await apply_file(db, file)
    await apply_file(db, file)

    async with db.transaction() as tx:
        asked = await ActStore(db).pending(tx, verbs=["resync"], shards=[shard_of(ACME), shard_of(BRIM)])

    assert [(act.tenant, act.entity, act.flow) for act in asked] == [(ACME, None, None)]


async def test_removal_is_refused_while_something_is_in_doubt_and_nothing_else_is_applied(db: Database) -> None:
    await apply_file(db, tenant_file(tenant_entry("acme"), tenant_entry("brim")))
    changes = plan(tenant_file(tenant_entry("brim", paused=True)), await current_tenants(db))

    async def three_of_acme(tx: Tx, tenant: TenantId) -> int:
        return 3 if tenant == ACME else 0

    with pytest.raises(RemovalRefusedError, match=r"acme \(3\)"):
        await apply(db, changes, who="jane", why="left", in_doubt=three_of_acme)
    assert not (await _tenant(db, ACME)).removed
    assert not (await _tenant(db, BRIM)).paused

    await apply(db, changes, who="jane", why="left", in_doubt=three_of_acme, force=True)
    assert (await _tenant(db, ACME)).removed


async def test_a_plan_made_before_somebody_elses_change_is_refused(db: Database) -> None:
    await apply_file(db, tenant_file(tenant_entry("acme")))
    stale = plan(tenant_file(tenant_entry("acme", poll_interval=5)), await current_tenants(db))
    await apply_file(db, tenant_file(tenant_entry("acme", poll_interval=7), tenant_entry("brim")))

    with pytest.raises(PlanStaleError, match="acme, brim"):
        await apply(db, stale, who="jane", why="faster", in_doubt=nothing_in_doubt)

    assert (await _tenant(db, ACME)).spec.poll_interval == 7


async def test_everything_is_audited_with_references_and_no_secret(db: Database) -> None:
    await apply_file(db, tenant_file(tenant_entry("acme")))
    await apply_file(db, tenant_file(tenant_entry("acme", poll_interval=5)))
    await go_live(db, ACME, who="jane", why="checked")
    await apply_file(db, tenant_file())

    acts = await ActStore(db).of_tenant(ACME)

    assert [act.verb for act in acts] == ["tenant.remove", "tenant.go-live", "tenant.change", "tenant.add"]
    assert acts[1].who == "jane"
    assert acts[2].args == {"differences": [["poll_interval", "60.0", "5.0"]]}


async def test_an_unknown_tenant_cannot_go_live(db: Database) -> None:
    with pytest.raises(UnknownTenantError, match="acme"):
        await go_live(db, ACME, who="jane", why="typo")
