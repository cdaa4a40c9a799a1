"""A small Tripletex and a client that speaks to it."""

import pytest

from bridge.contracts.identity import TenantId
from bridge.testkit.clock import ManualClock
from bridge.testkit.fake_tripletex import COMPANY, FakeTripletex, SecretFiles
from bridge.tripletex.access import TripletexTenant
from bridge.tripletex.client import TripletexClient


@pytest.fixture
def tripletex() -> FakeTripletex:
    return FakeTripletex()


@pytest.fixture
def secrets() -> SecretFiles:
    return SecretFiles()


@pytest.fixture
def acme(secrets: SecretFiles) -> TripletexTenant:
    return TripletexTenant(TenantId("acme"), "https://tripletex.example/v2", COMPANY, secrets)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def client(tripletex: FakeTripletex, clock: ManualClock) -> TripletexClient:
    return TripletexClient(tripletex, clock, share=0.3)
