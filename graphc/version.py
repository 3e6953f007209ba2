"""The version, in one place: the package, the command line, files and the installer read it here."""

__version__ = "0.2.0"
