"""Bancada: a workbench for running language models where there is no network."""

__version__ = "0.1.0"
