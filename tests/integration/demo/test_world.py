"""The companies of a composed system, made through the admin door of simulators that run already."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.demo.cast import companies
from bridge.demo.world import main
from bridge.tenancy.file import read_tenant_file
from bridge.testkit.simulators import SimulatorAdmin, SimulatorProcess


@pytest.fixture
def simulators() -> Iterator[SimulatorAdmin]:
    with SimulatorProcess() as process:
        yield process.admin


def _run(simulators: SimulatorAdmin, folder: Path) -> int:
    return main(["--host", "localhost", "--port", str(simulators.port), "--folder", str(folder)])


def test_every_company_has_its_invoices_and_what_they_name(simulators: SimulatorAdmin, tmp_path: Path) -> None:
    _run(simulators, tmp_path)

    for company in companies():
        (batch,) = simulators.batches(company.tenant).all()
        customers = {state.customer_number for state in simulators.history(company.company_id)}
        rows = [state.row for state in simulators.batches(company.tenant).history() if state.row]
        assert (batch.state, len(batch.invoices)) == ("GENERATED", company.invoices)
        assert {row["customerNumber"] for row in rows} <= customers


def test_every_company_has_its_customers_and_stands_in_the_tenant_file(
    simulators: SimulatorAdmin, tmp_path: Path
) -> None:
    assert _run(simulators, tmp_path) == 0

    written = {each.company_id: len(simulators.history(each.company_id)) for each in companies()}
    declared = read_tenant_file(tmp_path / "tenants.yaml", allow_loopback=True).tenants
    assert written == {each.company_id: each.customers for each in companies()}
    assert {each.tripletex.company_id for each in declared} == set(written)
    assert {each.tripletex.base_url for each in declared} == {f"http://localhost:{simulators.port}/tripletex/v2"}


def test_a_second_run_writes_nothing_twice_and_gives_out_new_secrets(
    simulators: SimulatorAdmin, tmp_path: Path
) -> None:
    _run(simulators, tmp_path)
    before = {each.company_id: simulators.history(each.company_id) for each in companies()}
    shown = {each.tenant: simulators.batches(each.tenant).history() for each in companies()}
    old = {file: file.read_text() for file in (tmp_path / "secrets").iterdir()}

    assert _run(simulators, tmp_path) == 0

    assert {company_id: simulators.history(company_id) for company_id in before} == before
    assert {tenant: simulators.batches(tenant).history() for tenant in shown} == shown
    assert all(file.read_text() != text for file, text in old.items())


def test_simulators_that_do_not_answer_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with SimulatorProcess() as gone:
        port = gone.admin.port

    assert main(["--host", "localhost", "--port", str(port), "--folder", str(tmp_path)]) == 1
    assert f"localhost:{port}" in capsys.readouterr().err
