"""Payment terms: found before they are created, the lowest id of several, created once whoever races."""

from bridge.testkit.mapped_cell import MappedCell, Runner


async def test_the_lowest_id_of_equal_terms_is_used_and_zero_days_is_a_term(cell: MappedCell, publish: Runner) -> None:
    terms = [
        {"id": 31, "name": "Netto 14 dager", "days": 14},
        {"id": 7, "name": "14 dager", "days": 14},
        {"id": 9, "name": "30 dgr", "days": 30},
    ]
    await cell.declare("acme", terms=terms)
    acme = cell.tenant("acme")
    await cell.send(
        cell.mapped(acme, 1, paymentTermDays=14),
        cell.mapped(acme, 2, paymentTermDays=30),
        cell.mapped(acme, 3, paymentTermDays=0),
        cell.mapped(acme, 4),
    )

    async with publish():
        await cell.settled(acme, confirmed=4)

    ledger = cell.admin.ledger(acme)
    created = [term["id"] for term in ledger.terms if term["days"] == 0]
    assert len(created) == 1
    assert [ledger.customers[number].get("paymentTermId") for number in (1, 2, 3, 4)] == [7, 9, created[0], None]


async def test_a_term_whose_creation_was_not_answered_is_found_again_and_never_doubled(
    cell: MappedCell, publish: Runner
) -> None:
    await cell.declare("acme")
    acme = cell.tenant("acme")
    cell.admin.add_fault(
        f"lost-{acme}", system="oc2", kind="answer_lost", scope=acme, method="POST", path="payment-terms", times=1
    )
    await cell.send(*(cell.mapped(acme, number, paymentTermDays=45) for number in range(1, 51)))

    async with publish(), publish():
        await cell.settled(acme, confirmed=50)

    ledger = cell.admin.ledger(acme)
    assert [term["days"] for term in ledger.terms] == [45]
    assert {content["paymentTermId"] for content in ledger.customers.values()} == {ledger.terms[0]["id"]}
    assert not await cell.rows("SELECT 1 AS one FROM publisher.dead_letter")


async def test_a_refused_term_makes_a_letter_for_those_who_need_it_and_for_no_one_else(
    cell: MappedCell, publish: Runner
) -> None:
    await cell.declare("acme")
    acme = cell.tenant("acme")
    cell.admin.add_fault(
        f"refuse-{acme}",
        system="oc2",
        kind="status",
        scope=acme,
        method="POST",
        path="payment-terms",
        status=422,
        body='{"title": "no", "status": 422, "errors": [{"field": "days", "message": "not offered"}]}',
        contentType="application/problem+json",
    )
    await cell.send(cell.mapped(acme, 1, paymentTermDays=99), cell.mapped(acme, 2))

    async with publish():
        await cell.settled(acme, confirmed=1, dead=1)

    letter = (await cell.rows("SELECT * FROM publisher.dead_letter"))[0]
    assert letter.text("reason") == "payment_term_refused"
    assert set(cell.admin.ledger(acme).customers) == {2}
