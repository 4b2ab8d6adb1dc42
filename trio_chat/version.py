"""The one place that holds the version; everything else, packaging included, reads it here."""

__version__ = "0.1.0"
