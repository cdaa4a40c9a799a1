"""Simulated Tripletex: companies with sessions and customers, behind the recorded wire format."""
