"""The words of the errors, by area; :mod:`bancada.core.error_catalog` puts them together."""
