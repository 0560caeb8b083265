"""Experiments behind one console command: train, evaluate, compare, export and bench."""
