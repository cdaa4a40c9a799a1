"""Simulated OC2: customers and payment terms of each tenant, behind the contract document."""
