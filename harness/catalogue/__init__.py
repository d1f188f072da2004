"""Finds components: loads plugins, checks what they yield, and answers for names."""

from harness.catalogue.catalogue import Catalogue
from harness.catalogue.loading import Loaded, PluginRequest, load

__all__ = ["Catalogue", "Loaded", "PluginRequest", "load"]
