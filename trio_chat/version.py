"""The one place that holds the version; everything else, packaging included, reads it here."""

__version__ = "0.2.0"
