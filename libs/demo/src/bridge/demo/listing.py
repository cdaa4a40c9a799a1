"""OC2's own list of customers, read through its public door.

Owns that reading: a number that is there twice is seen here and nowhere else.
"""

import http.client
import json
from typing import Final
from urllib.parse import urlsplit

from bridge.demo.cast import Company
from bridge.testkit.simulator_answers import as_object, as_rows, integer
from bridge.testkit.simulators import SimulatorAdmin

_PAGE: Final = 500


def listed_customers(simulators: SimulatorAdmin, company: Company) -> list[int]:
    """Return every customer number as OC2's own list gives it."""
    found: list[int] = []
    while True:
        page = _page(simulators, company, after=found[-1] if found else 0)
        found += page
        if len(page) < _PAGE:
            return found


def _page(simulators: SimulatorAdmin, company: Company, *, after: int) -> list[int]:
    address = urlsplit(simulators.oc2_url(company.tenant))
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    try:
        query = f"afterNumber={after}&limit={_PAGE}"
        connection.request("GET", f"{address.path}/v1/customers?{query}", headers={"X-Api-Key": company.api_key})
        document = as_object(json.loads(connection.getresponse().read()))
    finally:
        connection.close()
    return [integer(row, "customerNumber") for row in as_rows(document.get("values"))]
