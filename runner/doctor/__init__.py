"""Explains the machine: what the program needs, whether it is there, and how to get it."""
