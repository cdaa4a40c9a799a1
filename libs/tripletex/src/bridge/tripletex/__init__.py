"""The Tripletex client: session, customers."""
