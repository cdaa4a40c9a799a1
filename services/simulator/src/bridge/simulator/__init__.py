"""Tripletex and OC2 with state and switchable misbehaviour; test and demo only."""
